package devprovider_test

import (
	"context"
	"crypto/rand"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"example.com/usersession/bff/devprovider"
)

const (
	issuer   = "http://127.0.0.1:9000"
	callback = "http://localhost:8080/callback"
	home     = "http://localhost:8080/"
)

// app is a confidential client.
func app() devprovider.Client {
	return devprovider.Client{
		ID: "app", Secret: "s3cret-of-app", RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{home},
	}
}

// newProvider returns a provider with the clients, or with app.
func newProvider(t *testing.T, clients ...devprovider.Client) *devprovider.Provider {
	t.Helper()
	if len(clients) == 0 {
		clients = []devprovider.Client{app()}
	}
	p, err := devprovider.New(devprovider.Config{Issuer: issuer, Clients: clients})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// direct sends requests to a handler without a network, from loopback.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.RemoteAddr, r.RequestURI = "127.0.0.1:50000", r.URL.RequestURI()
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	response := w.Result()
	response.Request = r
	return response, nil
}

// A relyingParty is an OpenID Connect client on go-oidc and x/oauth2.
type relyingParty struct {
	oauth2.Config
	t        *testing.T
	ctx      context.Context // with the HTTP client of the libraries
	provider *oidc.Provider
}

func newRelyingParty(t *testing.T, p http.Handler, c devprovider.Client) *relyingParty {
	t.Helper()
	ctx := oidc.ClientContext(t.Context(), &http.Client{Transport: direct{p}})
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		t.Fatal(err)
	}
	style := oauth2.AuthStyleInHeader
	if c.AuthMethod == devprovider.AuthMethodPost || c.Secret == "" {
		style = oauth2.AuthStyleInParams
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = style
	return &relyingParty{t: t, ctx: ctx, provider: provider, Config: oauth2.Config{
		ClientID: c.ID, ClientSecret: c.Secret, RedirectURL: c.RedirectURIs[0], Endpoint: endpoint,
		Scopes: []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess},
	}}
}

// An attempt is a sign-in of a relying party.
type attempt struct{ state, nonce, verifier string }

func (rp *relyingParty) begin(parameters ...string) (attempt, string) {
	at := attempt{rand.Text(), rand.Text(), oauth2.GenerateVerifier()}
	options := []oauth2.AuthCodeOption{oidc.Nonce(at.nonce), oauth2.S256ChallengeOption(at.verifier)}
	for i := 0; i < len(parameters); i += 2 {
		options = append(options, oauth2.SetAuthURLParam(parameters[i], parameters[i+1]))
	}
	return at, rp.AuthCodeURL(at.state, options...)
}

// claims are those of the ID tokens that the tests look at.
type claims struct {
	Subject  string   `json:"sub"`
	SID      string   `json:"sid"`
	Nonce    string   `json:"nonce"`
	ACR      string   `json:"acr"`
	AuthTime int64    `json:"auth_time"`
	Name     string   `json:"name"`
	Email    string   `json:"email"`
	Roles    []string `json:"roles"`
}

// exchange checks the authorization response and exchanges its code.
func (rp *relyingParty) exchange(at attempt, response url.Values) (*oauth2.Token, claims) {
	rp.t.Helper()
	if response.Get("state") != at.state || response.Get("iss") != issuer || response.Get("code") == "" {
		rp.t.Fatalf("the authorization response: %v", response)
	}
	token, err := rp.Exchange(rp.ctx, response.Get("code"), oauth2.VerifierOption(at.verifier))
	if err != nil {
		rp.t.Fatal(err)
	}
	c := rp.verify(token)
	if c.Nonce != at.nonce {
		rp.t.Errorf("the nonce is %q", c.Nonce)
	}
	return token, c
}

