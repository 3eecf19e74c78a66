package main

import (
	"net/http"
	"testing"
	"time"
)

// TestTokens_ExpiresIn: the tokens of a sign-in and of a refresh, for each kind of
// expires_in.
func TestTokens_ExpiresIn(t *testing.T) {
	const hour, minute, unknown = time.Hour, time.Minute, time.Duration(-1)
	for expiresIn, want := range map[string]time.Duration{
		"":             unknown, // absent
		`null`:         unknown,
		`3600`:         hour,
		`"3600"`:       hour,
		`3600.98`:      hour,
		`"3600.98"`:    hour,
		`3.6e3`:        hour,
		`1`:            time.Second,
		`0.5`:          time.Second,
		`1e300`:        (1<<31 - 1) * time.Second,
		`1e999`:        (1<<31 - 1) * time.Second,
		`0`:            minute,
		`"0"`:          minute,
		`-1`:           minute,
		`"-3600"`:      minute,
		`-1e999`:       minute,
		`""`:           minute,
		`"soon"`:       minute,
		`"Inf"`:        minute,
		`"NaN"`:        minute,
		`"0x10"`:       minute,
		`"3600s"`:      minute,
		`"\"3600\""`:   minute,
		`true`:         minute,
		`{"in": 3600}`: minute,
		`[3600]`:       minute,
	} {
		t.Run(expiresIn, func(t *testing.T) {
			op := newFakeOP(t, func(op *fakeOP) { op.expiresIn = &expiresIn })
			c := newHost(t, op).newClient()
			for step, tokens := range map[string]func(){
				"sign-in": c.signIn,
				"refresh": func() {
					c.signIn()
					if r := c.call(http.MethodPost, "/bff/session/refresh", ""); r.status != http.StatusOK {
						t.Errorf("the refresh: %d %s", r.status, r.body)
					}
				},
			} {
				begin := time.Now()
				tokens()
				end := time.Now()
				text, known := c.call(http.MethodGet, "/bff/session", "").json(t)["access_token_expires"].(string)
				if !known {
					if want != unknown {
						t.Errorf("%s: the expiry is unknown, want %v", step, want)
					}
					continue
				}
				expires, err := time.Parse(time.RFC3339, text)
				if err != nil {
					t.Fatal(err)
				}
				if expires.Before(begin.Add(want-time.Second)) || expires.After(end.Add(want+time.Second)) {
					t.Errorf("%s: the token lives for %v, want %v", step, expires.Sub(end), want)
				}
			}
		})
	}
}

// TestWithWholeSeconds_OtherAnswers: an answer as a form, and answers that are left as they
// are.
func TestWithWholeSeconds_OtherAnswers(t *testing.T) {
	for body, want := range map[string]string{
		"access_token=a&expires_in=3599.98": "access_token=a&expires_in=3599",
		"access_token=a&expires_in=soon":    "access_token=a&expires_in=60",
		"access_token=a":                    "access_token=a",
		`{"access_token": "a"}`:             `{"access_token": "a"}`,
		"<html>":                            "<html>",
		"":                                  "",
	} {
		if got := string(withWholeSeconds([]byte(body))); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}
