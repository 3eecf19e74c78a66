package devprovider_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"example.com/usersession/bff/devprovider"
)

// endSession returns the address of a sign-out.
func endSession(parameters ...string) string {
	query := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		query.Set(parameters[i], parameters[i+1])
	}
	return issuer + "/end_session?" + query.Encode()
}

func TestEndSession_WithIDToken(t *testing.T) {
	p := newProvider(t)
	rp, b := newRelyingParty(t, p, app()), newBrowser(t, p)
	token, _ := rp.signIn(b, "alice")
	hint := token.Extra("id_token").(string)
	if page := b.visit(endSession("id_token_hint", hint, "post_logout_redirect_uri", "http://localhost:8080/other")); page.status != http.StatusBadRequest {
		t.Errorf("an address that is not registered: %d %v", page.status, page.left)
	}
	if page := b.visit(endSession("id_token_hint", hint[:len(hint)-8]+"AAAAAAAA", "post_logout_redirect_uri", home)); page.status != http.StatusBadRequest {
		t.Errorf("a hint with another signature: %d %v", page.status, page.left)
	}
	if len(p.Sessions()) != 1 || len(b.cookies) != 1 {
		t.Fatal("a refused sign-out has ended the session")
	}
	page := b.visit(endSession("id_token_hint", hint, "post_logout_redirect_uri", home, "state", "x"))
	if page.left == nil || page.left.String() != home+"?state=x" {
		t.Errorf("the sign-out: %d %v", page.status, page.left)
	}
	if len(p.Sessions()) != 0 || len(b.cookies) != 0 || rp.userinfo(token.AccessToken) != http.StatusUnauthorized {
		t.Error("the session, the cookie or the access token is left")
	}
	if page := b.visit(endSession("id_token_hint", hint, "post_logout_redirect_uri", home)); page.left == nil {
		t.Errorf("the same sign-out again: %d", page.status)
	}
}

// A hint of a former session also signs the browser out of its present one, unless that is
// another user's.
func TestEndSession_FormerIDToken(t *testing.T) {
	p := newProvider(t)
	rp, b := newRelyingParty(t, p, app()), newBrowser(t, p)
	token, c := rp.signIn(b, "alice")
	hint := token.Extra("id_token").(string)
	p.EndSession(t.Context(), c.SID)
	rp.signIn(b, "bob")
	b.visit(endSession("id_token_hint", hint))
	if len(p.Sessions()) != 1 || len(b.cookies) != 1 {
		t.Error("bob's session has ended")
	}
	rp.signIn(b, "alice", "prompt", "login")
	b.visit(endSession("id_token_hint", hint))
	if len(p.Sessions()) != 0 || len(b.cookies) != 0 {
		t.Error("alice's session is left")
	}
}

// Without an ID token the provider asks the user, and another site cannot answer.
func TestEndSession_WithoutIDToken(t *testing.T) {
	p := newProvider(t)
	rp, b := newRelyingParty(t, p, app()), newBrowser(t, p)
	address := endSession("client_id", "app", "post_logout_redirect_uri", home, "state", "x")
	if page := b.visit(address); page.left == nil || page.left.String() != home+"?state=x" {
		t.Errorf("a browser without a session: %d %v", page.status, page.left)
	}
	rp.signIn(b, "alice")
	page := b.visit(address)
	if page.status != http.StatusOK || !strings.Contains(page.body, `action="/signout"`) || len(p.Sessions()) != 1 {
		t.Fatalf("no question: %d %v %s", page.status, page.left, page.body)
	}
	form := url.Values{}
	for _, field := range regexp.MustCompile(`name="(\w+)" value="([^"]*)"`).FindAllStringSubmatch(page.body, -1) {
		form.Set(field[1], html.UnescapeString(field[2]))
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, issuer+"/signout", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if response, err := b.client.Do(r); err != nil || response.StatusCode != http.StatusForbidden || len(p.Sessions()) != 1 {
		t.Errorf("the form from another site: %v %v", response, err)
	}
	if page := b.do(http.MethodPost, issuer+"/signout", form); page.left == nil || page.left.String() != home+"?state=x" {
		t.Errorf("the confirmed sign-out: %d %v", page.status, page.left)
	}
	if len(p.Sessions()) != 0 || len(b.cookies) != 0 {
		t.Error("the session or the cookie is left")
	}
}

// backchannel is a client's endpoint that records the logout tokens.
type backchannel struct {
	*httptest.Server
	mu     sync.Mutex
	tokens []string
}

func newBackchannel(t *testing.T) *backchannel {
	b := &backchannel{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.tokens = append(b.tokens, r.PostFormValue("logout_token"))
	}))
	t.Cleanup(b.Close)
	return b
}

