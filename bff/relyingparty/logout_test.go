package relyingparty_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/relyingparty"
)

func TestLogout_OnlyTheUsersOwn(t *testing.T) {
	b := newApp(t, newOP(t)).browser()
	b.signIn()
	for name, target := range map[string]string{
		"without sid": "/bff/logout", "with an empty sid": "/bff/logout?sid=", "with another sid": "/bff/logout?sid=other",
		"with two": "/bff/logout?sid=" + b.op.sid + "&sid=other", "in another case": "/bff/logout?sid=" + strings.ToUpper(b.op.sid),
	} {
		t.Run(name, func(t *testing.T) {
			b.wantFailure(b.get(target), http.StatusBadRequest, "does not match")
			b.wantSignedIn("alice")
		})
	}
}

func TestLogout_PostOfThisOriginOnly(t *testing.T) {
	const evil = "https://evil.example"
	b := newApp(t, newOP(t)).browser()
	for _, test := range []struct {
		site, origin, csrf string
		ends               bool
	}{
		{"same-origin", baseURL, "", true},
		{"same-origin", "", "", true},
		{"", baseURL, "", true}, // a browser without Sec-Fetch-Site
		{"", "", "1", true},     // no browser
		{"", "", "", false},
		{"", "", "2", false},
		{"", evil, "", false},
		{"", evil, "1", false},
		{"", "null", "", false},
		{"cross-site", evil, "", false},
		{"cross-site", evil, "1", false},
		{"cross-site", "", "1", false},
		{"same-site", "https://other.example", "", false},
		{"same-site", "", "1", false},
		{"none", "", "", false},
	} {
		b.signIn()
		r := b.request(http.MethodPost, "/bff/logout", nil)
		for name, value := range map[string]string{"Sec-Fetch-Site": test.site, "Origin": test.origin, "X-CSRF": test.csrf} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if a := b.send(r); test.ends {
			if a.StatusCode != http.StatusSeeOther {
				t.Errorf("%+v: %d", test, a.StatusCode)
			}
			b.wantSignedIn("")
		} else {
			b.wantFailure(a, http.StatusBadRequest, "does not match")
			b.wantSignedIn("alice")
		}
	}
}

func TestLogout_InsecureWithoutSID(t *testing.T) {
	b := newApp(t, newOP(t), func(s *setup) { s.rp.InsecureLogoutWithoutSID = true }).browser()
	b.signIn()
	b.wantFailure(b.get("/bff/logout?sid=other"), http.StatusBadRequest, "does not match")
	if a := b.get("/bff/logout"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("%d", a.StatusCode)
	}
	b.wantSignedIn("")
}

// A session that has ended still leads to the provider's sign-out.
func TestLogout_SessionGone(t *testing.T) {
	b := newApp(t, newOP(t)).browser()
	b.signIn()
	logout := b.wantSignedIn("alice")["bff:logout_url"].(string)
	if _, err := b.sessions.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); err != nil {
		t.Fatal(err)
	}
	a := b.get(logout)
	query := queryOf(t, a.location())
	if !strings.HasPrefix(a.location(), b.op.issuer+"/end?") || query.Get("client_id") != fakeClient || query.Get("post_logout_redirect_uri") == "" || query.Has("id_token_hint") {
		t.Errorf("%d to %q", a.StatusCode, a.location())
	}
	if len(b.cookies) != 0 {
		t.Errorf("the browser keeps %v", b.cookies)
	}
}

