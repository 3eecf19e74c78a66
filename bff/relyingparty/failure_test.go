package relyingparty_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/relyingparty"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// An outage of the provider is shown as an outage, signs no user out, and needs no restart to end.
func TestProviderDown(t *testing.T) {
	for name, test := range map[string]struct {
		break_, mend func(*fakeOP)
		again        bool // the same callback works after the outage
	}{
		"keys 500":              {func(op *fakeOP) { op.keysStatus = 500 }, func(op *fakeOP) { op.keysStatus = 0 }, true},
		"keys 404":              {func(op *fakeOP) { op.keysStatus = 404 }, func(op *fakeOP) { op.keysStatus = 0 }, true},
		"token endpoint 500":    {func(op *fakeOP) { op.tokenStatus = 500 }, func(op *fakeOP) { op.tokenStatus = 0 }, true},
		"token endpoint 429":    {func(op *fakeOP) { op.tokenStatus = 429 }, func(op *fakeOP) { op.tokenStatus = 0 }, true},
		"token endpoint 503":    {func(op *fakeOP) { op.tokenStatus = 503 }, func(op *fakeOP) { op.tokenStatus = 0 }, true},
		"another secret":        {func(op *fakeOP) { op.wrongClient = true }, func(op *fakeOP) { op.wrongClient = false }, true},
		"500 and an error code": {func(op *fakeOP) { op.tokenStatus, op.tokenError = 500, new("invalid_grant") }, func(op *fakeOP) { op.tokenStatus = 0 }, true},
		"429 and an error code": {func(op *fakeOP) { op.tokenStatus, op.tokenError = 429, new("invalid_grant") }, func(op *fakeOP) { op.tokenStatus = 0 }, true},
		"300 and no error code": {func(op *fakeOP) { op.tokenStatus, op.tokenError = 300, new("") }, func(op *fakeOP) { op.tokenStatus = 0 }, true},
		"404 and no error code": {func(op *fakeOP) { op.tokenStatus, op.tokenError = 404, new("") }, func(op *fakeOP) { op.tokenStatus = 0 }, true},
		"token redirect":        {func(op *fakeOP) { op.tokenStatus = 307 }, func(op *fakeOP) { op.tokenStatus = 0 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			b := newApp(t, op).browser()
			callback := b.atProvider(b.get("/bff/login"))
			test.break_(op)
			b.wantFailure(b.get(callback), http.StatusServiceUnavailable, "does not answer")
			b.wantSignedIn("")
			if !strings.Contains(b.log.String(), "level=ERROR") {
				t.Errorf("no error in the log:\n%s", b.log)
			}
			test.mend(op)
			if a := b.get(callback); a.StatusCode != http.StatusSeeOther {
				t.Errorf("the same callback after the outage: %d\n%s", a.StatusCode, b.log)
			}
			b.wantSignedIn("alice")
		})
	}
}

