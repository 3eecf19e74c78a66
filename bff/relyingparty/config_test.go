package relyingparty_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"example.com/usersession/bff/relyingparty"
	"example.com/usersession/bff/ticket"
)

func TestNew_Configuration(t *testing.T) {
	good := relyingparty.Config{
		Issuer: "https://id.example", ClientID: "bff", ClientSecret: "s", BaseURL: "https://app.example", Protector: keysForTests,
	}
	if rp, err := relyingparty.New(good); err != nil || rp.Issuer() != good.Issuer {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*relyingparty.Config){
		"no issuer":              func(c *relyingparty.Config) { c.Issuer = "" },
		"an http issuer":         func(c *relyingparty.Config) { c.Issuer = "http://id.example" },
		"an issuer with a query": func(c *relyingparty.Config) { c.Issuer = "https://id.example?x" },
		"an issuer of no URL":    func(c *relyingparty.Config) { c.Issuer = "id.example" },
		"localhost's look-alike": func(c *relyingparty.Config) { c.Issuer = "http://localhost.evil.example" },
		"no client id":           func(c *relyingparty.Config) { c.ClientID = "" },
		"no base URL":            func(c *relyingparty.Config) { c.BaseURL = "" },
		"an http base URL":       func(c *relyingparty.Config) { c.BaseURL = "http://app.example" },
		"a base URL with a path": func(c *relyingparty.Config) { c.BaseURL = "https://app.example/x" },
		"no protector":           func(c *relyingparty.Config) { c.Protector = nil },
		"nil key ring":           func(c *relyingparty.Config) { c.Protector = (*ticket.KeyRing)(nil) },
		"zero key ring":          func(c *relyingparty.Config) { c.Protector = &ticket.KeyRing{} },
		"a path without a slash": func(c *relyingparty.Config) { c.Path = "bff" },
		"a path of a pattern":    func(c *relyingparty.Config) { c.Path = "/{x}" },
		"a path of another host": func(c *relyingparty.Config) { c.PostLogoutPath = "//evil.example" },
		"an issuer of no host":   func(c *relyingparty.Config) { c.Issuer = "https://:443" },
		"an issuer's fragment":   func(c *relyingparty.Config) { c.Issuer = "https://id.example#" },
		"an issuer's query":      func(c *relyingparty.Config) { c.Issuer = "https://id.example?" },
		"a base URL of no host":  func(c *relyingparty.Config) { c.BaseURL = "https://:8443" },
		"a base URL of no port":  func(c *relyingparty.Config) { c.BaseURL = "https://app.example:" },
		"a base URL's fragment":  func(c *relyingparty.Config) { c.BaseURL = "https://app.example#" },
		"a base URL's query":     func(c *relyingparty.Config) { c.BaseURL = "https://app.example?" },
		"an empty segment":       func(c *relyingparty.Config) { c.Path = "/bff//x" },
		"a dot":                  func(c *relyingparty.Config) { c.Path = "/./bff" },
		"two dots":               func(c *relyingparty.Config) { c.Path = "/x/../bff" },
		"a slash at the end":     func(c *relyingparty.Config) { c.Path = "/bff/" },
		"the root":               func(c *relyingparty.Config) { c.Path = "/" },
		"a line break":           func(c *relyingparty.Config) { c.Path = "/b\nff" },
		"an escape":              func(c *relyingparty.Config) { c.Path = "/b%20ff" },
		"another letter":         func(c *relyingparty.Config) { c.Path = "/bäff" },
		"a line break after all": func(c *relyingparty.Config) { c.PostLogoutPath = "/\nx" },
		"a nil RSA key":          func(c *relyingparty.Config) { c.ClientSecret, c.ClientKey = "", (*rsa.PrivateKey)(nil) },
		"a zero RSA key":         func(c *relyingparty.Config) { c.ClientSecret, c.ClientKey = "", &rsa.PrivateKey{} },
		"a nil ECDSA key":        func(c *relyingparty.Config) { c.ClientSecret, c.ClientKey = "", (*ecdsa.PrivateKey)(nil) },
		"a zero ECDSA key":       func(c *relyingparty.Config) { c.ClientSecret, c.ClientKey = "", &ecdsa.PrivateKey{} },
		"a nil Ed25519 key":      func(c *relyingparty.Config) { c.ClientSecret, c.ClientKey = "", ed25519.PrivateKey(nil) },
		"a short Ed25519 key":    func(c *relyingparty.Config) { c.ClientSecret, c.ClientKey = "", ed25519.PrivateKey{1} },
		"an unknown method":      func(c *relyingparty.Config) { c.ClientAuthentication = "client_secret_jwt" },
		"basic without a secret": func(c *relyingparty.Config) {
			c.ClientSecret, c.ClientAuthentication = "", relyingparty.ClientSecretBasic
		},
		"a key that cannot sign": func(c *relyingparty.Config) {
			key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			c.ClientSecret, c.ClientKey = "", key
		},
		"a secret and a key":         func(c *relyingparty.Config) { c.ClientKey = keyPair()[jose.RS256].(*rsa.PrivateKey) },
		"a letter right after ASCII": func(c *relyingparty.Config) { c.Path = "/b\u0080ff" },
		"an empty scope":             func(c *relyingparty.Config) { c.Scopes = []string{"openid", ""} },
		"jwt without a key":          func(c *relyingparty.Config) { c.ClientAuthentication = relyingparty.PrivateKeyJWT },
		"scopes without openid":      func(c *relyingparty.Config) { c.Scopes = []string{"email"} },
		"scopes in one":              func(c *relyingparty.Config) { c.Scopes = []string{"openid", "email profile"} },
		"a negative skew":            func(c *relyingparty.Config) { c.ClockSkew = -1 },
	} {
		c := good
		change(&c)
		if _, err := relyingparty.New(c); err == nil || strings.Contains(err.Error(), "secret-value") {
			t.Errorf("%s is accepted", name)
		}
	}
	for _, base := range []string{"https://app.example/", "https://app.example:8443", "http://[::1]:8080", "https://[2001:db8::1]"} {
		c := good
		c.BaseURL, c.Path, c.PostLogoutPath = base, "/auth/bff", "/a%2Fb"
		if _, err := relyingparty.New(c); err != nil {
			t.Errorf("%s: %v", base, err)
		}
	}
	insecure := good
	insecure.Issuer, insecure.InsecureAllowHTTP = "http://id.example", true
	if _, err := relyingparty.New(insecure); err != nil {
		t.Error(err)
	}
}