func TestLogout_Destinations(t *testing.T) {
	for name, test := range map[string]struct {
		op   func(*fakeOP)
		want func(*fakeOP) string
		hint bool
	}{
		"no end_session_endpoint": {func(op *fakeOP) { op.noEndSession = true }, func(*fakeOP) string { return "/out" }, false},
		"one with a query": {func(op *fakeOP) {
			op.document = func(d map[string]any) { d["end_session_endpoint"] = op.issuer + "/end?tenant=1" }
		}, func(op *fakeOP) string { return op.issuer + "/end?client_id=" }, true},
		"an ID token that is too long": {func(op *fakeOP) {
			op.change = func(c map[string]any) { c["picture"] = strings.Repeat("x", 4096) }
		}, func(op *fakeOP) string { return op.issuer + "/end?client_id=" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t, test.op)
			b := newApp(t, op, func(s *setup) { s.rp.PostLogoutPath = "/out" }).browser()
			b.signIn()
			a := b.get(b.wantSignedIn("alice")["bff:logout_url"].(string))
			if !strings.HasPrefix(a.location(), test.want(op)) || queryOf(t, a.location()).Has("id_token_hint") != test.hint {
				t.Errorf("it leads to %.200q", a.location())
			}
			if strings.Contains(name, "query") && queryOf(t, a.location()).Get("tenant") != "1" {
				t.Errorf("the endpoint's own query is lost: %q", a.location())
			}
			b.wantSignedIn("")
		})
	}
}

func (b *browser) post(token string) answer {
	r := b.request(http.MethodPost, "/bff/backchannel", strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.send(r)
}

func TestBackchannelLogout(t *testing.T) {
	op := newOP(t)
	a := newApp(t, op)
	one, two, provider := a.browser(), a.browser(), a.browser()
	one.signIn()
	sid := op.sid
	two.signIn()
	token := op.logoutToken("logout+jwt", "", sid, nil)
	if got := provider.post(token); got.StatusCode != http.StatusOK {
		t.Fatalf("%d %s\n%s", got.StatusCode, got.body, a.log)
	}
	one.wantSignedIn("")
	two.wantSignedIn("alice")
	if got := provider.post(token); got.StatusCode != http.StatusBadRequest {
		t.Errorf("a token that was used before: %d", got.StatusCode)
	}
	if got := provider.post(op.logoutToken("logout+jwt", "alice", "", nil)); got.StatusCode != http.StatusOK {
		t.Errorf("by subject: %d", got.StatusCode)
	}
	two.wantSignedIn("")
	for name, bad := range map[string]string{
		"another type": op.logoutToken("JWT", "alice", "", nil),
		"a nonce":      op.logoutToken("logout+jwt", "alice", "", func(c map[string]any) { c["nonce"] = "n" }),
		"expired":      op.logoutToken("logout+jwt", "alice", "", func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() }),
	} {
		if got := provider.post(bad); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", name, got.StatusCode)
		}
	}
}

func TestBackchannelLogout_Options(t *testing.T) {
	op := newOP(t)
	a := newApp(t, op, func(s *setup) {
		s.rp.InsecureAcceptUntypedLogoutTokens, s.rp.BackchannelLogoutAllUserSessions = true, true
	})
	one, two := a.browser(), a.browser()
	one.signIn()
	two.signIn()
	if got := one.post(op.logoutToken("JWT", "alice", op.sid, nil)); got.StatusCode != http.StatusOK {
		t.Errorf("%d %s", got.StatusCode, a.log)
	}
	one.wantSignedIn("")
	two.wantSignedIn("")
}

// During an outage of the provider a logout token may be valid: it can be delivered again.
func TestBackchannelLogout_ProviderDown(t *testing.T) {
	for name, down := range map[string]func(*fakeOP){
		"keys": func(op *fakeOP) { op.keysStatus = http.StatusInternalServerError },
		"discovery": func(op *fakeOP) {
			op.discover = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t, down)
			b := newApp(t, op).browser()
			if got := b.post(op.logoutToken("logout+jwt", "alice", "", nil)); got.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("%d", got.StatusCode)
			}
			if !strings.Contains(b.log.String(), "level=ERROR") {
				t.Errorf("no error in the log:\n%s", b.log)
			}
		})
	}
}

