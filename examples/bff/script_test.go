package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
)

// The script's routes require the header X-CSRF: 1 and refuse requests of other origins.
func TestRoutes_CSRFHeaderRequired(t *testing.T) {
	h := newHost(t, newFakeOP(t))
	c := h.newClient()
	c.signIn()
	for _, route := range []string{
		"GET /bff/user", "GET /bff/session", "POST /bff/session/grow", "POST /bff/session/refresh", "GET /bff/sessions",
		"POST /bff/sessions/revoke", "POST /bff/sessions/revoke-others", "GET /bff/operator", "POST /bff/operator/revoke",
		"POST /bff/operator/cleanup", "POST /bff/operator/leave", "GET /api/userinfo", "POST /api/userinfo",
	} {
		method, path, _ := strings.Cut(route, " ")
		for name, headers := range map[string]map[string]string{
			"no header":      nil,
			"another value":  {"X-CSRF": "0"},
			"another origin": {"X-CSRF": "1", "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
		} {
			if name == "another origin" && method == http.MethodGet {
				continue // a browser does not let another origin's page send the header
			}
			if r := c.do(method, path, "{}", headers); r.status != http.StatusForbidden {
				t.Errorf("%s with %s: %d", route, name, r.status)
			}
		}
	}
	if status := c.user(); status != http.StatusOK {
		t.Errorf("/bff/user after the refused requests: %d", status)
	}
}

// Without a session the script's routes answer 401, and the sign-out leads to the provider.
func TestRoutes_SignedOut(t *testing.T) {
	op := newFakeOP(t)
	c := newHost(t, op).newClient()
	for _, path := range []string{"/bff/user", "/bff/user?slide=false", "/bff/session", "/bff/sessions", "/bff/operator", "/api/userinfo"} {
		if r := c.call(http.MethodGet, path, ""); r.status != http.StatusUnauthorized || r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d, %s", path, r.status, r.header.Get("Cache-Control"))
		}
	}
	if r := c.get("/bff/logout"); r.status != http.StatusSeeOther || !strings.HasPrefix(r.location, op.issuer+"/end?") {
		t.Errorf("/bff/logout: %d %s", r.status, r.location)
	}
}

// Other sites cannot sign a user out. The page's link can, and so can a form of the page.
func TestLogout_OtherSites(t *testing.T) {
	c := newHost(t, newFakeOP(t)).newClient()
	c.signIn()
	for name, try := range map[string]func() reply{
		"another sid": func() reply { return c.get("/bff/logout?sid=other") },
		"another site": func() reply {
			return c.do(http.MethodGet, "/bff/logout", "", map[string]string{"Sec-Fetch-Site": "cross-site"})
		},
		"the same site": func() reply {
			return c.do(http.MethodGet, "/bff/logout", "", map[string]string{"Sec-Fetch-Site": "same-site"})
		},
		"another method": func() reply { return c.do(http.MethodPost, "/bff/logout", "", nil) },
		"another path":   func() reply { return c.get("/bff/logout/") },
	} {
		if r := try(); r.status < 400 || c.user() != http.StatusOK {
			t.Errorf("%s: %d", name, r.status)
		}
	}
	for name, out := range map[string]func() reply{
		"the link": func() reply { return c.get(c.logoutURL()) },
		"a form": func() reply {
			return c.do(http.MethodPost, "/bff/logout", "", map[string]string{"Sec-Fetch-Site": "same-origin"})
		},
	} {
		if r := out(); r.status != http.StatusSeeOther || c.user() != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, r.status)
		}
		c.signIn()
	}
}

