package main

import (
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"example.com/usersession/examples/usersessiondb/dsn"
)

const (
	dataDir   = "usersession-bff-data"
	secretEnv = "USERSESSION_BFF_CLIENT_SECRET"
)

// options holds the flags and the values derived from them.
type options struct {
	dsn, addr, baseURL, keys, operators string
	issuer, clientID, clientSecret      string
	scopes, prompt, api                 string
	providerAddr, providerKey           string
	acceptUntyped                       bool
	maxSessions                         int
	idle, lifetime, cleanupInterval     time.Duration
	accessTokenLifetime                 time.Duration

	source       dsn.Source
	base         *url.URL
	withProvider bool
}

// parseOptions parses and checks the command line. It writes the help text and flag errors
// to out. The caller calls [options.complete] once the address to serve is known.
func parseOptions(args []string, out io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bff", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.dsn, "dsn", filepath.Join(dataDir, "bff.db"),
		"the database: the name of a SQLite file, or\npostgres://… | mysql://user:password@host:port/name | sqlserver://…&encrypt=true,\nor another form of DSN, as in the README\n")
	flags.StringVar(&o.addr, "addr", "localhost:8080", "the address to listen on")
	flags.StringVar(&o.baseURL, "base-url", "", "the URL of this program for browsers and the provider: https, or http on localhost\n(default http://localhost and the port)")
	flags.StringVar(&o.keys, "keys", "", "the file with the ticket keys, created if it is missing (default: next to the SQLite file)")
	flags.StringVar(&o.operators, "operators", "", "subject ids of the users who may see the operator's page, separated by commas\n(default: alice with the inner provider, otherwise none)")
	flags.StringVar(&o.issuer, "issuer", "", "the issuer of your OpenID Provider, used instead of the inner one")
	flags.StringVar(&o.clientID, "client-id", "", "this application's client id at that provider")
	flags.StringVar(&o.clientSecret, "client-secret", "", "its client secret; better set "+secretEnv+" in the environment")
	flags.StringVar(&o.scopes, "scopes", "", "the scopes to request, separated by spaces\n(default: openid profile email, and offline_access if the provider supports it)")
	flags.StringVar(&o.prompt, "prompt", "consent", "the prompt parameter of a sign-in with -issuer; many providers give a refresh token only with consent")
	flags.StringVar(&o.api, "api", "", "the URL of the API behind /api/ (default: only /api/userinfo, the provider's userinfo endpoint)")
	flags.StringVar(&o.providerAddr, "provider-addr", "", "the address of the inner provider (default: the next port, on another host name)")
	flags.BoolVar(&o.acceptUntyped, "insecure-accept-untyped-logout-tokens", false, "accept logout tokens without the type logout+jwt, as Keycloak sends them")
	flags.IntVar(&o.maxSessions, "max-sessions", 0, "the maximum number of sessions of a user; a sign-in beyond it ends the oldest (default: no maximum)")
	flags.DurationVar(&o.idle, "idle-timeout", 30*time.Minute, "a session ends after this time without a request")
	flags.DurationVar(&o.lifetime, "lifetime", 12*time.Hour, "a session ends after this time in any case")
	flags.DurationVar(&o.cleanupInterval, "cleanup-interval", time.Minute, "the time between two deletions of expired sessions")
	flags.DurationVar(&o.accessTokenLifetime, "access-token-lifetime", 5*time.Minute, "the lifetime of the inner provider's access tokens")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.clientSecret == "" { // not the flag's default, which -help prints
		o.clientSecret = os.Getenv(secretEnv)
	}
	if flags.NArg() > 0 {
		// They are not shown: they can be parts of a DSN without quotes.
		return o, fmt.Errorf("%d unexpected arguments: every option is a flag with one value, see -help", flags.NArg())
	}
	if _, err := dsn.Parse(o.dsn); err != nil {
		return o, fmt.Errorf("-dsn: %w", err)
	}
	switch {
	case o.issuer != "" && o.clientID == "":
		return o, errors.New("-issuer needs -client-id")
	case o.issuer == "" && o.clientID != "":
		return o, errors.New("-client-id needs -issuer")
	}
	o.withProvider = o.issuer == ""
	return o, nil
}