// While the store does not answer, the endpoints that list or end sessions answer with status 503,
// and only the log has the cause.
func TestSessions_StoreDown(t *testing.T) {
	store := newBrokenStore()
	b := newApp(t, newOP(t), func(s *setup) { s.sessions.Store, s.rp.FrontchannelLogout = store, true }).browser()
	b.signIn()
	logout := b.wantSignedIn("alice")["bff:logout_url"].(string)
	for name, test := range map[string]struct {
		left int64 // the operations that succeed: to read the session of the request
		send func() answer
	}{
		"list":          {1, func() answer { return b.script(http.MethodGet, "/bff/sessions", "") }},
		"revoke":        {1, func() answer { return b.script(http.MethodPost, "/bff/sessions/revoke", `{"sid":"`+b.op.sid+`"}`) }},
		"revoke others": {1, func() answer { return b.script(http.MethodPost, "/bff/sessions/revoke-others", "") }},
		"logout":        {1, func() answer { return b.get(logout) }},
		"front channel": {0, func() answer { return b.app.browser().get("/bff/frontchannel?sid=" + b.op.sid) }},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(b.log.String())
			store.left.Store(test.left)
			a := test.send()
			store.mend()
			if a.StatusCode != http.StatusServiceUnavailable || strings.Contains(a.body, errStore.Error()) {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
			if got := b.log.String()[before:]; !strings.Contains(got, "level=ERROR") || !strings.Contains(got, errStore.Error()) {
				t.Errorf("the log does not have the cause: %s", got)
			}
			b.wantSignedIn("alice")
		})
	}
}

// Any client can send logout tokens: they make the provider serve a bounded number of keys.
func TestBackchannelLogout_ForgedTokens(t *testing.T) {
	op := newOP(t)
	b := newApp(t, op).browser()
	b.signIn()
	op.signer = otherKey()
	for range 50 {
		if got := b.post(op.logoutToken("logout+jwt", "alice", "", nil)); got.StatusCode != http.StatusBadRequest {
			t.Fatalf("%d", got.StatusCode)
		}
	}
	if op.keyFetches > 5 { // one of them for the sign-in
		t.Errorf("50 forged tokens fetched the keys %d times", op.keyFetches)
	}
	b.wantSignedIn("alice")
	// They do not use up the fetches of a sign-in after a rotation of the keys.
	op.rotate()
	another := b.app.browser()
	another.signIn()
	another.wantSignedIn("alice")
}

func TestFrontchannelLogout(t *testing.T) {
	op := newOP(t)
	a := newApp(t, op, func(s *setup) { s.rp.FrontchannelLogout = true })
	one, two, frame := a.browser(), a.browser(), a.browser()
	one.signIn()
	sid := op.sid
	two.signIn()
	target := func(iss, sid string) string {
		return "/bff/frontchannel?" + url.Values{"iss": {iss}, "sid": {sid}}.Encode()
	}
	for name, bad := range map[string]string{
		"no parameters": "/bff/frontchannel", "no sid": target(op.issuer, ""), "another issuer": target("https://evil.example", sid),
		"an empty issuer": target("", sid), "two issuers": target(op.issuer, sid) + "&iss=" + url.QueryEscape(op.issuer),
		"two sids": target(op.issuer, sid) + "&sid=" + sid, "a blank sid": target(op.issuer, " "),
	} {
		if got := frame.get(bad); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", name, got.StatusCode)
		}
	}
	one.wantSignedIn("alice")
	for range 2 { // the answer is the same if there is no session
		got := frame.get(target(op.issuer, sid))
		if got.StatusCode != http.StatusOK || got.Header.Get("Cache-Control") != "no-store" ||
			!strings.Contains(got.Header.Get("Content-Security-Policy"), "frame-ancestors "+op.issuer) {
			t.Errorf("%d %v", got.StatusCode, got.Header)
		}
	}
	one.wantSignedIn("")
	two.wantSignedIn("alice")
	// Entra ID sends the sid alone.
	if got := frame.get("/bff/frontchannel?sid=" + url.QueryEscape(op.sid)); got.StatusCode != http.StatusOK {
		t.Errorf("without iss: %d", got.StatusCode)
	}
	two.wantSignedIn("")
	off := newApp(t, op).browser()
	if got := off.get(target(op.issuer, op.sid)); got.StatusCode != http.StatusNotFound {
		t.Errorf("without FrontchannelLogout: %d", got.StatusCode)
	}
}