// A user lists and ends their own sessions, and not the sessions of other users.
func TestSessions_OwnOnly(t *testing.T) {
	h := newHost(t, newFakeOP(t))
	laptop, phone := h.newClient(), h.newClient()
	laptop.headers = map[string]string{"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}
	laptop.signIn()
	phone.signIn()
	bobs := bff.UserSession{
		PartitionKey: h.app.sessions.Config().Partition, Key: "k", SubjectID: "bob", SessionID: "bobs", Created: time.Now(), Renewed: time.Now(),
	}
	if err := h.app.store.CreateUserSession(t.Context(), bobs); err != nil {
		t.Fatal(err)
	}
	sessions := laptop.call(http.MethodGet, "/bff/sessions", "").json(t)["sessions"].([]any)
	var devices []string
	other := ""
	for _, s := range sessions {
		s := s.(map[string]any)
		devices = append(devices, s["properties"].(map[string]any)["device"].(string))
		if s["current"] != true {
			other = s["sid"].(string)
		}
	}
	if got := strings.Join(devices, ", "); len(sessions) != 2 || !strings.Contains(got, "Firefox on Linux") {
		t.Errorf("the sessions: %s", got)
	}
	if r := laptop.call(http.MethodPost, "/bff/sessions/revoke", `{"sid":"bobs"}`); r.json(t)["revoked"] != 0.0 {
		t.Errorf("revoking another user's session: %s", r.body)
	}
	for _, body := range []string{"", "{}", `{"sid":""}`, `{"sid":1}`, "[" + strings.Repeat("1,", 5000)} {
		if r := laptop.call(http.MethodPost, "/bff/sessions/revoke", body); r.status != http.StatusBadRequest {
			t.Errorf("%.20q: %d", body, r.status)
		}
	}
	if r := laptop.call(http.MethodPost, "/bff/sessions/revoke", `{"sid":"`+other+`"}`); r.json(t)["revoked"] != 1.0 {
		t.Errorf("revoking the other session: %s", r.body)
	}
	if laptop.user() != http.StatusOK || phone.user() != http.StatusUnauthorized {
		t.Error("the wrong session has ended")
	}
	phone.signIn()
	if r := laptop.call(http.MethodPost, "/bff/sessions/revoke-others", ""); r.json(t)["revoked"] != 1.0 {
		t.Errorf("revoking all other sessions: %s", r.body)
	}
	rows, err := h.app.store.GetUserSessions(t.Context(), h.app.sessions.Config().Partition, bff.UserSessionsFilter{SubjectID: "bob"})
	if err != nil || len(rows) != 1 {
		t.Errorf("the other user has %d sessions, want 1: %v", len(rows), err)
	}
}

// Only users named by -operators may use the operator's page.
func TestOperator_Access(t *testing.T) {
	op := newFakeOP(t)
	c := newHost(t, op, func(o *options) { o.operators = "" }).newClient()
	c.signIn()
	if r := c.call(http.MethodGet, "/bff/operator", ""); r.status != http.StatusForbidden {
		t.Errorf("without operators: %d", r.status)
	}
	c = newHost(t, op).newClient()
	c.signIn()
	c.call(http.MethodPost, "/bff/operator/leave", "")
	if body := c.call(http.MethodGet, "/bff/operator", "").json(t); body["rows"] != 26.0 || body["expired"] != 25.0 {
		t.Errorf("the table: %v, want 26 rows and 25 expired", body)
	}
	if r := c.call(http.MethodPost, "/bff/operator/cleanup", ""); r.json(t)["removed"] != 25.0 {
		t.Errorf("cleanup: %s", r.body)
	}
	for _, body := range []string{"", "{}", `{"sid":"x"}`, `{"sub":1}`} {
		if r := c.call(http.MethodPost, "/bff/operator/revoke", body); r.status != http.StatusBadRequest {
			t.Errorf("%q: %d", body, r.status)
		}
	}
	if r := c.call(http.MethodPost, "/bff/operator/revoke", `{"sub":"alice"}`); r.json(t)["revoked"] != 1.0 || c.user() != http.StatusUnauthorized {
		t.Errorf("revoking alice: %s", r.body)
	}
}

// The operator's list names each session's device, has a bounded number of sessions, and ends
// one of a user's sessions.
func TestOperator_List(t *testing.T) {
	h := newHost(t, newFakeOP(t))
	laptop, phone := h.newClient(), h.newClient()
	phone.headers = map[string]string{"User-Agent": "Mozilla/5.0 (iPhone) Version/19.0 Mobile Safari/604.1"}
	phone.signIn()
	laptop.headers = map[string]string{"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}
	laptop.signIn()
	list := func() []any { return laptop.call(http.MethodGet, "/bff/operator", "").json(t)["sessions"].([]any) }
	sessions := list()
	for i, want := range []string{"Firefox on Linux", "Safari on iPhone"} { // newest first
		if s := sessions[i].(map[string]any); s["device"] != want || s["current"] != (i == 0) {
			t.Errorf("session %d: %v", i, s)
		}
	}
	body := `{"sub":"alice","sid":"` + sessions[1].(map[string]any)["sid"].(string) + `"}`
	if r := laptop.call(http.MethodPost, "/bff/operator/revoke", body); r.json(t)["revoked"] != 1.0 {
		t.Errorf("revoking one: %s", r.body)
	}
	if r := laptop.call(http.MethodPost, "/bff/operator/revoke", `{"sub":"alice","sid":""}`); r.status != http.StatusBadRequest {
		t.Errorf("revoking a session without a sid: %d %s", r.status, r.body)
	}
	if laptop.user() != http.StatusOK || phone.user() != http.StatusUnauthorized {
		t.Error("the wrong session has ended")
	}
	for i := range sessionsSeen { // their tickets do not open
		err := h.app.store.CreateUserSession(t.Context(), bff.UserSession{
			PartitionKey: h.app.sessions.Config().Partition, Key: fmt.Sprint(i), SubjectID: "bob", Created: time.Now(), Renewed: time.Now(),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if sessions = list(); len(sessions) != sessionsSeen || sessions[0].(map[string]any)["device"] != "" {
		t.Errorf("%d sessions, the first %v", len(sessions), sessions[0])
	}
}

// A call to the API has the access token, refreshed if it has expired, and none of the
// browser's credentials. The browser gets none of the API's cookies.
func TestCallAPI_Headers(t *testing.T) {
	op := newFakeOP(t, func(op *fakeOP) { op.lifetime = time.Second })
	c := newHost(t, op).newClient()
	c.signIn()
	time.Sleep(op.lifetime) // the access token expires
	op.lifetime = time.Hour
	issued := len(op.issued)
	r := c.do(http.MethodGet, "/api/userinfo", "", map[string]string{"X-CSRF": "1", "Authorization": "Bearer mine", "X-Other": "1"})
	if r.status != http.StatusOK || r.json(t)["name"] != "Alice Archer" {
		t.Fatalf("/api/userinfo: %d %s", r.status, r.body)
	}
	if len(op.issued) != issued+2 {
		t.Error("the tokens were not refreshed")
	}
	sent := op.apiCalls[len(op.apiCalls)-1]
	if got := sent.Get("Authorization"); got != "Bearer "+op.issued[issued] {
		t.Error("the API did not get the new token")
	}
	for _, name := range []string{"Cookie", "X-Csrf", "X-Other"} {
		if sent.Get(name) != "" {
			t.Errorf("the API got %s", name)
		}
	}
	for _, name := range []string{"Set-Cookie", "Access-Control-Allow-Origin"} {
		if r.header.Get(name) != "" {
			t.Errorf("the browser got %s", name)
		}
	}
	for _, path := range []string{"/api/", "/api/other", "/api/userinfo/x", "/api/%2e%2e/userinfo/.."} {
		if r := c.call(http.MethodGet, path, ""); r.status == http.StatusOK {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	op.refresh = "spent"
	c2 := c.call(http.MethodPost, "/bff/session/refresh", "")
	if c2.status != http.StatusUnauthorized || c2.json(t)["error"] != "sign_in_again" || c.user() != http.StatusOK {
		t.Errorf("a refused refresh token: %d %s", c2.status, c2.body)
	}
}

// With -api calls stay below that URL: the API gets the path as the browser sent it, or no
// request at all.
func TestCallAPI_StaysBelowBaseURL(t *testing.T) {
	var asked []string
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = append(asked, r.RequestURI) }))
	defer api.Close()
	for _, base := range []string{"/v1", "/v1/", "/v%201/"} {
		c := newHost(t, newFakeOP(t), func(o *options) { o.api = api.URL + base }).newClient()
		c.signIn()
		base = strings.TrimSuffix(base, "/")
		for path, want := range map[string]string{
			"/api/": base + "/", "/api/orders/7?a=b&c=%2F": base + "/orders/7?a=b&c=%2F",
			"/api/100%25": base + "/100%25", "/api/a%20b": base + "/a%20b", "/api/what%3F": base + "/what%3F",
			"/api/..a/b..": base + "/..a/b..", "/api/.../x": base + "/.../x", "/api/a;b=1": base + "/a;b=1",
			// No path is decoded twice.
			"/api/%252e%252e/admin": base + "/%252e%252e/admin", "/api/..%252f..%252fadmin": base + "/..%252f..%252fadmin",
			"/api/%252e%252e%252fadmin": base + "/%252e%252e%252fadmin",
			"/api/orders%2F7":           base + "/orders%2F7",
		} {
			asked = nil
			if r := c.call(http.MethodGet, path, ""); r.status != http.StatusOK || !slices.Equal(asked, []string{want}) {
				t.Errorf("%s: %d, the API got %q, want %s", path, r.status, asked, want)
			}
		}
		for _, path := range []string{
			"/api/..", "/api/../admin", "/api/../../admin", "/api/x/../../../admin", "/api/x/..", "/api//evil.example/x",
			"/api/%2e%2e/admin", "/api/.%2E/admin", "/api/%2e%2e%2fadmin", "/api/..%2f..%2fadmin", "/api/x%2f..%2f..%2f..%2fadmin",
			`/api/..\admin`, "/api/..%5cadmin", "/api/x%5c..%5c..%5cadmin", "/api/x/%2e%2e%5c..%2fadmin",
			"/api/..;/admin", "/api/..;x=1/admin", "/api/x/..%3b/..%3b/admin",
		} {
			asked = nil
			if r := c.call(http.MethodGet, path, ""); r.status == http.StatusOK || len(asked) > 0 {
				t.Errorf("%s: %d, the API got %q, want no request", path, r.status, asked)
			}
		}
	}
}