// The application may start before the provider, and a bad document is not used.
func TestDiscovery(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"another issuer":               func(d map[string]any) { d["issuer"] = "https://evil.example" },
		"the issuer with a slash":      func(d map[string]any) { d["issuer"] = d["issuer"].(string) + "/" },
		"the issuer in another case":   func(d map[string]any) { d["issuer"] = strings.ToUpper(d["issuer"].(string)) },
		"no issuer":                    func(d map[string]any) { delete(d, "issuer") },
		"no token endpoint":            func(d map[string]any) { delete(d, "token_endpoint") },
		"no authorization endpoint":    func(d map[string]any) { delete(d, "authorization_endpoint") },
		"no keys":                      func(d map[string]any) { delete(d, "jwks_uri") },
		"an http token endpoint":       func(d map[string]any) { d["token_endpoint"] = "http://id.example/token" },
		"an http userinfo endpoint":    func(d map[string]any) { d["userinfo_endpoint"] = "http://id.example/u" },
		"an http revocation endpoint":  func(d map[string]any) { d["revocation_endpoint"] = "http://id.example/r" },
		"an http end session endpoint": func(d map[string]any) { d["end_session_endpoint"] = "http://id.example/e" },
		"a script as the end":          func(d map[string]any) { d["end_session_endpoint"] = "javascript:alert(1)" },
		"a path as an endpoint":        func(d map[string]any) { d["authorization_endpoint"] = "/authorize" },
		"an endpoint with a fragment": func(d map[string]any) {
			d["authorization_endpoint"] = d["authorization_endpoint"].(string) + "#x"
		},
		"a state in an endpoint": func(d map[string]any) {
			d["authorization_endpoint"] = d["authorization_endpoint"].(string) + "?state=evil"
		},
		"an endpoint of another kind":          func(d map[string]any) { d["token_endpoint"] = 1 },
		"an optional endpoint of another kind": func(d map[string]any) { d["userinfo_endpoint"] = 1 },
		"an endpoint without a host":           func(d map[string]any) { d["token_endpoint"] = "https:///token" },
		"an endpoint that is no URL":           func(d map[string]any) { d["token_endpoint"] = "https://id.example/%zz" },
		"no userinfo endpoint and an http revocation endpoint": func(d map[string]any) {
			delete(d, "userinfo_endpoint")
			d["revocation_endpoint"] = "http://id.example/r"
		},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t, func(op *fakeOP) { op.document = change })
			b := newApp(t, op).browser()
			for range 5 {
				b.wantFailure(b.get("/bff/login"), http.StatusServiceUnavailable, "does not answer")
			}
			if op.discoveries != 1 {
				t.Errorf("5 requests caused %d discoveries", op.discoveries)
			}
			if strings.Contains(b.log.String(), "evil.example") {
				t.Errorf("the log quotes the document:\n%s", b.log)
			}
		})
	}
}

func TestDiscovery_RecoversAndAges(t *testing.T) {
	op := newOP(t)
	now := time.Now()
	down := true
	b := newApp(t, op, func(s *setup) {
		s.rp.Clock = func() time.Time { return now }
		s.rp.Transport = transportFunc(func(r *http.Request) (*http.Response, error) {
			if down {
				return nil, errors.New("no route to host")
			}
			return http.DefaultTransport.RoundTrip(r)
		})
	}).browser()
	b.wantFailure(b.get("/bff/login"), http.StatusServiceUnavailable, "does not answer")
	if !strings.Contains(b.log.String(), "no route to host") {
		t.Errorf("the log does not have the cause:\n%s", b.log)
	}
	down = false
	now = now.Add(time.Second)
	login := b.get("/bff/login")
	if login.StatusCode != http.StatusSeeOther {
		t.Fatalf("a second after the outage: %d\n%s", login.StatusCode, b.log)
	}
	// The document is fetched again when it is old, in the background, and an outage then
	// changes nothing.
	op.mu.Lock()
	discoveries := op.discoveries
	op.mu.Unlock()
	now = now.Add(2 * time.Hour)
	b.get("/bff/login")
	for range 1000 {
		op.mu.Lock()
		again := op.discoveries
		op.mu.Unlock()
		if again > discoveries {
			return
		}
		time.Sleep(5 * time.Millisecond) // until the fetch in the background
	}
	t.Error("the document was not fetched again")
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A provider that never answers does not hold the request for longer than ProviderTimeout.
func TestProviderTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rp, err := relyingparty.New(relyingparty.Config{
			Issuer: "https://id.example", ClientID: "bff", BaseURL: baseURL, Protector: keysForTests, ProviderTimeout: 3 * time.Second,
			Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		_, err = rp.RefreshTokens(t.Context(), "token")
		if waited := time.Since(begin); err == nil || waited != 3*time.Second {
			t.Errorf("%v after %v", err, waited)
		}
		if _, err := rp.UserInfoEndpoint(t.Context()); !errors.Is(err, backchannel.ErrProviderUnavailable) {
			t.Errorf("the userinfo endpoint: %v", err)
		}
		if err := rp.RevokeRefreshToken(t.Context(), "token"); err == nil {
			t.Error("a revocation that did not reach the provider counts as done")
		}
	})
}

