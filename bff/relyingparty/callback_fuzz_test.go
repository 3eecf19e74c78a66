package relyingparty_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"example.com/usersession/bff"
	"example.com/usersession/bff/relyingparty"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// direct is a transport that calls the provider without a network.
type direct struct{ op *fakeOP }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		d.op.discovery(w, r)
	case "/keys":
		d.op.json(w, http.StatusOK, d.op.jwks())
	case "/token":
		d.op.token(w, r)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
	return w.Result(), nil
}

// A signingIn is a sign-in that has begun: the provider has redirected the browser back.
type signingIn struct{ cookie, state, code, page string }

// beginAt begins a sign-in at a path of the app.
func beginAt(t *testing.T, h http.Handler, op *fakeOP, path, page string) signingIn {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, baseURL+path+"?returnUrl="+page, nil))
	cookies := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || len(cookies) != 1 {
		t.Fatalf("the login answered with %d, %d cookies", w.Code, len(cookies))
	}
	back := httptest.NewRecorder()
	op.authorize(back, httptest.NewRequestWithContext(t.Context(), http.MethodGet, w.Header().Get("Location"), nil))
	query := queryOf(t, back.Header().Get("Location"))
	return signingIn{cookies[0].Name + "=" + cookies[0].Value, query.Get("state"), query.Get("code"), page}
}

// FuzzCallback checks that a request to the callback signs in if and only if it has the state
// and the code with which the provider has answered a sign-in of this browser, each once, and no
// sign of another provider or of an error. In the query, STATE1 and CODE1 stand for those of one
// sign-in, STATE2 and CODE2 for those of another one. The two low bits of how choose the browser's
// cookies: those of the first sign-in, of the second, of both or of none. The next bit makes both
// sign-ins silent.
func FuzzCallback(f *testing.F) {
	const good = "state=STATE1&code=CODE1"
	for how := range byte(8) {
		for _, query := range []string{
			good, good + "&iss=ISSUER", "code=CODE2&state=STATE2", "state=STATE1&code=CODE2", "state=STATE2&code=CODE1",
		} {
			f.Add(query, how)
		}
	}
	for _, query := range []string{
		"", "state=STATE1", "code=CODE1", good + "&error=", good + "&error=access_denied", "state=STATE1&error=login_required", "state=STATE1&error=temporarily_unavailable",
		good + "&state=STATE1", good + "&state=STATE2", good + "&code=CODE2", "state=STATE2&" + good, good + "&iss=https%3A%2F%2Fevil.example", good + "&iss=", good + "&iss=ISSUER&iss=ISSUER",
		"state=STATE1&code=", "state=&code=CODE1", "state=STATE1;code=CODE1", good + "&a=%zz", "%73tate=STATE1&c%6Fde=CODE1", "STATE=STATE1&CODE=CODE1", "state=STATE1%0A&code=CODE1",
		"state=STATE1&code=CODE1%00", "state=STATE1&code=+CODE1", "state=STATE1STATE2&code=CODE1", "state=CODE1&code=STATE1", "state[]=STATE1&code[]=CODE1", good + "&session_state=x&scope=openid#f",
	} {
		f.Add(query, byte(0))
	}

	op := &fakeOP{alg: jose.ES256, lifetime: time.Hour, issuer: "https://id.example"}
	quiet := slog.New(slog.DiscardHandler)
	keys := ticket.InsecureRandomKeyRing()
	rp, err := relyingparty.New(relyingparty.Config{
		Issuer: op.issuer, ClientID: fakeClient, ClientSecret: fakeSecret, BaseURL: baseURL, Protector: keys, Logger: quiet,
		Transport: direct{op}, SkipUserInfo: true,
	})
	if err != nil {
		f.Fatal(err)
	}
	store := &struct{ *bff.InMemoryStore }{bff.NewInMemoryStore()}
	sessions, err := serverside.New(serverside.Config{Store: store, Protector: keys, Issuer: op.issuer, Logger: quiet})
	if err != nil {
		f.Fatal(err)
	}
	h, err := rp.Handler(sessions)
	if err != nil {
		f.Fatal(err)
	}

	f.Fuzz(func(t *testing.T, template string, how byte) {
		op.t, op.codes, op.requests, op.issued = t, map[string]url.Values{}, nil, nil
		store.InMemoryStore = bff.NewInMemoryStore()
		login := "/bff/login"
		if how&4 != 0 {
			login = "/bff/silent-login"
		}
		begun := [2]signingIn{beginAt(t, h, op, login, "/one"), beginAt(t, h, op, login, "/two")}
		text := strings.NewReplacer("STATE1", begun[0].state, "STATE2", begun[1].state, "CODE1", begun[0].code, "CODE2", begun[1].code, "ISSUER", url.QueryEscape(op.issuer)).Replace(template)
		send := func() *httptest.ResponseRecorder {
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET /bff/callback?" + text + " HTTP/1.1\r\nHost: app.example\r\n\r\n")))
			if err != nil || r.URL.Path != "/bff/callback" {
				return nil
			}
			r.Header = http.Header{}
			for i, b := range begun {
				if how&3 == byte(i) || how&3 == 2 {
					r.Header.Add("Cookie", b.cookie)
				}
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r.WithContext(t.Context()))
			return w
		}
		signedIn := func() int {
			rows, err := store.GetUserSessions(t.Context(), "", bff.UserSessionsFilter{SubjectID: "alice"})
			if err != nil {
				t.Fatal(err)
			}
			return len(rows)
		}

		w := send()
		if w == nil {
			return
		}
		query, _ := url.ParseQuery(text)
		want := ""
		for i, b := range begun {
			if (how&3 == byte(i) || how&3 == 2) && answers(query, b, op.issuer) {
				want = b.page
			}
		}
		cookie := ""
		for _, c := range w.Result().Cookies() {
			if c.Name == serverside.DefaultCookieName {
				cookie = c.Value
			}
		}
		if n := signedIn(); want == "" && (n != 0 || cookie != "") || want != "" && (n != 1 || cookie == "") {
			t.Fatalf("%q: %d sessions, the cookie %q, want the page %q: status %d, %s", template, n, cookie, want, w.Code, w.Body)
		}
		if how&4 == 0 && want != "" && (w.Code != http.StatusSeeOther || w.Header().Get("Location") != want) {
			t.Errorf("%q: status %d, to %s, want %s", template, w.Code, w.Header().Get("Location"), want)
		}
		if told := strings.Contains(w.Body.String(), "isLoggedIn: true"); told != (how&4 != 0 && want != "") {
			t.Errorf("%q: status %d, the page is told that it is signed in: %t", template, w.Code, told)
		}
		before := signedIn()
		if again := send(); signedIn() != before {
			t.Errorf("%q signs in twice: status %d", template, again.Code)
		}
	})
}

// answers reports whether a query is the provider's answer to the sign-in.
func answers(query url.Values, b signingIn, issuer string) bool {
	if len(query["state"]) != 1 || len(query["code"]) != 1 || query.Has("error") || query.Has("iss") && (len(query["iss"]) != 1 || query.Get("iss") != issuer) {
		return false
	}
	got, err := base64.RawURLEncoding.DecodeString(query.Get("state")) // which ignores line breaks
	want, _ := base64.RawURLEncoding.DecodeString(b.state)
	return err == nil && bytes.Equal(got, want) && query.Get("code") == b.code
}
