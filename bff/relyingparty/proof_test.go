package relyingparty_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Two applications with the same keys on one host name: neither accepts a sign-in of the other.
func TestCallback_AttemptOfAnotherClient(t *testing.T) {
	first, second := newOP(t), newOP(t)
	var keys setup
	one := newApp(t, first, func(s *setup) { keys = *s })
	for name, op := range map[string]*fakeOP{"another issuer": second, "another client id": first} {
		t.Run(name, func(t *testing.T) {
			two := newApp(t, op, func(s *setup) {
				s.rp.Protector, s.sessions.Protector = keys.rp.Protector, keys.sessions.Protector
				if op == first {
					s.rp.ClientID = "another"
				}
			})
			b := one.browser()
			callback := b.atProvider(b.get("/bff/login"))
			asked, _ := op.tokenRequests()
			other := &browser{two, b.cookies}
			other.wantFailure(other.get(callback), http.StatusBadRequest, "no longer valid")
			if again, _ := op.tokenRequests(); again != asked {
				t.Error("the code was sent to the provider")
			}
		})
	}
}

// Two hosts get the same callback at the same time, and the provider accepts a code twice: one
// sign-in succeeds, and the other grant is revoked.
func TestCallback_TwiceAtOnce(t *testing.T) {
	op := newOP(t, func(op *fakeOP) { op.reuse = true })
	var shared setup
	one := newApp(t, op, func(s *setup) { shared = *s })
	two := newApp(t, op, func(s *setup) {
		s.rp.Protector, s.sessions.Protector, s.sessions.Store = shared.rp.Protector, shared.sessions.Protector, shared.sessions.Store
	})
	b := one.browser()
	callback := b.atProvider(b.get("/bff/login"))
	op.meet = &sync.WaitGroup{}
	op.meet.Add(2)
	browsers := []*browser{b.clone(), {two, b.clone().cookies}}
	var statuses [2]int
	var both sync.WaitGroup
	for i, b := range browsers {
		both.Go(func() { statuses[i] = b.get(callback).StatusCode })
	}
	both.Wait()
	if statuses[0]+statuses[1] != http.StatusSeeOther+http.StatusBadRequest {
		t.Errorf("statuses %v, want one sign-in and one refusal", statuses)
	}
	op.mu.Lock()
	defer op.mu.Unlock()
	if len(op.revoked) != 1 {
		t.Errorf("%d refresh tokens were revoked, want 1", len(op.revoked))
	}
}

func TestLogin_CookieAttributes(t *testing.T) {
	b := newApp(t, newOP(t)).browser()
	login := b.get("/bff/login")
	callback := b.get(b.atProvider(login))
	for _, a := range []answer{login, callback} {
		for _, c := range a.Cookies() {
			if !strings.HasPrefix(c.Name, "__Host-bff-signin-") {
				continue
			}
			if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
				t.Errorf("%v", c)
			}
		}
	}
}

// A page of a sibling host name can add a cookie, so two of one name are not trusted.
func TestCallback_CookieTwice(t *testing.T) {
	b := newApp(t, newOP(t)).browser()
	callback := b.atProvider(b.get("/bff/login"))
	r := b.request(http.MethodGet, strings.TrimPrefix(callback, baseURL), nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	b.wantFailure(b.send(r), http.StatusBadRequest, "no longer valid")
}

func TestUserInfo_SessionIDNotInClaims(t *testing.T) {
	op := newOP(t, func(op *fakeOP) { op.userInfo = func(info map[string]any) { info["sid"], info["nonce"] = "evil", "x" } })
	b := newApp(t, op).browser()
	b.signIn()
	tk := b.ticketOf()
	for _, name := range []string{"sid", "nonce", "sub", "iss"} {
		if value, there := tk.Claims[name]; there {
			t.Errorf("the ticket has the claim %s = %v", name, value)
		}
	}
}

func TestUserInfo_SignedByAnotherIssuer(t *testing.T) {
	op := newOP(t, func(op *fakeOP) {
		op.userInfoJWT = true
		op.userInfo = func(info map[string]any) { info["iss"] = "https://evil.example" }
	})
	b := newApp(t, op).browser()
	b.signIn()
	if name := b.wantSignedIn("alice")["name"]; name != nil || !strings.Contains(b.log.String(), "named another issuer") {
		t.Errorf("name = %v\n%s", name, b.log)
	}
}

// A redirect does not lead to a host without https, and a large document is not read.
func TestDiscovery_RedirectAndSize(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"a redirect to http": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://evil.example/x", http.StatusFound)
		},
		"a large document": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"x":"` + strings.Repeat("x", 2<<20) + `"}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t, func(op *fakeOP) { op.discover = answer })
			var hosts []string
			b := newApp(t, op, func(s *setup) {
				s.rp.Transport = transportFunc(func(r *http.Request) (*http.Response, error) {
					hosts = append(hosts, r.URL.Hostname())
					return http.DefaultTransport.RoundTrip(r)
				})
			}).browser()
			b.wantFailure(b.get("/bff/login"), http.StatusServiceUnavailable, "does not answer")
			if len(hosts) != 1 || hosts[0] != "127.0.0.1" {
				t.Errorf("requests to %v", hosts)
			}
			if name == "a large document" && !strings.Contains(b.log.String(), "too large") {
				t.Errorf("%s", b.log)
			}
		})
	}
}