// The callback reaches a host that has not reached the provider yet. It works after the outage.
func TestCallback_ProviderDownOnAnotherHost(t *testing.T) {
	op := newOP(t)
	var first setup
	one := newApp(t, op, func(s *setup) { first = *s })
	now, down := time.Now(), true
	two := newApp(t, op, func(s *setup) {
		s.rp.Protector, s.sessions.Protector, s.sessions.Store = first.rp.Protector, first.sessions.Protector, first.sessions.Store
		s.rp.Clock = func() time.Time { return now }
		s.rp.Transport = transportFunc(func(r *http.Request) (*http.Response, error) {
			if down {
				return nil, errors.New("no route to host")
			}
			return http.DefaultTransport.RoundTrip(r)
		})
	})
	b := one.browser()
	callback := b.atProvider(b.get("/bff/login"))
	b = &browser{two, b.cookies}
	b.wantFailure(b.get(callback), http.StatusServiceUnavailable, "does not answer")
	down, now = false, now.Add(time.Second)
	b.get(callback)
	b.wantSignedIn("alice")
}

// If the keys cannot be fetched after a rotation, the provider counts as down, and no grant is left.
func TestCallback_KeysDownAfterRotation(t *testing.T) {
	op := newOP(t)
	b := newApp(t, op).browser()
	b.signIn()
	op.rotate()
	op.keysStatus = http.StatusInternalServerError
	other := b.app.browser()
	other.wantFailure(other.signIn(), http.StatusServiceUnavailable, "does not answer")
	other.wantSignedIn("")
	b.wantSignedIn("alice")
	if _, refresh := op.latest(); len(op.revoked) != 1 || op.revoked[0] != refresh {
		t.Errorf("%d tokens were revoked, want the refresh token", len(op.revoked))
	}
}

// An outage of the keys does not lose the tokens of a refresh, whose refresh token is used by then.
// The ID token beside them is left out.
func TestRefreshTokens_KeysDown(t *testing.T) {
	op := newOP(t, func(op *fakeOP) {
		op.refresh, op.keysStatus = "of-the-session", http.StatusInternalServerError
		op.refreshID = func(c map[string]any) { delete(c, "nonce") }
	})
	a := newApp(t, op)
	tokens, err := a.rp.RefreshTokens(t.Context(), "of-the-session")
	access, refresh := op.latest()
	if err != nil || tokens.AccessToken != access || tokens.RefreshToken != refresh || tokens.IDToken != "" || tokens.SubjectID != "" {
		t.Errorf("the error %v, the new tokens: %t", err, tokens.RefreshToken == refresh)
	}
	if !strings.Contains(a.log.String(), "the ID token of a refresh was ignored") {
		t.Errorf("the log does not tell of it:\n%s", a.log)
	}
}

// The failure of a request whose browser has gone is not logged as an error.
func TestFailure_BrowserGone(t *testing.T) {
	op := newOP(t, func(op *fakeOP) {
		op.discover = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	})
	b := newApp(t, op).browser()
	b.get("/bff/login") // a discovery that has failed
	before := len(b.log.String())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.send(b.request(http.MethodGet, "/bff/login", nil).WithContext(ctx))
	if got := b.log.String()[before:]; !strings.Contains(got, "level=DEBUG") || strings.Contains(got, "level=ERROR") {
		t.Errorf("the log: %s", got)
	}
}

