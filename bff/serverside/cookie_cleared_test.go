package serverside

import (
	"net/http"
	"testing"
)

// TestSignOut_CookieNotSent: a request without the cookie may be of another site, and a browser
// would delete the Strict cookie that it has not sent.
func TestSignOut_CookieNotSent(t *testing.T) {
	b := newTestBFF(t)
	signOut := func(w http.ResponseWriter, r *http.Request) {
		if err := b.SignOut(w, r); err != nil {
			t.Error(err)
		}
	}
	if got := b.browser().visit(signOut).Cookies(); len(got) != 0 {
		t.Errorf("the response has the cookies %v", got)
	}
	br := b.browser()
	br.cookies[DefaultCookieName] = "of no session"
	if got := br.visit(signOut).Cookies(); len(got) != 1 || got[0].MaxAge >= 0 {
		t.Errorf("the cookie of no session is not deleted: %v", got)
	}
	got := b.browser().visit(func(w http.ResponseWriter, r *http.Request) {
		if _, err := b.SignIn(w, r, alice()); err != nil {
			t.Error(err)
		}
		signOut(w, r)
	}).Cookies()
	if len(got) != 1 || got[0].MaxAge >= 0 {
		t.Errorf("the cookie of a session that has begun with the request: %v", got)
	}
	b.wantEnded(EndSignOut, 1)
}
