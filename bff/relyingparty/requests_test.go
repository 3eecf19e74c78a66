package relyingparty

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff/ticket"
)

// The life of an access token is a positive whole number, also in an answer that is a form. A body
// that is no answer of a token endpoint is not changed.
func TestWithWholeSeconds(t *testing.T) {
	for sent, want := range map[string]string{
		"access_token=a&expires_in=0.5":       "access_token=a&expires_in=1",
		"access_token=a&expires_in=soon":      "access_token=a&expires_in=60",
		"access_token=a":                      "access_token=a",
		"expires_in=0&a=%zz":                  "expires_in=0&a=%zz",
		`{"access_token":"a","expires_in":0}`: `{"access_token":"a","expires_in":60}`,
		`{"expires_in":"\"5\""}`:              `{"expires_in":60}`,
		`{"b":1, "a":2}`:                      `{"b":1, "a":2}`,
		"<html>":                              "<html>",
		"":                                    "",
	} {
		if got := string(withWholeSeconds([]byte(sent))); got != want {
			t.Errorf("%s becomes %s, want %s", sent, got, want)
		}
	}
}

// An ID token that makes the address of the provider's sign-out too long is left out.
func TestEndSessionURL_Length(t *testing.T) {
	rp, err := New(Config{
		Issuer: "https://id.example", ClientID: "bff", BaseURL: "https://app.example", Protector: ticket.InsecureRandomKeyRing(),
	})
	if err != nil {
		t.Fatal(err)
	}
	rp.provider.found, rp.provider.fetched = &discovered{metadata: metadata{EndSession: "https://id.example/end"}}, time.Now()
	e := &endpoints{RelyingParty: rp}
	r := (&http.Request{}).WithContext(t.Context())
	without := e.endSessionURL(r, "", "/")
	room := maxLogoutURL - len(without+"&id_token_hint=")
	for length, hint := range map[int]bool{1: true, room: true, room + 1: false} {
		address := e.endSessionURL(r, strings.Repeat("x", length), "/")
		if len(address) > maxLogoutURL || strings.Contains(address, "id_token_hint") != hint || !hint && address != without {
			t.Errorf("an ID token of %d characters makes an address of %d: %.100s", length, len(address), address)
		}
	}
}

// As net/http requires of a transport, the body of the request is closed. GetBody, with which
// net/http repeats a request, returns the form that is sent.
func TestClientAuth_Body(t *testing.T) {
	form := &closing{Reader: strings.NewReader("client_id=bff&grant_type=refresh_token")}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://id.example/token", form)
	if err != nil {
		t.Fatal(err)
	}
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("the form as it was")), nil }
	var sent, copied []byte
	base := roundTrip(func(r *http.Request) (*http.Response, error) {
		again, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		sent, _ = io.ReadAll(r.Body)
		copied, _ = io.ReadAll(again)
		return nil, context.Canceled
	})
	auth := clientAuth{base: base, cfg: Config{ClientID: "bff", ClientSecret: "secret"}, method: ClientSecretPost}
	if response, err := auth.RoundTrip(r); err == nil {
		_ = response.Body.Close()
		t.Error("the error of the transport is lost")
	}
	if want := "client_id=bff&client_secret=secret&grant_type=refresh_token"; string(sent) != want || string(copied) != want || !form.closed {
		t.Errorf("sent %q, the copy %q, closed: %t", sent, copied, form.closed)
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