func TestSessions_ListAndRevoke(t *testing.T) {
	op := newOP(t)
	a := newApp(t, op)
	one, two, other := a.browser(), a.browser(), a.browser()
	one.signIn()
	two.signIn()
	second := op.sid
	op.change = func(c map[string]any) { c["sub"] = "bob" }
	op.userInfo = func(c map[string]any) { c["sub"] = "bob" }
	other.signIn()
	bobs := op.sid
	list := one.script(http.MethodGet, "/bff/sessions", "")
	if strings.Count(list.body, `"sid"`) != 2 || strings.Count(list.body, `"current":true`) != 1 || strings.Contains(list.body, bobs) {
		t.Errorf("%s", list.body)
	}
	for name, body := range map[string]string{
		"no body": "", "no JSON": "x", "no sid": "{}", "an empty sid": `{"sid":""}`, "a number": `{"sid":1}`,
		"too large": `{"sid":"` + strings.Repeat("x", 5000) + `"}`,
	} {
		if got := one.script(http.MethodPost, "/bff/sessions/revoke", body); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
	if got := one.script(http.MethodPost, "/bff/sessions/revoke", `{"sid":"`+bobs+`"}`); !strings.Contains(got.body, `"revoked":0`) {
		t.Errorf("another user's session: %s", got.body)
	}
	other.wantSignedIn("bob")
	if got := one.script(http.MethodPost, "/bff/sessions/revoke", `{"sid":"`+second+`"}`); !strings.Contains(got.body, `"revoked":1`) {
		t.Errorf("%s", got.body)
	}
	two.wantSignedIn("")
	op.change, op.userInfo = nil, nil
	two.signIn()
	if got := one.script(http.MethodPost, "/bff/sessions/revoke-others", ""); !strings.Contains(got.body, `"revoked":1`) {
		t.Errorf("%s", got.body)
	}
	two.wantSignedIn("")
	one.wantSignedIn("alice")
	nobody := a.browser()
	for _, target := range []string{"/bff/sessions/revoke", "/bff/sessions/revoke-others"} {
		if got := nobody.script(http.MethodPost, target, `{"sid":"x"}`); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s, signed out: %d", target, got.StatusCode)
		}
	}
	if got := nobody.script(http.MethodGet, "/bff/sessions", ""); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("signed out: %d", got.StatusCode)
	}
}

// Another site cannot call the endpoints for scripts.
func TestEndpoints_AntiForgery(t *testing.T) {
	b := newApp(t, newOP(t)).browser()
	b.signIn()
	for target, method := range map[string]string{
		"/bff/user": http.MethodGet, "/bff/sessions": http.MethodGet,
		"/bff/sessions/revoke": http.MethodPost, "/bff/sessions/revoke-others": http.MethodPost,
	} {
		if got := b.send(b.request(method, target, strings.NewReader("{}"))); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s without X-CSRF: %d", target, got.StatusCode)
		}
		r := b.request(method, target, strings.NewReader("{}"))
		r.Header.Set("X-CSRF", "1")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		if got := b.send(r); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s from another site: %d", target, got.StatusCode)
		}
		if got := b.script(http.MethodDelete, target, ""); got.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("DELETE %s: %d", target, got.StatusCode)
		}
	}
	b.wantSignedIn("alice")
	if got := b.get("/bff/other"); got.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown path: %d", got.StatusCode)
	}
}

func TestRegister_Mismatch(t *testing.T) {
	op := newOP(t)
	a := newApp(t, op)
	rp, err := relyingparty.New(relyingparty.Config{
		Issuer: "https://other.example", ClientID: "x", BaseURL: baseURL, Protector: keysForTests,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := rp.Register(http.NewServeMux(), a.sessions); err == nil || !strings.Contains(err.Error(), "issuer") {
		t.Errorf("another issuer: %v", err)
	}
	if err := rp.Register(http.NewServeMux(), nil); err == nil {
		t.Error("nil sessions are accepted")
	}
	rp, err = relyingparty.New(relyingparty.Config{Issuer: op.issuer, ClientID: "x", BaseURL: baseURL, Protector: keysForTests, Path: "/auth"})
	if err != nil {
		t.Fatal(err)
	}
	if err := rp.Register(http.NewServeMux(), a.sessions); err == nil || !strings.Contains(err.Error(), `UserPath to "/auth/user"`) {
		t.Errorf("another path: %v", err)
	}
}