// The default scopes are those that the provider lists. The application's scopes replace them, and
// do not change after they were checked.
func TestLogin_Scopes(t *testing.T) {
	for name, test := range map[string]struct {
		listed     any
		configured []string
		want       string
	}{
		"all listed":  {[]string{"email", "offline_access", "openid", "profile", "other"}, nil, "openid profile email offline_access"},
		"one listed":  {[]string{"email"}, nil, "openid email"},
		"none listed": {[]string{}, nil, "openid"},
		"no list":     {nil, nil, "openid profile email"},
		"configured":  {[]string{"email"}, []string{"openid", "api"}, "openid api"},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t, func(op *fakeOP) {
				op.document = func(d map[string]any) { d["scopes_supported"] = test.listed }
			})
			b := newApp(t, op, func(s *setup) { s.rp.Scopes = test.configured }).browser()
			if len(test.configured) > 0 {
				test.configured[0] = "changed"
			}
			if got := queryOf(t, b.get("/bff/login").location()).Get("scope"); got != test.want {
				t.Errorf("scope = %q, want %q", got, test.want)
			}
		})
	}
}

func TestLogin_BaseURLWithSlash(t *testing.T) {
	b := newApp(t, newOP(t), func(s *setup) { s.rp.BaseURL = baseURL + "/" }).browser()
	if login := b.get("/bff/login"); login.StatusCode != http.StatusSeeOther || queryOf(t, login.location()).Get("redirect_uri") != baseURL+"/bff/callback" {
		t.Errorf("%d to %q", login.StatusCode, login.location())
	}
}