// Without its protector the application begins no sign-in.
func TestLogin_ProtectorDown(t *testing.T) {
	b := newApp(t, newOP(t), func(s *setup) { s.rp.Protector = brokenProtector{s.rp.Protector} }).browser()
	a := b.get("/bff/login")
	b.wantFailure(a, http.StatusServiceUnavailable, "does not answer")
	if len(a.Cookies()) != 0 {
		t.Errorf("the answer has the cookies %v", a.Cookies())
	}
}

type brokenProtector struct{ ticket.Protector }

func (brokenProtector) Encrypt(_, _ []byte) ([]byte, error) { return nil, ticket.ErrUnavailable }

// Whichever operation of the store fails, no user is signed in by half, and no grant is left.
func TestStoreDown(t *testing.T) {
	for left := range 12 {
		t.Run(fmt.Sprint("after ", left, " operations"), func(t *testing.T) {
			store := newBrokenStore()
			op := newOP(t)
			b := newApp(t, op, func(s *setup) { s.sessions.Store = store }).browser()
			callback := b.atProvider(b.get("/bff/login"))
			store.left.Store(int64(left))
			a := b.get(callback)
			store.mend()
			if a.StatusCode == http.StatusSeeOther {
				b.wantSignedIn("alice")
				return
			}
			b.wantFailure(a, http.StatusServiceUnavailable, "session database does not answer")
			if !strings.Contains(b.log.String(), errStore.Error()) {
				t.Errorf("the log does not have the cause:\n%s", b.log)
			}
			b.wantSignedIn("")
			if err := b.sessions.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if asked, _ := op.tokenRequests(); asked > 0 && len(op.revoked) != 1 {
				t.Errorf("%d grants, %d refresh tokens revoked", asked, len(op.revoked))
			}
			b.signIn()
			b.wantSignedIn("alice")
		})
	}
}

func TestFailure_PlainPage(t *testing.T) {
	b := newApp(t, newOP(t)).browser()
	b.wantPage(b.get("/bff/callback?state=forged"), "'none'")
}

func TestCallback_Refused(t *testing.T) {
	b := newApp(t, newOP(t)).browser()
	for sent, want := range map[string]struct {
		status int
		code   string
	}{
		"access_denied":           {http.StatusBadRequest, "access_denied"},
		"login_required":          {http.StatusBadRequest, "login_required"}, // to a request without prompt=none
		"consent_required":        {http.StatusBadRequest, "consent_required"},
		"server_error":            {http.StatusServiceUnavailable, "server_error"},
		"temporarily_unavailable": {http.StatusServiceUnavailable, "temporarily_unavailable"},
		"<script>alert(1)":        {http.StatusBadRequest, "unknown"},
	} {
		query := queryOf(t, b.get("/bff/login").location())
		a := b.get("/bff/callback?" + url.Values{"error": {sent}, "error_description": {"mark"}, "state": {query.Get("state")}}.Encode())
		if a.StatusCode != want.status || strings.Contains(a.body+b.log.String(), "mark") || strings.Contains(a.body+b.log.String(), "script>alert") {
			t.Errorf("%s: %d, want %d: %s", sent, a.StatusCode, want.status, a.body)
		}
		if !strings.Contains(b.log.String(), want.code) {
			t.Errorf("the log has no %q", want.code)
		}
	}
}

func TestPrepareTicket_Refuses(t *testing.T) {
	op := newOP(t)
	var failure relyingparty.Failure
	b := newApp(t, op, func(s *setup) {
		s.rp.PrepareTicket = func(*http.Request, *ticket.Ticket) error { return errors.New("not in the group") }
		s.rp.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, f relyingparty.Failure) {
			failure = f
			w.WriteHeader(f.Status)
			_, _ = w.Write([]byte("the application's page: " + f.Title))
		}
	}).browser()
	a := b.signIn("?returnUrl=%2Fpage")
	b.wantFailure(a, http.StatusForbidden, "the application's page: You were not signed in")
	if failure.ReturnURL != "/page" || failure.Code != relyingparty.FailureRefused {
		t.Errorf("%+v", failure)
	}
	if !strings.Contains(b.log.String(), "not in the group") {
		t.Errorf("the log does not have the cause:\n%s", b.log)
	}
	b.wantSignedIn("")
	if len(op.revoked) != 1 {
		t.Errorf("%d refresh tokens revoked", len(op.revoked))
	}
}

