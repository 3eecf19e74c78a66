package oidcverify_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"

	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/backchannel/oidcverify"
)

// logoutEndpoint is the code of the README.
func logoutEndpoint(ctx context.Context, issuer, clientID string, sessions backchannel.Sessions) (http.Handler, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	verifier, err := oidcverify.New(provider, oidcverify.Config{ClientID: clientID})
	if err != nil {
		return nil, err
	}
	return backchannel.New(backchannel.Config{Sessions: sessions, Verifier: verifier})
}

func TestLogoutEndpoint(t *testing.T) {
	o := newOP(t)
	e := &endpoint{sessions: &sessions{issuer: o.URL}, log: &bytes.Buffer{}}
	var err error
	if e.Handler, err = logoutEndpoint(t.Context(), o.URL, clientID, e.sessions); err != nil {
		t.Fatal(err)
	}
	if code := e.post(t, o.token(nil)); code != http.StatusOK || len(e.sessions.filters) != 1 {
		t.Errorf("status %d, ended %v", code, e.sessions.filters)
	}
}
