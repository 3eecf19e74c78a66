package serverside

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
)

// twoCookies returns a request with the cookies of two browsers, as a proxy or a broken
// browser sends it, and with values that are no session ids.
func twoCookies(one, two *browser) *http.Request {
	r := one.request("/")
	r.AddCookie(&http.Cookie{Name: DefaultCookieName, Value: two.cookies[DefaultCookieName]})
	r.AddCookie(&http.Cookie{Name: DefaultCookieName, Value: "no-session-id"})
	r.AddCookie(&http.Cookie{Name: DefaultCookieName, Value: one.cookies[DefaultCookieName]}) // once more
	return r
}

// TestSignOut_SeveralCookies: a request with two session cookies is served as signed out, and
// signing out ends both sessions.
func TestSignOut_SeveralCookies(t *testing.T) {
	for name, withMiddleware := range map[string]bool{"middleware": true, "no middleware": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestBFF(t, func(c *Config) { c.Revoker = &provider{} })
				one, two := b.browser(), b.browser()
				one.signIn(as("alice", "s1"))
				two.signIn(as("alice", "s2"))
				signOut := func(w http.ResponseWriter, r *http.Request) {
					if _, ok := FromContext(r.Context()); ok {
						t.Error("a request with two session cookies is signed in")
					}
					if err := b.SignOut(w, r); err != nil {
						t.Error(err)
					}
					b.store.reset()
					if err := b.SignOut(w, r); err != nil || withMiddleware && b.store.count("get")+b.store.count("delete") > 0 {
						t.Errorf("signing out again: %v; it asks the store", err)
					}
				}
				w := httptest.NewRecorder()
				if withMiddleware {
					b.Middleware(http.HandlerFunc(signOut)).ServeHTTP(w, twoCookies(one, two))
				} else {
					signOut(w, twoCookies(one, two))
				}
				if cookies := w.Result().Cookies(); len(cookies) != 2 || cookies[0].MaxAge >= 0 || cookies[0].Partitioned || cookies[1].MaxAge >= 0 || !cookies[1].Partitioned {
					t.Errorf("the cookies are not cleared: %v", cookies)
				}
				if rows := b.store.rows(t, "alice"); len(rows) > 0 {
					t.Errorf("%d sessions are left", len(rows))
				}
				b.wantEnded(EndSignOut, 2)
				b.settle()
				log := b.log.String()
				if !strings.Contains(log, "several session cookies") || strings.Contains(log, one.cookies[DefaultCookieName]) {
					t.Errorf("the log: %s", log)
				}
			})
		})
	}
}

// TestSignOut_SeveralCookies_StoreFails: the sign-out can be repeated.
func TestSignOut_SeveralCookies_StoreFails(t *testing.T) {
	b := newTestBFF(t)
	one, two := b.browser(), b.browser()
	one.signIn(as("alice", "s1"))
	two.signIn(as("alice", "s2"))
	b.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.store.breakDown("delete")
		if err := b.SignOut(w, r); !errors.Is(err, errDown) || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%v", err)
		}
		b.store.breakDown()
		if err := b.SignOut(w, r); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(httptest.NewRecorder(), twoCookies(one, two))
	b.wantEnded(EndSignOut, 2)
}

// TestSignIn_SeveralCookies: a sign-in ends the sessions of all cookies.
func TestSignIn_SeveralCookies(t *testing.T) {
	for name, withMiddleware := range map[string]bool{"middleware": true, "no middleware": false} {
		t.Run(name, func(t *testing.T) {
			b := newTestBFF(t)
			one, two := b.browser(), b.browser()
			one.signIn(as("alice", "s1"))
			two.signIn(as("alice", "s2"))
			signIn := func(w http.ResponseWriter, r *http.Request) {
				if _, err := b.SignIn(w, r, as("alice", "s3")); err != nil {
					t.Error(err)
				}
			}
			w := httptest.NewRecorder()
			if withMiddleware {
				b.Middleware(http.HandlerFunc(signIn)).ServeHTTP(w, twoCookies(one, two))
			} else {
				signIn(w, twoCookies(one, two))
			}
			if cookies := w.Result().Cookies(); len(cookies) != 2 || cookies[0].MaxAge < 0 || cookies[1].MaxAge >= 0 || !cookies[1].Partitioned {
				t.Errorf("the cookies: %v", cookies)
			}
			if rows := b.store.rows(t, "alice"); len(rows) != 1 || rows[0].SessionID != "s3" {
				t.Errorf("%d sessions", len(rows))
			}
			b.wantEnded(EndReplaced, 2)
			if log := b.log.String(); !strings.Contains(log, "several session cookies") {
				t.Errorf("the log: %s", log)
			}
		})
	}
}

// TestSignOut_ManyCookies: a request cannot make the host delete without a bound.
func TestSignOut_ManyCookies(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	r := br.request("/")
	for range 1000 {
		id, _ := newID()
		r.AddCookie(&http.Cookie{Name: DefaultCookieName, Value: id})
	}
	br.do(r, func(w http.ResponseWriter, r *http.Request) {
		if err := b.SignOut(w, r); err != nil {
			t.Error(err)
		}
	})
	if n := b.store.count("delete"); n != maxCookies {
		t.Errorf("%d deletes, want %d", n, maxCookies)
	}
}
