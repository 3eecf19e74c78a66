package serverside

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff"
)

// A lossyStore loses the answers of updates that it has written, as a connection does that
// breaks at that moment.
type lossyStore struct {
	*spy
	lose int // the number of the update whose answer is lost; 0: none
}

func (s *lossyStore) UpdateUserSession(ctx context.Context, key bff.UserSessionKey, u bff.UserSessionUpdate) error {
	err := s.spy.UpdateUserSession(ctx, key, u)
	if s.lose--; s.lose == 0 && err == nil {
		err = errDown
	}
	return err
}

// lossyFleet is fleet with a lossyStore on the first host.
func lossyFleet(t *testing.T, lose int) (*provider, []*browser) {
	t.Helper()
	hosts := 0
	return fleet(t, 2, func(c *Config) {
		if hosts++; hosts == 1 {
			c.Store = &lossyStore{spy: c.Store.(*spy), lose: lose}
		}
	})
}

// TestRefresh_ClaimWrittenAnswerLost: the host does not know that its claim is written. No
// later request waits for the end of that claim.
func TestRefresh_ClaimWrittenAnswerLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := lossyFleet(t, 1)
		p.delay = 0
		if _, err := browsers[0].token(t.Context()); !errors.Is(err, errDown) {
			t.Fatalf("the claim's update: %v", err)
		}
		browsers[0].settle()
		if claim := browsers[1].stored(t).ticket.RefreshClaim(); claim != "" {
			t.Error("the claim is left")
		}
		begin := time.Now()
		if token, err := browsers[1].token(t.Context()); token != "access-1" || err != nil {
			t.Errorf("%q, %v", token, err)
		}
		if took := time.Since(begin); took != 0 || p.calls != 1 {
			t.Errorf("the next request took %v, with %d calls of the provider", took, p.calls)
		}
	})
}

// TestRefresh_TokensWrittenAnswerLost: the host finds its own tokens at the next try, and does
// not take them for another host's.
func TestRefresh_TokensWrittenAnswerLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := lossyFleet(t, 2)
		for _, br := range browsers {
			if token, err := br.token(t.Context()); token != "access-1" || err != nil {
				t.Errorf("%q, %v", token, err)
			}
		}
		if p.calls != 1 || strings.Contains(browsers[0].log.String(), "another host") {
			t.Errorf("%d calls of the provider; the log: %s", p.calls, browsers[0].log)
		}
		p.want(t)
	})
}

// TestRefresh_NewTokensNotWritten: the new refresh token is in no session, and nothing but
// the log says so if the request got its old access token.
func TestRefresh_NewTokensNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 1, nil)
		store := browsers[0].store
		p.during = func() { store.breakDown("update") }
		if _, err := browsers[0].token(t.Context()); err == nil {
			t.Error("refreshed")
		}
		browsers[0].settle()
		if log := browsers[0].log.String(); !strings.Contains(log, "a new refresh token was not stored") || strings.Contains(log, "refresh-1") {
			t.Errorf("the log: %s", log)
		}
	})
}

// TestRefresh_SessionsUnreadable: the new refresh token of a session that has ended is not revoked
// as long as a new sign-in may have it.
func TestRefresh_SessionsUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 1, nil)
		b := browsers[0].testBFF
		p.during = func() {
			b.removeAll("alice")()
			b.store.breakDown("list")
		}
		if _, err := browsers[0].token(t.Context()); !errors.Is(err, ErrNoSession) {
			t.Errorf("%v", err)
		}
		p.want(t)
		if log := b.log.String(); !strings.Contains(log, "the user's sessions could not be read") || !strings.Contains(log, "a new refresh token was not stored") {
			t.Errorf("the log: %s", log)
		}
	})
}

// TestRefresh_SignedInAgain: the new refresh token is not revoked, since it may belong to the
// grant of the new session.
func TestRefresh_SignedInAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, browsers := fleet(t, 1, nil)
		b := browsers[0].testBFF
		p.during = func() { b.browser().signIn(alice()) }
		if _, err := browsers[0].token(t.Context()); !errors.Is(err, ErrNoSession) {
			t.Errorf("%v", err)
		}
		p.want(t)
		if log := b.log.String(); !strings.Contains(log, "a new refresh token was not stored") {
			t.Errorf("the log: %s", log)
		}
	})
}
