package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	databases "example.com/usersession/examples/usersessiondb/database"
	"example.com/usersession/examples/usersessiondb/dsn"
)

// The example works on the other databases: table creation, sign-in, sign-out, cleanup.
// A server that cannot be reached is skipped, unless USERSESSION_REQUIRE names it.
func TestApp_OtherDatabases(t *testing.T) {
	for name, dsn := range map[string]string{
		"postgres":  cmp.Or(os.Getenv("USERSESSION_TEST_POSTGRES"), "postgres://root@127.0.0.1:5432/test?sslmode=disable"),
		"mysql":     "mysql://" + cmp.Or(os.Getenv("USERSESSION_TEST_MYSQL"), "root@tcp(127.0.0.1:3306)/test?parseTime=true"),
		"sqlserver": os.Getenv("USERSESSION_TEST_SQLSERVER"),
	} {
		t.Run(name, func(t *testing.T) {
			dsn := ownSchema(t, name, dsn)
			h := newHost(t, newFakeOP(t), func(o *options) { o.dsn = dsn })
			c, other := h.newClient(), h.newClient()
			c.signIn()
			other.signIn()
			if r := c.call(http.MethodPost, "/bff/session/grow", ""); r.json(t)["ticket"].(map[string]any)["stored"].(float64) < 20<<10 {
				t.Errorf("the larger session: %s", r.body)
			}
			c.call(http.MethodPost, "/bff/operator/leave", "")
			if body := c.call(http.MethodGet, "/bff/operator", "").json(t); body["rows"] != 27.0 || body["expired"] != 25.0 {
				t.Errorf("the table: %v of %v rows have expired, want 25 of 27", body["expired"], body["rows"])
			}
			if r := c.call(http.MethodPost, "/bff/operator/cleanup", ""); r.json(t)["removed"] != 25.0 {
				t.Errorf("cleanup: %s", r.body)
			}
			if r := c.call(http.MethodPost, "/bff/sessions/revoke-others", ""); r.json(t)["revoked"] != 1.0 {
				t.Errorf("revoking the other session: %s", r.body)
			}
			if r := c.get(c.logoutURL()); r.status != http.StatusSeeOther || c.user() != http.StatusUnauthorized {
				t.Errorf("/bff/logout: %d", r.status)
			}
		})
	}
}

// Several hosts may start at once on an empty database.
func TestOpenStore_HostsStartAtOnce(t *testing.T) {
	for name, text := range map[string]string{
		"postgres": cmp.Or(os.Getenv("USERSESSION_TEST_POSTGRES"), "postgres://root@127.0.0.1:5432/test?sslmode=disable"),
		"mysql":    "mysql://" + cmp.Or(os.Getenv("USERSESSION_TEST_MYSQL"), "root@tcp(127.0.0.1:3306)/test?parseTime=true"),
		"sqlite":   filepath.Join(t.TempDir(), "sessions.db"),
	} {
		t.Run(name, func(t *testing.T) {
			if name != "sqlite" {
				text = ownSchema(t, name, text)
			}
			source, err := dsn.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			var hosts sync.WaitGroup
			for range 6 {
				hosts.Go(func() {
					store, err := openStore(options{source: source})
					if err != nil {
						t.Error(err)
						return
					}
					defer store.close()
					if _, err := store.DeleteExpiredSessions(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			hosts.Wait()
		})
	}
}

// ownSchema creates a schema for the test, drops it afterwards and returns its DSN. On SQL
// Server it returns the DSN unchanged: the test uses the table in that database.
func ownSchema(t *testing.T, engine, text string) string {
	t.Helper()
	if text == "" {
		unavailable(t, engine, "USERSESSION_TEST_SQLSERVER is not set")
	}
	source, err := dsn.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	db, err := databases.Open(source)
	if err == nil {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if pool, poolErr := db.DB(); poolErr != nil {
			err = poolErr
		} else {
			t.Cleanup(func() { pool.Close() })
			err = pool.PingContext(ctx)
		}
	}
	if err != nil {
		unavailable(t, engine, "the server cannot be reached: make databases")
	}
	name := "bff_example_" + strings.ToLower(rand.Text()[:8])
	create, drop := "CREATE SCHEMA "+name, "DROP SCHEMA "+name
	switch engine {
	case "postgres":
		drop += " CASCADE"
		text += map[bool]string{true: "&", false: "?"}[strings.Contains(text, "?")] + "search_path=" + name
	case "mysql":
		create += " CHARACTER SET utf8mb4"
		before, after, _ := strings.Cut(source.DSN(), ")/")
		_, parameters, _ := strings.Cut(after, "?")
		text = before + ")/" + name + "?" + parameters
	default:
		return text
	}
	if err := db.Exec(create).Error; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Exec(drop).Error; err != nil {
			t.Error(err)
		}
	})
	return text
}

// unavailable skips the test, or fails it if USERSESSION_REQUIRE names the engine.
func unavailable(t *testing.T, engine, reason string) {
	t.Helper()
	for one := range strings.SplitSeq(os.Getenv("USERSESSION_REQUIRE"), ",") {
		if strings.TrimSpace(one) == engine {
			t.Fatal(reason)
		}
	}
	t.Skip(reason)
}
