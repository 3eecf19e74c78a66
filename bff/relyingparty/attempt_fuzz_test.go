package relyingparty

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff/ticket"
)

// FuzzAttempt checks that a state parameter and a cookie open only if this client has sealed them
// for this attempt, and with what it has sealed. In both texts, names in capitals stand for
// values: NAME1=COOKIE1 is the cookie of the attempt with STATE1, and NAME2, COOKIE2 and STATE2
// are of another one. EXPIRED is a state of that attempt after its end. OTHER is the cookie of an
// attempt with the same id of another client.
func FuzzAttempt(f *testing.F) {
	for _, cookies := range []string{
		"NAME1=COOKIE1", "NAME1=COOKIE2", "NAME2=COOKIE1; NAME1=COOKIE2", "NAME1=STATE1", "NAME1=OTHER", "NAME1=COOKIE1; NAME1=COOKIE1", "NAME1=COOKIE1; NAME2=COOKIE2",
		`NAME1="COOKIE1"`, "NAME1=COOKIE1=", "NAME1=COOKIE1x", "NAME1=xCOOKIE1", "NAME1=", "NAME1", "name1=COOKIE1", "", "NAME1=COOKIE1; NAME3=x; __Host-bff=y", "NAME1=AAAA",
		"NAME1=COOKIE1" + strings.Repeat("; NAME2=COOKIE2", attemptsAtOnce), strings.Repeat("NAME1=COOKIE1;", attemptsAtOnce+2),
	} {
		for _, state := range []string{"STATE1", "STATE2"} {
			f.Add(cookies, state, uint16(0), byte(0))
		}
		f.Add(cookies, "STATE1", uint16(40), byte(1))
	}
	for _, state := range []string{"EXPIRED", "COOKIE1", "STATE1STATE2", "STATE1=", " STATE1", "STATE1\n", "OTHER", "", "AAAA", "NAME1"} {
		f.Add("NAME1=COOKIE1", state, uint16(0), byte(0))
	}

	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	keys := ticket.InsecureRandomKeyRing()
	client := func(id string, at time.Time) attempts {
		return newAttempts(Config{Issuer: "https://id.example", ClientID: id, Protector: keys, Clock: func() time.Time { return at }})
	}
	a := client("bff", now)
	one, two := a.begin("/one", "replaced", false), a.begin("/two", "", true)
	maxAge := 60
	two.MaxAge = &maxAge
	state1, name1, cookie1 := kept(f, a, one)
	state2, name2, cookie2 := kept(f, a, two)
	old := one
	old.Expires = now.Unix()
	expired, _, _ := kept(f, a, old)
	_, _, other := kept(f, client("other", now), one)
	values := strings.NewReplacer(
		"NAME1", name1, "NAME2", name2, "NAME3", a.prefix+"0123456789abcdef", "COOKIE1", cookie1, "COOKIE2", cookie2, "STATE1", state1, "STATE2", state2, "EXPIRED", expired, "OTHER", other)
	same := func(a, b string) bool { // the last character may have bits that are ignored
		x, errX := base64.RawURLEncoding.DecodeString(a)
		y, errY := base64.RawURLEncoding.DecodeString(b)
		return errX == nil && errY == nil && bytes.Equal(x, y)
	}

	f.Fuzz(func(t *testing.T, cookies, state string, at uint16, flip byte) {
		header := []byte(values.Replace(cookies))
		if len(header) > 0 {
			header[int(at)%len(header)] ^= flip
		}
		state = values.Replace(state)
		r := &http.Request{Header: http.Header{"Cookie": {string(header)}}}

		s, ok := a.openState(state)
		var want sealedState
		switch {
		case same(state, state1):
			want = one.sealedState
		case same(state, state2):
			want = two.sealedState
		}
		if ok != (want != sealedState{}) || ok && s != want {
			t.Fatalf("the state %q: %t, %+v", state, ok, s)
		}
		for _, k := range []struct {
			attempt
			name, cookie string
		}{{one, name1, cookie1}, {two, name2, cookie2}} {
			named := r.CookiesNamed(k.name)
			found, ok := a.find(r, k.sealedState)
			if ok != (len(named) == 1 && same(named[0].Value, k.cookie)) {
				t.Errorf("the cookies %q: %t for %s", header, ok, k.Return)
			}
			if ok && !reflect.DeepEqual(found, k.attempt) {
				t.Errorf("%+v was found, want %+v", found, k.attempt)
			}
		}

		surplus := a.surplus(r)
		left := 0
		for _, cookie := range r.Cookies() {
			mine := strings.HasPrefix(cookie.Name, a.prefix)
			opens := cookie.Name == name1 && same(cookie.Value, cookie1) || cookie.Name == name2 && same(cookie.Value, cookie2)
			deleted := slices.Contains(surplus, cookie.Name)
			if deleted && !mine || mine && !opens && !deleted {
				t.Errorf("the cookie %s: deleted %t", cookie, deleted)
			}
			if mine && !deleted {
				left++
			}
		}
		if left > attemptsAtOnce-1 || len(surplus) > len(r.Cookies()) {
			t.Errorf("%d cookies are left, %d are deleted", left, len(surplus))
		}
	})
}

// kept returns the state parameter and the cookie of an attempt.
func kept(f *testing.F, a attempts, at attempt) (state, name, value string) {
	f.Helper()
	w := httptest.NewRecorder()
	state, err := a.keep(w, httptest.NewRequestWithContext(f.Context(), http.MethodGet, "/", nil), at)
	if err != nil {
		f.Fatal(err)
	}
	cookie := w.Result().Cookies()[0]
	return state, cookie.Name, cookie.Value
}
