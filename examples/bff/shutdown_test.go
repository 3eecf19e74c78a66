package main

import (
	"cmp"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// TestShutdown_KeepsRefreshedTokens: SIGTERM arrives while the provider takes three seconds
// to answer a refresh. The request that began the refresh has its answer, with the access
// token that is still valid, and the refresh token is used. The program must not end before
// the new tokens are in the database.
func TestShutdown_KeepsRefreshedTokens(t *testing.T) {
	for name, dsn := range map[string]func(*testing.T) string{
		"sqlite": func(t *testing.T) string { return filepath.Join(t.TempDir(), "bff.db") },
		"postgres": func(t *testing.T) string {
			return ownSchema(t, "postgres", cmp.Or(os.Getenv("USERSESSION_TEST_POSTGRES"), "postgres://root@127.0.0.1:5432/test?sslmode=disable"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn, keys := dsn(t), filepath.Join(t.TempDir(), "bff.keys")
			op := newFakeOP(t, func(op *fakeOP) { op.refreshDelay = 3 * time.Second })
			p := startProgram(t, op, dsn, keys)
			c := p.newClient()
			c.signIn()
			rows := openRows(t, p)
			rows.makeRefreshDue()
			used := rows.ticket().RefreshToken

			if r := c.call(http.MethodGet, "/api/userinfo", ""); r.status != http.StatusOK { // after a second
				t.Fatalf("the request that begins a refresh: %d %s", r.status, r.body)
			}
			asked, answered := op.tokenRequests()
			if asked != 2 {
				t.Fatalf("%d requests to the token endpoint, want those of the sign-in and of a refresh", asked)
			}
			if answered != 1 {
				t.Skip("the refresh had ended before the signal: the machine is too slow for this test")
			}
			p.terminate()

			access, refresh := op.latest()
			stored := rows.ticket()
			if refresh == used || stored.RefreshToken != refresh || stored.AccessToken != access {
				t.Error("the tokens of the refresh are not in the database")
			}
			op.setRefreshDelay(0)
			again := startProgram(t, op, dsn, keys)
			c.h = again.host
			if status := c.user(); status != http.StatusOK {
				t.Errorf("/bff/user after a restart: %d", status)
			}
			if r := c.call(http.MethodPost, "/bff/session/refresh", ""); r.status != http.StatusOK {
				t.Errorf("a refresh after a restart: %d %s", r.status, r.body)
			}
			again.terminate()
		})
	}
}

// rows is the program's database, opened from another process.
type rows struct {
	t         *testing.T
	store     *database
	keys      *ticket.KeyRing
	partition string
}

func openRows(t *testing.T, p *program) *rows {
	t.Helper()
	store, err := openStore(p.app.opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.close)
	keys, err := keyRing(p.app.opts.keys)
	if err != nil {
		t.Fatal(err)
	}
	return &rows{t: t, store: store, keys: keys, partition: "bff-example-" + p.app.opts.issuer}
}

// session returns alice's only session with its ticket.
func (r *rows) session() (bff.UserSession, ticket.Ticket) {
	r.t.Helper()
	sessions, err := r.store.GetUserSessions(r.t.Context(), r.partition, bff.UserSessionsFilter{SubjectID: "alice"})
	if err != nil || len(sessions) != 1 {
		r.t.Fatalf("%d sessions, %v", len(sessions), err)
	}
	opened, err := ticket.Open(r.keys, ticket.BindingOf(sessions[0]), sessions[0].Ticket)
	if err != nil {
		r.t.Fatal(err)
	}
	return sessions[0], opened
}

func (r *rows) ticket() ticket.Ticket {
	r.t.Helper()
	_, opened := r.session()
	return opened
}

// makeRefreshDue makes the access token one that was obtained an hour ago and expires in
// half a minute.
func (r *rows) makeRefreshDue() {
	r.t.Helper()
	row, opened := r.session()
	opened.AccessTokenObtained = time.Now().Add(-time.Hour).UTC()
	opened.AccessTokenExpires = time.Now().Add(30 * time.Second).UTC()
	sealed, err := ticket.Seal(r.keys, ticket.BindingOf(row), opened)
	if err != nil {
		r.t.Fatal(err)
	}
	err = r.store.UpdateUserSession(r.t.Context(), bff.UserSessionKey{PartitionKey: row.PartitionKey, Key: row.Key}, bff.UserSessionUpdate{
		SubjectID: row.SubjectID, SessionID: row.SessionID, Created: row.Created, Renewed: row.Renewed, Expires: row.Expires,
		Ticket: sealed, IfVersion: row.Version,
	})
	if err != nil {
		r.t.Fatal(err)
	}
}