// A PrepareTicket that panics leaves no grant. The panic is the server's to handle.
func TestPrepareTicket_Panics(t *testing.T) {
	op := newOP(t)
	b := newApp(t, op, func(s *setup) {
		s.rp.PrepareTicket = func(_ *http.Request, tk *ticket.Ticket) error {
			tk.RefreshToken = ""
			panic("a fault of the application")
		}
	}).browser()
	func() {
		defer func() {
			if v := recover(); v != "a fault of the application" {
				t.Errorf("the panic %v", v)
			}
		}()
		b.signIn()
	}()
	b.wantSignedIn("")
	if _, refresh := op.latest(); len(op.revoked) != 1 || op.revoked[0] != refresh {
		t.Errorf("%d tokens were revoked, want the refresh token", len(op.revoked))
	}
}

// A logout token that arrives between the exchange and the sign-in ends that sign-in, whatever
// PrepareTicket makes of the ticket, and whatever form the provider's session ids have.
func TestCallback_LoggedOutMeanwhile(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(*ticket.Ticket)
		sid     string
	}{
		"the ticket stays":                {func(*ticket.Ticket) {}, ""},
		"a ticket of the application's":   {func(tk *ticket.Ticket) { *tk = ticket.Ticket{Claims: tk.Claims} }, ""},
		"a sid like those of this module": {func(*ticket.Ticket) {}, "local-of-the-provider"},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			op.change = func(c map[string]any) {
				if test.sid != "" {
					c["sid"], op.sid = test.sid, test.sid
				}
			}
			var b *browser
			b = newApp(t, op, func(s *setup) {
				s.rp.PrepareTicket = func(_ *http.Request, tk *ticket.Ticket) error {
					if a := b.app.browser().post(op.logoutToken("logout+jwt", "", op.sid, nil)); a.StatusCode != http.StatusOK {
						t.Errorf("the logout token: %d", a.StatusCode)
					}
					test.prepare(tk)
					return nil
				}
			}).browser()
			b.wantFailure(b.signIn(), http.StatusForbidden, "signed out")
			b.wantSignedIn("")
		})
	}
}

