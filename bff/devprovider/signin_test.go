package devprovider_test

import (
	"bytes"
	"log"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"example.com/usersession/bff/devprovider"
)

func TestSignIn_TokensAndUserinfo(t *testing.T) {
	p := newProvider(t)
	rp, b := newRelyingParty(t, p, app()), newBrowser(t, p)
	token, c := rp.signIn(b, "bob")
	if c.Subject != "bob" || c.SID == "" || c.Name != "Bob Baker" || c.Email != "bob@example.com" {
		t.Errorf("the ID token: %+v", c)
	}
	info, err := rp.provider.UserInfo(rp.ctx, oauth2.StaticTokenSource(token))
	if err != nil || info.Subject != "bob" || info.Email != "bob@example.com" || !info.EmailVerified {
		t.Errorf("userinfo: %+v %v", info, err)
	}
	sessions := p.Sessions()
	if len(sessions) != 1 || sessions[0].SID != c.SID || sessions[0].Subject != "bob" || !slices.Equal(sessions[0].Clients, []string{"app"}) {
		t.Errorf("sessions: %+v", sessions)
	}
}

// Users of the configuration replace the default ones, with claims of any kind.
func TestSignIn_UsersOfConfig(t *testing.T) {
	p, err := devprovider.New(devprovider.Config{Issuer: issuer, Clients: []devprovider.Client{app()}, Users: []devprovider.User{
		{Subject: "dora", Claims: map[string]any{"roles": []string{"admin"}, "email": "dora@other.example"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	rp, b := newRelyingParty(t, p, app()), newBrowser(t, p)
	_, address := rp.begin()
	page := b.visit(address)
	if strings.Contains(page.body, "alice") {
		t.Error("the page has a default user")
	}
	if page := b.choose(page, "alice"); page.status != http.StatusBadRequest {
		t.Errorf("a user that does not exist: %d", page.status)
	}
	_, c := rp.signIn(b, "dora")
	if c.Name != "dora" || c.Email != "dora@other.example" || !slices.Equal(c.Roles, []string{"admin"}) {
		t.Errorf("the ID token: %+v", c)
	}
}

// A browser that has signed in gets the code of another client without a page. Both share the
// session.
func TestSingleSignOn_TwoClients(t *testing.T) {
	other := app()
	other.ID = "other"
	p := newProvider(t, app(), other)
	b := newBrowser(t, p)
	_, first := newRelyingParty(t, p, app()).signIn(b, "alice")
	rp := newRelyingParty(t, p, other)
	at, address := rp.begin("prompt", "none")
	_, second := rp.exchange(at, b.visit(address).response(t))
	if second.Subject != "alice" || second.SID != first.SID || second.AuthTime != first.AuthTime {
		t.Errorf("the second ID token: %+v, the first: %+v", second, first)
	}
	if sessions := p.Sessions(); len(sessions) != 1 || !slices.Equal(sessions[0].Clients, []string{"app", "other"}) {
		t.Errorf("sessions: %+v", sessions)
	}
	if _, address := rp.begin(); !newBrowser(t, p).visit(address).asksForUser() {
		t.Error("another browser is signed in")
	}
}

// prompt=none without a session is answered with login_required, also with iss and state. It is an
// ordinary answer: nothing is logged.
func TestPromptNone_LoginRequired(t *testing.T) {
	logged := defaultLog(t)
	p := newProvider(t)
	rp, b := newRelyingParty(t, p, app()), newBrowser(t, p)
	refused := func(why string, parameters ...string) {
		t.Helper()
		at, address := rp.begin(append(parameters, "prompt", "none")...)
		response := b.visit(address).response(t)
		if response.Get("error") != "login_required" || response.Get("state") != at.state || response.Get("iss") != issuer || response.Has("code") {
			t.Errorf("%s: %v", why, response)
		}
	}
	refused("no session")
	token, c := rp.signIn(b, "alice")
	hint := token.Extra("id_token").(string)
	if _, address := rp.begin("prompt", "none", "id_token_hint", hint); b.visit(address).response(t).Get("code") == "" {
		t.Error("the hint of the same user is refused")
	}
	refused("max_age=0", "max_age", "0")
	refused("another acr", "acr_values", "gold")
	p.EndSession(t.Context(), c.SID)
	refused("the session has ended")
	rp.signIn(b, "bob")
	refused("the hint of another user", "id_token_hint", hint)
	if logged.Len() > 0 {
		t.Errorf("the log:\n%s", logged)
	}
}

// defaultLog returns what slog.Default logs until the test ends.
func defaultLog(t *testing.T) *bytes.Buffer {
	var logged bytes.Buffer
	former, output, flags := slog.Default(), log.Writer(), log.Flags()
	slog.SetDefault(slog.New(slog.NewTextHandler(&logged, nil)))
	t.Cleanup(func() {
		slog.SetDefault(former)
		log.SetOutput(output)
		log.SetFlags(flags)
	})
	return &logged
}

// prompt=login and select_account show the page. The same user's session goes on with its
// sid; another user's begins, and the former ends.
func TestPrompt_ShowsPage(t *testing.T) {
	p := newProvider(t)
	rp, b := newRelyingParty(t, p, app()), newBrowser(t, p)
	_, first := rp.signIn(b, "alice")
	for _, prompt := range []string{"login", "select_account"} {
		if _, again := rp.signIn(b, "alice", "prompt", prompt); again.SID != first.SID {
			t.Errorf("prompt=%s: another session", prompt)
		}
	}
	_, other := rp.signIn(b, "bob", "prompt", "login")
	if other.Subject != "bob" || other.SID == first.SID {
		t.Errorf("bob's ID token: %+v", other)
	}
	if sessions := p.Sessions(); len(sessions) != 1 || sessions[0].SID != other.SID {
		t.Errorf("sessions: %+v", sessions)
	}
}

// acr_values that the session does not have need the page: step-up. The first is reached.
func TestACRValues_StepUp(t *testing.T) {
	p := newProvider(t)
	rp, b := newRelyingParty(t, p, app()), newBrowser(t, p)
	if _, c := rp.signIn(b, "alice"); c.ACR != "" {
		t.Errorf("acr %q", c.ACR)
	}
	if _, c := rp.signIn(b, "alice", "acr_values", "gold silver"); c.ACR != "gold" {
		t.Errorf("acr %q", c.ACR)
	}
	at, address := rp.begin("acr_values", "platinum gold")
	if _, c := rp.exchange(at, b.visit(address).response(t)); c.ACR != "gold" {
		t.Errorf("acr %q", c.ACR)
	}
}

func TestMaxAge_ShowsPageWhenOlder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		rp, b := newRelyingParty(t, p, app()), newBrowser(t, p)
		_, first := rp.signIn(b, "alice")
		rp.signIn(b, "alice", "prompt", "login") // at the same instant, too
		rp.signIn(b, "alice", "max_age", "0")
		time.Sleep(59 * time.Second)
		at, address := rp.begin("max_age", "60")
		if _, c := rp.exchange(at, b.visit(address).response(t)); c.AuthTime != first.AuthTime {
			t.Errorf("auth_time %d, want %d", c.AuthTime, first.AuthTime)
		}
		time.Sleep(2 * time.Second)
		if _, c := rp.signIn(b, "alice", "max_age", "60"); c.AuthTime != first.AuthTime+61 {
			t.Errorf("auth_time %d, want %d", c.AuthTime, first.AuthTime+61)
		}
	})
}

// The form of a sign-in page works once.
func TestSignIn_FormOnce(t *testing.T) {
	p := newProvider(t)
	rp, b := newRelyingParty(t, p, app()), newBrowser(t, p)
	_, address := rp.begin()
	page := b.visit(address)
	b.choose(page, "alice").response(t)
	if again := b.choose(page, "bob"); again.status != http.StatusBadRequest || len(p.Sessions()) != 1 {
		t.Errorf("the form again: %d, %d sessions", again.status, len(p.Sessions()))
	}
	if page := b.visit(issuer + "/signin?request=unknown"); page.status != http.StatusBadRequest || page.asksForUser() {
		t.Errorf("an unknown request: %d", page.status)
	}
}

// Codes, access tokens and sign-in pages expire.
func TestLifetimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		rp, b := newRelyingParty(t, p, app()), newBrowser(t, p)
		token, _ := rp.signIn(b, "alice")
		if left := time.Until(token.Expiry); left > 5*time.Minute || left < 4*time.Minute {
			t.Errorf("the access token expires in %s", left)
		}
		at, address := rp.begin()
		response := b.visit(address).response(t)
		stranger := newBrowser(t, p)
		_, address = rp.begin()
		page := stranger.visit(address)
		time.Sleep(4 * time.Minute)
		if status := rp.userinfo(token.AccessToken); status != http.StatusOK {
			t.Errorf("userinfo: %d", status)
		}
		if _, err := rp.Exchange(rp.ctx, response.Get("code"), oauth2.VerifierOption(at.verifier)); !isCode(err, "invalid_grant") {
			t.Errorf("an old code: %v", err)
		}
		time.Sleep(7 * time.Minute)
		if status := rp.userinfo(token.AccessToken); status != http.StatusUnauthorized {
			t.Errorf("userinfo with an old token: %d", status)
		}
		if page := stranger.choose(page, "alice"); page.status != http.StatusBadRequest {
			t.Errorf("an old sign-in page: %d", page.status)
		}
	})
}
