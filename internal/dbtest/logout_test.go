package dbtest_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
	"example.com/usersession/internal/dbtest"
)

// A back-channel logout on one host and a sign-in on another, whose ID token is older, leave
// no session, whichever of their statements comes first.
func TestBackchannelLogout_RaceWithSignIn(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		keys := ticket.InsecureRandomKeyRing()
		_, store := openStore(t, d, dbtest.Setup{})
		host := func() *serverside.Sessions {
			s, err := serverside.New(serverside.Config{Store: store, Protector: keys, Issuer: "https://id.example", Logger: slog.New(slog.DiscardHandler)})
			must(t, err)
			return s
		}
		here, there := host(), host()
		loggedOut := time.Now()
		signedIn := 0
		for round := range 40 {
			logout := bff.UserSessionsFilter{SubjectID: fmt.Sprint("user ", round), SessionID: fmt.Sprint("s", round)}
			tk := ticket.Ticket{SubjectID: logout.SubjectID, SessionID: []string{logout.SessionID, ""}[round%2], IDTokenIssuedAt: loggedOut}
			errs := race(2, func(i int) error {
				if i == 0 {
					r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
					_, err := here.SignIn(httptest.NewRecorder(), r, tk)
					return err
				}
				if err := there.RecordLogout(t.Context(), logout, loggedOut, loggedOut.Add(time.Hour)); err != nil {
					return err
				}
				_, err := there.BackchannelLogout(t.Context(), logout)
				return err
			})
			must(t, errs[1])
			if errs[0] == nil {
				signedIn++
			}
			must(t, here.Shutdown(t.Context())) // it removes the session of a failed sign-in
			left, err := there.UserSessions(t.Context(), logout.SubjectID)
			must(t, err)
			if len(left) != 0 {
				t.Errorf("round %d: the session has survived the logout; signing in returned %v", round, errs[0])
			}
		}
		t.Logf("%d of 40 sign-ins came first", signedIn)
	})
}
