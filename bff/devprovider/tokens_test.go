package devprovider_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"example.com/usersession/bff/devprovider"
)

// isCode reports whether the error is an OAuth error with that code.
func isCode(err error, code string) bool {
	found, ok := errors.AsType[*oauth2.RetrieveError](err)
	return ok && found.ErrorCode == code
}

func TestRefresh_EachTokenOnce(t *testing.T) {
	p := newProvider(t)
	rp, b := newRelyingParty(t, p, app()), newBrowser(t, p)
	first, c := rp.signIn(b, "alice")
	refresh := func(token string) (*oauth2.Token, error) {
		return rp.TokenSource(rp.ctx, &oauth2.Token{RefreshToken: token}).Token()
	}
	second, err := refresh(first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if again := rp.verify(second); again.SID != c.SID || again.Subject != "alice" || again.AuthTime != c.AuthTime {
		t.Errorf("the ID token after the refresh: %+v", again)
	}
	if _, err := refresh(first.RefreshToken); !isCode(err, "invalid_grant") {
		t.Errorf("the first refresh token again: %v", err)
	}
	if rp.userinfo(first.AccessToken) != http.StatusUnauthorized || rp.userinfo(second.AccessToken) != http.StatusOK {
		t.Error("the former access token is still valid, or the new one is not")
	}
	p.EndSession(t.Context(), c.SID)
	if _, err := refresh(second.RefreshToken); !isCode(err, "invalid_grant") {
		t.Errorf("a refresh after the end of the session: %v", err)
	}
	if status := rp.userinfo(second.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("userinfo after the end of the session: %d", status)
	}
}

// A code can be used once, by its client, with the verifier of its challenge.
func TestExchange_Refused(t *testing.T) {
	other := app()
	other.ID = "other"
	p := newProvider(t, app(), other)
	rp, b := newRelyingParty(t, p, app()), newBrowser(t, p)
	at, address := rp.begin()
	response := b.choose(b.visit(address), "alice").response(t)
	rp.exchange(at, response)
	if _, err := rp.Exchange(rp.ctx, response.Get("code"), oauth2.VerifierOption(at.verifier)); !isCode(err, "invalid_grant") {
		t.Errorf("the same code again: %v", err)
	}
	at, address = rp.begin()
	code := b.visit(address).response(t).Get("code")
	for why, verifier := range []string{oauth2.GenerateVerifier(), at.verifier} {
		if _, err := rp.Exchange(rp.ctx, code, oauth2.VerifierOption(verifier)); !isCode(err, "invalid_grant") {
			t.Errorf("another verifier, and then the right one (%d): %v", why, err)
		}
	}
	at, address = rp.begin()
	code = b.visit(address).response(t).Get("code")
	if _, err := newRelyingParty(t, p, other).Exchange(rp.ctx, code, oauth2.VerifierOption(at.verifier)); !isCode(err, "invalid_grant") {
		t.Errorf("another client: %v", err)
	}
}

// A code whose session has ended is refused, with and without a refresh token.
func TestExchange_SessionEnded(t *testing.T) {
	p := newProvider(t)
	rp, b := newRelyingParty(t, p, app()), newBrowser(t, p)
	for _, scope := range []string{"openid", "openid offline_access"} {
		at, address := rp.begin("scope", scope)
		code := b.choose(b.visit(address), "alice").response(t).Get("code")
		p.EndSession(t.Context(), p.Sessions()[0].SID)
		if _, err := rp.Exchange(rp.ctx, code, oauth2.VerifierOption(at.verifier)); !isCode(err, "invalid_grant") {
			t.Errorf("%s: %v", scope, err)
		}
	}
}

func TestAuthorize_Refused(t *testing.T) {
	p := newProvider(t)
	rp, b := newRelyingParty(t, p, app()), newBrowser(t, p)
	if response := b.visit(rp.AuthCodeURL("s")).response(t); response.Get("error") != "invalid_request" || response.Get("iss") != issuer {
		t.Errorf("without PKCE: %v", response)
	}
	for _, parameters := range [][]string{
		{"redirect_uri", "http://localhost:8080/other"}, {"client_id", "unknown"}, {"response_mode", "fragment"},
	} {
		if _, address := rp.begin(parameters...); b.visit(address).status != http.StatusBadRequest {
			t.Errorf("%v is not refused", parameters)
		}
	}
}

// Each client authenticates by its own method, at both endpoints.
func TestClients_Methods(t *testing.T) {
	post, public := app(), app()
	post.ID, post.AuthMethod = "post", devprovider.AuthMethodPost
	public.ID, public.Secret = "public", ""
	all := []devprovider.Client{app(), post, public}
	p := newProvider(t, all...)
	for _, c := range all {
		rp, b := newRelyingParty(t, p, c), newBrowser(t, p)
		token, _ := rp.signIn(b, "alice")
		if status, body := revoke(t, rp, token.RefreshToken); status != http.StatusOK {
			t.Errorf("%s: revocation: %d %s", c.ID, status, body)
		}
		if status := rp.userinfo(token.AccessToken); status != http.StatusUnauthorized {
			t.Errorf("%s: userinfo after the revocation: %d", c.ID, status)
		}
		for name, change := range map[string]func(*oauth2.Config){
			"another secret": func(o *oauth2.Config) { o.ClientSecret = "wrong" },
			"another client": func(o *oauth2.Config) { o.ClientID = "unknown" },
			"another method": func(o *oauth2.Config) {
				o.Endpoint.AuthStyle ^= oauth2.AuthStyleInHeader ^ oauth2.AuthStyleInParams
			},
		} {
			wrong := *rp
			change(&wrong.Config)
			at, address := rp.begin()
			code := b.visit(address).response(t).Get("code")
			if _, err := wrong.Exchange(rp.ctx, code, oauth2.VerifierOption(at.verifier)); !isCode(err, "invalid_client") {
				t.Errorf("%s, %s: %v", c.ID, name, err)
			}
			if status, _ := revoke(t, &wrong, "x"); status != http.StatusUnauthorized {
				t.Errorf("%s, %s: revocation: %d", c.ID, name, status)
			}
		}
	}
}

// revoke revokes a token with the credentials of the relying party.
func revoke(t *testing.T, rp *relyingParty, token string, extra ...string) (int, string) {
	t.Helper()
	form := url.Values{"token": {token}}
	for i := 0; i < len(extra); i += 2 {
		form.Set(extra[i], extra[i+1])
	}
	basic := rp.Endpoint.AuthStyle == oauth2.AuthStyleInHeader
	if !basic && len(extra) == 0 {
		form.Set("client_id", rp.ClientID)
		if rp.ClientSecret != "" {
			form.Set("client_secret", rp.ClientSecret)
		}
	}
	r, err := http.NewRequestWithContext(rp.ctx, http.MethodPost, issuer+"/revoke", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic {
		r.SetBasicAuth(url.QueryEscape(rp.ClientID), url.QueryEscape(rp.ClientSecret))
	}
	response, err := rp.ctx.Value(oauth2.HTTPClient).(*http.Client).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	var body json.RawMessage
	_ = json.NewDecoder(response.Body).Decode(&body) // empty for success
	return response.StatusCode, string(body)
}

// private_key_jwt works with RSA and P-256 keys. An assertion of another key, for another
// audience or of another client is refused.
func TestClients_PrivateKeyJWT(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, e := app(), app()
	r.ID, r.Secret, r.PublicKey = "rsa", "", &rsaKey.PublicKey
	e.ID, e.Secret, e.PublicKey = "ec", "", &ecKey.PublicKey
	p := newProvider(t, r, e)
	for c, key := range map[*devprovider.Client]jose.SigningKey{
		&r: {Algorithm: jose.RS256, Key: rsaKey}, &e: {Algorithm: jose.ES256, Key: ecKey},
	} {
		rp, b := newRelyingParty(t, p, *c), newBrowser(t, p)
		exchange := func(assertion string) (*oauth2.Token, error) {
			at, address := rp.begin("prompt", "login")
			code := b.choose(b.visit(address), "alice").response(t).Get("code")
			return rp.Exchange(rp.ctx, code, oauth2.VerifierOption(at.verifier), oauth2.SetAuthURLParam("client_assertion", assertion),
				oauth2.SetAuthURLParam("client_assertion_type", assertionType))
		}
		token, err := exchange(assert(t, key, c.ID, issuer))
		if err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
		rp.verify(token)
		for name, wrong := range map[string]string{
			"another audience": assert(t, key, c.ID, "https://other.example"),
			"another client":   assert(t, key, map[string]string{"rsa": "ec", "ec": "rsa"}[c.ID], issuer),
			"no token":         "x",
		} {
			if _, err := exchange(wrong); !isCode(err, "invalid_client") {
				t.Errorf("%s, %s: %v", c.ID, name, err)
			}
		}
		if status, body := revoke(t, rp, token.RefreshToken, "client_assertion", assert(t, key, c.ID, issuer), "client_assertion_type", assertionType); status != http.StatusOK {
			t.Errorf("%s: revocation: %d %s", c.ID, status, body)
		}
		if status := rp.userinfo(token.AccessToken); status != http.StatusUnauthorized {
			t.Errorf("%s: userinfo after the revocation: %d", c.ID, status)
		}
		at, address := rp.begin()
		if _, err := rp.Exchange(rp.ctx, b.visit(address).response(t).Get("code"), oauth2.VerifierOption(at.verifier)); !isCode(err, "invalid_client") {
			t.Errorf("%s, no assertion: %v", c.ID, err)
		}
	}
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

func assert(t *testing.T, key jose.SigningKey, client, audience string) string {
	t.Helper()
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{
		"iss": client, "sub": client, "aud": audience, "jti": rand.Text(),
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