func TestRefreshTokens(t *testing.T) {
	temporary := errors.New("temporary")
	for name, test := range map[string]struct {
		change func(*fakeOP)
		want   error
	}{
		"without an ID token":     {func(*fakeOP) {}, nil},
		"with an ID token":        {func(op *fakeOP) { op.refreshID = func(c map[string]any) { delete(c, "nonce") } }, nil},
		"with a bad ID token":     {func(op *fakeOP) { op.refreshID = func(c map[string]any) { c["aud"] = "other" } }, serverside.ErrRefreshTokenRefused},
		"invalid_grant":           {func(op *fakeOP) { op.refreshError = "invalid_grant" }, serverside.ErrRefreshTokenRefused},
		"interaction_required":    {func(op *fakeOP) { op.refreshError = "interaction_required" }, serverside.ErrRefreshRequestRefused},
		"invalid_request":         {func(op *fakeOP) { op.refreshError = "invalid_request" }, serverside.ErrRefreshRequestRefused},
		"invalid_client":          {func(op *fakeOP) { op.refreshError = "invalid_client" }, temporary},
		"unauthorized_client":     {func(op *fakeOP) { op.refreshError = "unauthorized_client" }, temporary},
		"slow_down":               {func(op *fakeOP) { op.refreshError = "slow_down" }, temporary},
		"temporarily_unavailable": {func(op *fakeOP) { op.refreshError = "temporarily_unavailable" }, temporary},
		"another type of token":   {func(op *fakeOP) { op.rawToken = new(`{"access_token":"x","token_type":"DPoP"}`) }, temporary},
		"status 500":              {func(op *fakeOP) { op.tokenStatus = 500 }, temporary},
		"no JSON":                 {func(op *fakeOP) { op.rawToken = new("<html>") }, temporary},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			b := newApp(t, op).browser()
			b.signIn()
			_, refresh := op.latest()
			test.change(op)
			tokens, err := b.rp.RefreshTokens(t.Context(), refresh)
			switch {
			case test.want == nil:
				access, next := op.latest()
				if err != nil || tokens.AccessToken != access || tokens.RefreshToken != next {
					t.Errorf("%v", err)
				}
				if good := name == "with an ID token"; good != (tokens.SubjectID == "alice") || good != (tokens.IDToken != "") {
					t.Errorf("the subject is %q", tokens.SubjectID)
				}
			case errors.Is(test.want, temporary):
				if err == nil || errors.Is(err, serverside.ErrRefreshTokenRefused) || errors.Is(err, serverside.ErrRefreshRequestRefused) {
					t.Errorf("%v", err)
				}
			case !errors.Is(err, test.want):
				t.Errorf("%v, want %v", err, test.want)
			}
			if err != nil && (strings.Contains(err.Error(), refresh) || strings.Contains(err.Error(), "html")) {
				t.Errorf("the error quotes: %v", err)
			}
		})
	}
}

// The provider's mistake in a refresh does not let one user act as another.
func TestRefresh_AnotherSubject(t *testing.T) {
	op := newOP(t, func(op *fakeOP) { op.lifetime = time.Second })
	b := newApp(t, op).browser()
	b.signIn()
	op.refreshID = func(c map[string]any) { c["sub"] = "mallory" }
	var err error
	var token string
	r := b.request(http.MethodGet, "/", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	b.sessions.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		err = b.sessions.RefreshTokens(r.Context())
		tk, _ := b.sessions.Ticket(r.Context())
		token = tk.AccessToken
	})).ServeHTTP(nopWriter{http.Header{}}, r)
	if access, _ := op.latest(); !errors.Is(err, serverside.ErrRefreshTokenRefused) || token == access {
		t.Errorf("%v; the session has the other user's token: %t", err, token == access)
	}
	b.wantSignedIn("alice")
}

type nopWriter struct{ header http.Header }

func (w nopWriter) Header() http.Header         { return w.header }
func (w nopWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w nopWriter) WriteHeader(int)             {}

// The bodies of the provider's answers are closed, so that their connections are used again.
func TestProvider_BodiesClosed(t *testing.T) {
	var open atomic.Int64
	op := newOP(t)
	b := newApp(t, op, func(s *setup) {
		s.rp.Transport = transportFunc(func(r *http.Request) (*http.Response, error) {
			response, err := http.DefaultTransport.RoundTrip(r)
			if err == nil {
				open.Add(1)
				response.Body = &countedBody{response.Body, sync.OnceFunc(func() { open.Add(-1) })}
			}
			return response, err
		})
	}).browser()
	b.signIn()
	b.wantSignedIn("alice")
	_, refresh := op.latest()
	if _, err := b.rp.RefreshTokens(t.Context(), refresh); err != nil {
		t.Error(err)
	}
	if err := b.rp.RevokeRefreshToken(t.Context(), refresh); err != nil {
		t.Error(err)
	}
	op.tokenStatus = http.StatusInternalServerError
	b.wantFailure(b.signIn(), http.StatusServiceUnavailable, "does not answer")
	if n := open.Load(); n != 0 {
		t.Errorf("%d bodies are open", n)
	}
}

type countedBody struct {
	io.ReadCloser
	closed func()
}

func (b *countedBody) Close() error {
	b.closed()
	return b.ReadCloser.Close()
}