// verify verifies the ID token of a response.
func (rp *relyingParty) verify(token *oauth2.Token) claims {
	rp.t.Helper()
	raw, _ := token.Extra("id_token").(string)
	idToken, err := rp.provider.VerifierContext(rp.ctx, &oidc.Config{ClientID: rp.ClientID}).Verify(rp.ctx, raw)
	if err != nil {
		rp.t.Fatal(err)
	}
	if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
		rp.t.Error(err)
	}
	var c claims
	if err := idToken.Claims(&c); err != nil {
		rp.t.Fatal(err)
	}
	return c
}

// signIn signs the user in and returns the tokens.
func (rp *relyingParty) signIn(b *browser, user string, parameters ...string) (*oauth2.Token, claims) {
	rp.t.Helper()
	at, address := rp.begin(parameters...)
	return rp.exchange(at, b.choose(b.visit(address), user).response(rp.t))
}

// userinfo returns the status of the userinfo endpoint.
func (rp *relyingParty) userinfo(accessToken string) int {
	rp.t.Helper()
	r, err := http.NewRequestWithContext(rp.ctx, http.MethodGet, rp.provider.UserInfoEndpoint(), nil)
	if err != nil {
		rp.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+accessToken)
	response, err := (&http.Client{Transport: rp.ctx.Value(oauth2.HTTPClient).(*http.Client).Transport}).Do(r)
	if err != nil {
		rp.t.Fatal(err)
	}
	return response.StatusCode
}

// A browser has the cookies of the provider. Like Chromium, and unlike net/http's jar, it
// accepts Secure cookies over http on this machine.
type browser struct {
	t       *testing.T
	client  *http.Client
	cookies map[string]string
}

func newBrowser(t *testing.T, p http.Handler) *browser {
	return &browser{t: t, cookies: make(map[string]string), client: &http.Client{
		Transport:     direct{p},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// A page is a response of the provider, or a redirect that leaves the provider.
type page struct {
	status int
	header http.Header
	body   string
	left   *url.URL // the address outside
}

// response returns the parameters with which the browser has come to the callback.
func (p page) response(t *testing.T) url.Values {
	t.Helper()
	if p.left == nil || !strings.HasPrefix(p.left.String(), callback+"?") {
		t.Fatalf("the browser is not at the callback: %d %v %s", p.status, p.left, p.body)
	}
	return p.left.Query()
}

func (b *browser) visit(address string) page { b.t.Helper(); return b.do(http.MethodGet, address, nil) }

// do sends a request and follows the redirects within the provider.
func (b *browser) do(method, address string, form url.Values) page {
	b.t.Helper()
	for range 5 {
		r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
		if err != nil {
			b.t.Fatal(err)
		}
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for name, value := range b.cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		response, err := b.client.Do(r)
		if err != nil {
			b.t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, cookie := range response.Cookies() {
			if b.cookies[cookie.Name] = cookie.Value; cookie.MaxAge < 0 {
				delete(b.cookies, cookie.Name)
			}
		}
		next, err := response.Location()
		if err != nil {
			return page{status: response.StatusCode, header: response.Header, body: string(body)}
		}
		if !strings.HasPrefix(next.String(), issuer+"/") {
			return page{status: response.StatusCode, header: response.Header, left: next}
		}
		method, address, form = http.MethodGet, next.String(), nil
	}
	b.t.Fatal("too many redirects")
	return page{}
}

var requestOnPage = regexp.MustCompile(`name="request" value="([^"]+)"`)

// asksForUser reports whether the page is the sign-in page.
func (p page) asksForUser() bool {
	return p.status == http.StatusOK && requestOnPage.MatchString(p.body)
}

// choose sends the form of the sign-in page.
func (b *browser) choose(p page, user string) page {
	b.t.Helper()
	if !p.asksForUser() {
		b.t.Fatalf("not the sign-in page: %d %v %s", p.status, p.left, p.body)
	}
	id := html.UnescapeString(requestOnPage.FindStringSubmatch(p.body)[1])
	return b.do(http.MethodPost, issuer+"/signin", url.Values{"request": {id}, "user": {user}})
}
