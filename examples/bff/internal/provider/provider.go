// Package provider is a small OpenID Provider on zitadel/oidc for development. With it the
// example needs no account, no container and no network. The provider has no passwords and
// keeps its sessions in memory. To a BFF it is a complete identity provider: it has
// discovery, the code flow with PKCE, refresh token rotation, revocation, sign-out, and
// logout tokens over the back channel.
package provider

import (
	"crypto/rand"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Config configures a [Provider].
type Config struct {
	// Issuer is the provider's URL.
	Issuer string
	// Key signs the ID tokens and logout tokens.
	Key Key
	// Client is the only client.
	Client Client
	// AccessTokenLifetime is 5 minutes if it is 0.
	AccessTokenLifetime time.Duration
	// DeviceName returns a readable name for a browser's User-Agent. If it is nil, the
	// sessions have no device names.
	DeviceName func(userAgent string) string
}

// A Client is an application that is registered with the provider: here the BFF.
type Client struct {
	ID, Secret                                               string
	RedirectURI, PostLogoutRedirectURI, BackchannelLogoutURI string
}

// A User is an account at the provider.
type User struct{ Subject, Name, About string }

var users = []User{
	{"alice", "Alice Archer", "an operator of the application"},
	{"bob", "Bob Baker", "an ordinary user"},
	{"carol", "Carol Carter", "an ordinary user"},
}

// A Session is a sign-in at the provider.
type Session struct {
	SID, Subject, ClientID, Device string
	Since                          time.Time
}

// Provider is the http.Handler of an OpenID Provider. Make it with [New]. It is safe for
// concurrent use.
type Provider struct {
	http.Handler
	cfg      Config
	storage  *storage
	callback func(http.ResponseWriter, *http.Request, string)
}

// New returns a provider without sessions. The caller serves it.
func New(c Config) (*Provider, error) {
	if c.AccessTokenLifetime == 0 {
		c.AccessTokenLifetime = 5 * time.Minute
	}
	s := newStorage(c)
	var cryptoKey [32]byte // encrypts codes and access tokens, which end with the process
	_, _ = rand.Read(cryptoKey[:])
	protocol, err := op.NewProvider(&op.Config{
		CryptoKey:                         cryptoKey,
		CryptoKeyId:                       rand.Text(),
		DefaultLogoutRedirectURI:          "/",
		CodeMethodS256:                    true,
		GrantTypeRefreshToken:             true,
		SupportedScopes:                   []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail, oidc.ScopeOfflineAccess},
		BackChannelLogoutSupported:        true,
		BackChannelLogoutSessionSupported: true,
	}, s, op.StaticIssuer(c.Issuer),
		op.WithAllowInsecure(), // http on this machine
		op.WithIDTokenHintVerifierOpts(op.WithSupportedIDTokenHintSigningAlgorithms(string(c.Key.SignatureAlgorithm()))))
	if err != nil {
		return nil, fmt.Errorf("provider: %w", err)
	}
	p := &Provider{cfg: c, storage: s}
	resume := op.AuthCallbackURL(protocol)
	p.callback = func(w http.ResponseWriter, r *http.Request, id string) {
		ctx := op.ContextWithIssuer(r.Context(), c.Issuer)
		http.Redirect(w, r, resume(ctx, id), http.StatusSeeOther)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.front)
	mux.HandleFunc("GET /provider.css", p.css)
	mux.HandleFunc("GET /signin", p.choose)
	crossOrigin := http.NewCrossOriginProtection()
	mux.Handle("POST /signin", crossOrigin.Handler(http.HandlerFunc(p.chosen)))
	mux.Handle("POST /end", crossOrigin.Handler(http.HandlerFunc(p.endOne)))
	mux.Handle("/", protocol)
	p.Handler = p.headers(mux)
	return p, nil
}

//go:embed pages
var files embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"clock": func(t time.Time) string { return t.UTC().Format("15:04:05 UTC") },
}).ParseFS(files, "pages/*.html"))

// headers sets the security headers. The pages have no script.
func (p *Provider) headers(next http.Handler) http.Handler {
	client, _ := url.Parse(p.cfg.Client.RedirectURI)
	// form-action also applies to redirects of the form's request, here to the BFF.
	policy := "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' " +
		client.Scheme + "://" + client.Host
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

func (p *Provider) css(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, files, "pages/provider.css")
}

func (p *Provider) show(w http.ResponseWriter, status int, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = pages.ExecuteTemplate(w, name, data) // fails only if the browser has gone
}

// front sends the page with the sessions and the logout tokens that were sent.
func (p *Provider) front(w http.ResponseWriter, _ *http.Request) {
	p.storage.mu.Lock()
	deliveries := slices.Clone(p.storage.log)
	p.storage.mu.Unlock()
	slices.Reverse(deliveries)
	p.show(w, http.StatusOK, "front.html", map[string]any{
		"Sessions": p.storage.list(), "Deliveries": deliveries, "Application": p.cfg.Client.PostLogoutRedirectURI,
	})
}

// endOne ends the session that the form names.
func (p *Provider) endOne(w http.ResponseWriter, r *http.Request) {
	p.storage.end(r.Context(), r.PostFormValue("sid"))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// choose sends the sign-in page.
func (p *Provider) choose(w http.ResponseWriter, r *http.Request) {
	p.show(w, http.StatusOK, "signin.html", map[string]any{"Request": r.FormValue("request"), "Users": users})
}

// chosen signs in the user that the form names, and redirects to the client.
func (p *Provider) chosen(w http.ResponseWriter, r *http.Request) {
	id, subject := r.PostFormValue("request"), r.PostFormValue("user")
	known := slices.ContainsFunc(users, func(u User) bool { return u.Subject == subject })
	device := ""
	if p.cfg.DeviceName != nil {
		device = p.cfg.DeviceName(r.UserAgent())
	}
	if !known || p.storage.signIn(id, subject, device) != nil {
		p.show(w, http.StatusBadRequest, "signin.html", map[string]any{"Expired": true, "Application": p.cfg.Client.PostLogoutRedirectURI})
		return
	}
	p.callback(w, r, id)
}
