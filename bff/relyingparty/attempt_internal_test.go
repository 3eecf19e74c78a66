package relyingparty

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"example.com/usersession/bff/ticket"
)

// The keys of the tickets open no attempt, and the keys of attempts open no ticket.
func TestAttempts_KeysOfTheirOwn(t *testing.T) {
	keys := ticket.InsecureRandomKeyRing()
	a := newAttempts(Config{Issuer: "https://id.example", ClientID: "bff", Protector: keys, Clock: time.Now})
	state, err := a.seal(statePart, sealedState{ID: "id", Expires: time.Now().Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := base64.RawURLEncoding.DecodeString(state)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ticket.OpenBytes(keys, ticket.Binding{PartitionKey: a.client, Key: statePart}, sealed); err == nil {
		t.Error("the keys for other payloads open an attempt")
	}
	if _, ok := a.openState(state); !ok {
		t.Error("the attempt does not open")
	}
}

// Before another attempt begins, the cookies that cannot be used are deleted, and the oldest beyond
// the bound.
func TestAttempts_Surplus(t *testing.T) {
	now := time.Now()
	a := newAttempts(Config{
		Issuer: "https://id.example", ClientID: "bff", Protector: ticket.InsecureRandomKeyRing(), Clock: func() time.Time { return now },
	})
	begun := func(age time.Duration) *http.Cookie {
		w := httptest.NewRecorder()
		at := a.begin("/", "", false)
		at.Expires -= int64(age / time.Second)
		if _, err := a.keep(w, &http.Request{}, at); err != nil {
			t.Fatal(err)
		}
		return w.Result().Cookies()[0]
	}
	var many []*http.Cookie
	for i := range attemptsAtOnce {
		many = append(many, begun(time.Duration(i)*time.Minute))
	}
	slices.Reverse(many[3:8]) // a browser sends them in any order
	oldest, expired := many[attemptsAtOnce-1], begun(attemptLifetime)
	broken := &http.Cookie{Name: a.prefix + "0123456789abcdef", Value: "broken"}
	other := &http.Cookie{Name: "__Host-bff", Value: "x"}
	for name, test := range map[string]struct{ sent, want []*http.Cookie }{
		"none":                      {nil, nil},
		"another cookie":            {[]*http.Cookie{other}, nil},
		"one":                       {many[:1], nil},
		"as many as fit":            {many[1:], nil},
		"one too many":              {many, []*http.Cookie{oldest}},
		"a broken one":              {[]*http.Cookie{other, broken, many[0]}, []*http.Cookie{broken}},
		"one of another attempt":    {[]*http.Cookie{{Name: many[1].Name, Value: many[0].Value}}, many[1:2]},
		"one that has just expired": {[]*http.Cookie{many[0], expired}, []*http.Cookie{expired}},
		"a broken one among many":   {slices.Concat(many, []*http.Cookie{broken}), []*http.Cookie{broken, oldest}},
	} {
		r := &http.Request{Header: http.Header{}}
		for _, c := range test.sent {
			r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
		var want []string
		for _, c := range test.want {
			want = append(want, c.Name)
		}
		if got := a.surplus(r); !slices.Equal(got, want) {
			t.Errorf("%s: %v are deleted, want %v", name, got, want)
		}
	}
}