// inner reports whether the provider for development is used.
func (o *options) inner() bool { return o.withProvider }

// complete derives the options that were not given from the address that the program
// listens on. It checks the base URL and makes the folders for the files.
func (o *options) complete(listening net.Addr) error {
	port := portOf(listening)
	if o.baseURL == "" {
		o.baseURL = "http://localhost:" + strconv.Itoa(port)
	}
	base, err := url.Parse(strings.TrimSuffix(o.baseURL, "/"))
	if err != nil || base.Host == "" || base.Path != "" || base.RawQuery != "" || base.User != nil ||
		base.Scheme != "https" && base.Scheme != "http" {
		return errors.New("-base-url must be a scheme and a host: https://app.example")
	}
	if base.Scheme == "http" && !loopback(base.Hostname()) {
		return errors.New("-base-url must be https: over http a browser takes the session cookie only from localhost")
	}
	o.base, o.baseURL = base, base.String()
	if o.providerAddr == "" {
		next := port + 1
		if strings.HasSuffix(o.addr, ":0") {
			next = 0
		}
		o.providerAddr = "127.0.0.1:" + strconv.Itoa(next)
	}
	return o.completeFiles()
}

// completeFiles derives the database and the names of the key files, which are next to the
// SQLite file, and makes their folders.
func (o *options) completeFiles() error {
	next := filepath.Join(dataDir, "bff")
	var err error
	if o.source, err = dsn.Parse(o.dsn); err != nil {
		return err
	}
	if file := o.source.File; file != "" {
		next = strings.TrimSuffix(file, filepath.Ext(file))
	}
	if o.keys == "" {
		o.keys = next + ".keys"
	}
	o.providerKey = next + ".provider.pem"
	for _, file := range []string{next, o.keys} {
		dir := filepath.Dir(file)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if filepath.Base(dir) == dataDir { // keys do not belong in a repository
			if err := os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("*\n"), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// useInner makes the inner provider, listening at that address, the issuer. The client
// secret is random: only the two parts of this process know it.
func (o *options) useInner(listening net.Addr) {
	host := "127.0.0.1"
	if o.base.Hostname() == host {
		host = "localhost"
	}
	o.issuer = "http://" + net.JoinHostPort(host, strconv.Itoa(portOf(listening)))
	o.clientID, o.clientSecret = "bff", rand.Text()
	if o.operators == "" {
		o.operators = "alice"
	}
}

func (o *options) redirectURI() string           { return o.baseURL + "/bff/callback" }
func (o *options) postLogoutRedirectURI() string { return o.baseURL + "/" }
func (o *options) backchannelLogoutURI() string  { return o.baseURL + "/bff/backchannel" }

// authParameters returns the parameters for the authorization request of a sign-in. The inner
// provider gives refresh tokens without a page.
func (o *options) authParameters(*http.Request) url.Values {
	if o.inner() || o.prompt == "" {
		return nil
	}
	return url.Values{"prompt": {o.prompt}}
}

// operatorSet returns the users of -operators.
func (o *options) operatorSet() map[string]bool {
	set := make(map[string]bool)
	for name := range strings.SplitSeq(o.operators, ",") {
		if name = strings.TrimSpace(name); name != "" {
			set[name] = true
		}
	}
	return set
}

// announce writes the addresses to open and to register at the provider. It writes no
// secret.
func (o *options) announce(out io.Writer) {
	if o.inner() {
		_, _ = fmt.Fprintf(out, "\n  Open      %s/\n  Provider  %s/  (for development: alice, bob, carol, no password)\n", o.baseURL, o.issuer)
	} else {
		_, _ = fmt.Fprintf(out, "\n  Open      %s/\n  Provider  %s\n\n  Register there:\n"+
			"    redirect URI              %s\n    post-logout redirect URI  %s\n    back-channel logout URI   %s\n",
			o.baseURL, o.issuer, o.redirectURI(), o.postLogoutRedirectURI(), o.backchannelLogoutURI())
	}
	_, _ = fmt.Fprintf(out, "  Keys      %s\n\n", o.keys)
}

func portOf(a net.Addr) int {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.Port
	}
	return 0
}

// loopback reports whether the host is this machine. Browsers accept Secure cookies over
// http from such hosts only.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
