// Package provider is a small OpenID Provider for this machine, on zitadel/oidc, so that
// the example needs nothing else: no account, no container, no network. It asks for no
// password and forgets its sessions when it ends. It is an identity provider in
// everything that a BFF can see: discovery, code flow with PKCE, refresh tokens that are
// good once, revocation, sign-out, and logout tokens over the back channel.
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

// Config says who the provider is and whom it knows.
type Config struct {
	Issuer string
	Key    Key
	Client Client
	// AccessTokenLifetime is 5 minutes by default.
	AccessTokenLifetime time.Duration
	// DeviceName makes a browser's name from its User-Agent.
	DeviceName func(userAgent string) string
}

// A Client is registered with the provider: the BFF.
type Client struct {
	ID, Secret                                               string
	RedirectURI, PostLogoutRedirectURI, BackchannelLogoutURI string
}

// A User can sign in.
type User struct{ Subject, Name, About string }

var users = []User{
	{"alice", "Alice Archer", "she is an operator of the application too"},
	{"bob", "Bob Baker", "an ordinary user"},
	{"carol", "Carol Carter", "an ordinary user"},
}

// A Session is a sign-in at the provider.
type Session struct {
	SID, Subject, ClientID, Device string
	Since                          time.Time
}

// Provider is the http.Handler of an OpenID Provider. Make it with [New].
type Provider struct {
	http.Handler
	cfg      Config
	storage  *storage
	callback func(http.ResponseWriter, *http.Request, string)
}

// New makes a provider. It does not listen.
func New(c Config) (*Provider, error) {
	if c.AccessTokenLifetime == 0 {
		c.AccessTokenLifetime = 5 * time.Minute
	}
	s := newStorage(c)
	var cryptoKey [32]byte // seals codes and access tokens, which end with the process
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
		op.WithAllowInsecure(), // http, on this machine
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

// headers are for the pages: no script at all.
func (p *Provider) headers(next http.Handler) http.Handler {
	client, _ := url.Parse(p.cfg.Client.RedirectURI)
	// A form's target includes what it is redirected to: the BFF.
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
	_ = pages.ExecuteTemplate(w, name, data) // the browser went away
}

// front shows what the provider knows, and ends sessions.
func (p *Provider) front(w http.ResponseWriter, _ *http.Request) {
	p.storage.mu.Lock()
	deliveries := slices.Clone(p.storage.log)
	p.storage.mu.Unlock()
	slices.Reverse(deliveries)
	p.show(w, http.StatusOK, "front.html", map[string]any{
		"Sessions": p.storage.list(), "Deliveries": deliveries, "Application": p.cfg.Client.PostLogoutRedirectURI,
	})
}

func (p *Provider) endOne(w http.ResponseWriter, r *http.Request) {
	p.storage.end(r.Context(), r.PostFormValue("sid"))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// choose is the sign-in page.
func (p *Provider) choose(w http.ResponseWriter, r *http.Request) {
	p.show(w, http.StatusOK, "signin.html", map[string]any{"Request": r.FormValue("request"), "Users": users})
}

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
