package relyingparty_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"example.com/usersession/bff/relyingparty"
)

// The discovery document is fetched once an hour, in the background, and a failed fetch is
// repeated after a second. The keys are fetched by themselves: when they are needed, and when the
// document names another address for them.
func TestDiscovery_Age(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := &fakeOP{t: t, alg: jose.ES256, lifetime: time.Hour, issuer: "https://id.example", refresh: "first"}
		op.refreshID = func(c map[string]any) { delete(c, "nonce") }
		keys := op.issuer + "/keys"
		op.document = func(d map[string]any) { d["jwks_uri"] = keys }
		requests, down := map[string]int{}, false
		rp, err := relyingparty.New(relyingparty.Config{
			Issuer: op.issuer, ClientID: fakeClient, ClientSecret: fakeSecret, BaseURL: baseURL, Protector: keysForTests, Logger: slog.New(slog.DiscardHandler),
			Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
				requests[r.URL.RequestURI()]++
				if down {
					return nil, errStore
				}
				return direct{op}.RoundTrip(r)
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		want := func(when, path string, n int) {
			t.Helper()
			if _, err := rp.UserInfoEndpoint(t.Context()); err != nil {
				t.Errorf("%s: %v", when, err)
			}
			synctest.Wait() // for the fetch in the background
			if got := requests[path]; got != n {
				t.Errorf("%s: %d requests for %s, want %d", when, got, path, n)
			}
		}
		refresh := func() {
			t.Helper()
			if tokens, err := rp.RefreshTokens(t.Context(), op.refresh); err != nil || tokens.SubjectID != "alice" {
				t.Errorf("RefreshTokens: %v", err)
			}
		}
		const document = "/.well-known/openid-configuration"
		want("at first", document, 1)
		want("again", document, 1)
		time.Sleep(time.Hour - time.Second)
		refresh()
		want("before an hour", document, 1)
		time.Sleep(time.Second)
		want("after an hour", document, 2)
		refresh()
		want("after a refresh with known keys", "/keys", 1)

		keys += "?moved"
		time.Sleep(time.Hour)
		want("after two hours", document, 3)
		refresh()
		want("after a move of the keys", "/keys?moved", 1)

		time.Sleep(time.Hour)
		down = true
		want("in an outage", document, 4)
		time.Sleep(time.Second - 1)
		want("at once after it", document, 4)
		time.Sleep(time.Nanosecond)
		want("a second after it", document, 5)
	})
}

// The end of a request's context ends its wait for the discovery, and not the discovery.
func TestDiscovery_RequestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := &fakeOP{t: t, alg: jose.ES256, issuer: "https://id.example"}
		requests := 0
		rp, err := relyingparty.New(relyingparty.Config{
			Issuer: op.issuer, ClientID: fakeClient, ClientSecret: fakeSecret, BaseURL: baseURL, Protector: keysForTests,
			Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
				requests++
				time.Sleep(3 * time.Second)
				return direct{op}.RoundTrip(r)
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := rp.UserInfoEndpoint(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if address, err := rp.UserInfoEndpoint(t.Context()); err != nil || address != op.issuer+"/userinfo" || time.Since(begin) != 3*time.Second {
			t.Errorf("%q, %v after %v", address, err, time.Since(begin))
		}
		if requests != 1 {
			t.Errorf("%d requests, want 1", requests)
		}
	})
}