// Every way to end a session sends a logout token to each of its clients.
func TestBackchannel_LogoutTokenToEachClient(t *testing.T) {
	endpoints := []*backchannel{newBackchannel(t), newBackchannel(t)}
	one, two, three := app(), app(), app()
	one.BackchannelLogoutURI, two.ID, two.BackchannelLogoutURI = endpoints[0].URL, "two", endpoints[1].URL
	three.ID = "three" // has no endpoint
	p := newProvider(t, one, two, three)
	rp := newRelyingParty(t, p, one)
	for name, end := range map[string]func(b *browser, sid, hint string){
		"EndSession":   func(_ *browser, sid, _ string) { p.EndSession(t.Context(), sid) },
		"the page":     func(b *browser, sid, _ string) { b.do(http.MethodPost, issuer+"/end", url.Values{"sid": {sid}}) },
		"a sign-out":   func(b *browser, _, hint string) { b.visit(endSession("id_token_hint", hint)) },
		"another user": func(b *browser, _, _ string) { rp.signIn(b, "bob", "prompt", "login") },
	} {
		b := newBrowser(t, p)
		token, c := rp.signIn(b, "alice")
		for _, other := range []devprovider.Client{two, three} {
			rp := newRelyingParty(t, p, other)
			at, address := rp.begin()
			rp.exchange(at, b.visit(address).response(t))
		}
		end(b, c.SID, token.Extra("id_token").(string))
		for i, id := range []string{"app", "two"} {
			if tokens := endpoints[i].tokens; len(tokens) != 1 {
				t.Errorf("%s: %d logout tokens for %s, want 1", name, len(tokens), id)
			} else {
				checkLogoutToken(t, rp, tokens[0], id, c.SID)
			}
			endpoints[i].tokens = nil
		}
	}
	page := newBrowser(t, p).visit(issuer + "/")
	if !strings.Contains(page.body, "answer: 200 OK") {
		t.Errorf("the page does not show the deliveries: %s", page.body)
	}
	endpoints[0].Close()
	_, c := rp.signIn(newBrowser(t, p), "alice")
	if !p.EndSession(t.Context(), c.SID) || p.EndSession(t.Context(), c.SID) {
		t.Error("EndSession does not say whether there was a session")
	}
	if page := newBrowser(t, p).visit(issuer + "/"); !strings.Contains(page.body, "not delivered") {
		t.Errorf("the page does not show the failed delivery: %s", page.body)
	}
}

// checkLogoutToken checks a token by OpenID Connect Back-Channel Logout 1.0, section 2.4.
func checkLogoutToken(t *testing.T, rp *relyingParty, raw, client, sid string) {
	t.Helper()
	parsed, err := jose.ParseSigned(raw, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	if typ := parsed.Signatures[0].Header.ExtraHeaders[jose.HeaderType]; typ != "logout+jwt" {
		t.Errorf("the type is %v", typ)
	}
	token, err := rp.provider.VerifierContext(rp.ctx, &oidc.Config{ClientID: client, SupportedSigningAlgs: []string{"ES256"}}).Verify(rp.ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]json.RawMessage
	if err := token.Claims(&c); err != nil {
		t.Fatal(err)
	}
	if string(c["sid"]) != `"`+sid+`"` || token.Subject != "alice" || c["jti"] == nil || c["nonce"] != nil ||
		!strings.Contains(string(c["events"]), "http://schemas.openid.net/event/backchannel-logout") {
		t.Errorf("the logout token: %s", c)
	}
}

var frames = regexp.MustCompile(`<iframe src="([^"]+)"`)

// A sign-out loads the front-channel logout addresses in frames, with iss and sid, and then
// goes on to the client.
func TestFrontchannel_Frames(t *testing.T) {
	one, two, three := app(), app(), app()
	one.FrontchannelLogoutURI = "http://localhost:8080/frontchannel"
	two.ID, two.FrontchannelLogoutURI = "two", "http://app.localhost:8081/logout?tenant=a"
	three.ID, three.FrontchannelLogoutURI = "three", "http://localhost:8082/not-signed-in"
	p := newProvider(t, one, two, three)
	b := newBrowser(t, p)
	token, c := newRelyingParty(t, p, one).signIn(b, "alice")
	rp := newRelyingParty(t, p, two)
	at, address := rp.begin()
	rp.exchange(at, b.visit(address).response(t))
	page := b.visit(endSession("id_token_hint", token.Extra("id_token").(string), "post_logout_redirect_uri", home))
	var got []string
	for _, match := range frames.FindAllStringSubmatch(page.body, -1) {
		got = append(got, html.UnescapeString(match[1]))
	}
	parameters := url.Values{"iss": {issuer}, "sid": {c.SID}}.Encode()
	want := []string{one.FrontchannelLogoutURI + "?" + parameters, two.FrontchannelLogoutURI + "&" + parameters}
	if !slices.Equal(got, want) {
		t.Errorf("frames %q, want %q", got, want)
	}
	if !strings.Contains(page.body, `id="next" href="`+home+`"`) {
		t.Errorf("the page does not go on: %s", page.body)
	}
	policy := page.header.Get("Content-Security-Policy")
	if !strings.HasSuffix(policy, "frame-src http://localhost:8080 http://app.localhost:8081") {
		t.Errorf("the policy: %s", policy)
	}
	nonce := regexp.MustCompile(`<script nonce="(\w+)"`).FindStringSubmatch(page.body)
	if nonce == nil || !strings.Contains(policy, "script-src 'nonce-"+nonce[1]+"'") {
		t.Errorf("the policy does not admit the script: %s", policy)
	}
	if len(p.Sessions()) != 0 || len(b.cookies) != 0 {
		t.Error("the session or the cookie is left")
	}
}
