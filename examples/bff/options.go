package main

import (
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	dataDir   = "usersession-bff-data"
	secretEnv = "USERSESSION_BFF_CLIENT_SECRET"
)

// options is the command line, and what follows from it.
type options struct {
	dsn, addr, baseURL, keys, operators string
	issuer, clientID, clientSecret      string
	scopes, api                         string
	providerAddr, providerKey           string
	acceptUntyped                       bool
	maxSessions                         int
	idle, lifetime, cleanupInterval     time.Duration
	accessTokenLifetime                 time.Duration

	base         *url.URL
	withProvider bool
}

func parseOptions(args []string, out io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bff", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.dsn, "dsn", filepath.Join(dataDir, "bff.db"),
		"the database: the name of a SQLite file, or\npostgres://… | mysql://user:password@tcp(host:port)/name | sqlserver://…\n")
	flags.StringVar(&o.addr, "addr", "localhost:8080", "where to listen")
	flags.StringVar(&o.baseURL, "base-url", "", "how browsers and the provider reach this: https, or http on localhost\n(default http://localhost and the port)")
	flags.StringVar(&o.keys, "keys", "", "the file with the ticket keys, made if it is not there (default: next to the SQLite file)")
	flags.StringVar(&o.operators, "operators", "", "subject ids of those who may see the operator's page, with commas\n(default: alice with the inner provider, else nobody)")
	flags.StringVar(&o.issuer, "issuer", "", "an OpenID Provider of yours, instead of the inner one")
	flags.StringVar(&o.clientID, "client-id", "", "how that provider knows this application")
	flags.StringVar(&o.clientSecret, "client-secret", os.Getenv(secretEnv), "its secret; better in the environment as "+secretEnv)
	flags.StringVar(&o.scopes, "scopes", "", "what to ask for, with spaces (default: openid profile email, and offline_access if the provider has it)")
	flags.StringVar(&o.api, "api", "", "the API behind /api/ (default: /api/userinfo is the provider's userinfo endpoint)")
	flags.StringVar(&o.providerAddr, "provider-addr", "", "where the inner provider listens (default: the next port, by another host name)")
	flags.BoolVar(&o.acceptUntyped, "insecure-accept-untyped-logout-tokens", false, "for providers that do not set the type logout+jwt, such as Keycloak")
	flags.IntVar(&o.maxSessions, "max-sessions", 0, "how many sessions a user may have; the oldest goes (default: any number)")
	flags.DurationVar(&o.idle, "idle-timeout", 30*time.Minute, "a session ends when it was not used for so long")
	flags.DurationVar(&o.lifetime, "lifetime", 12*time.Hour, "and after this in any case")
	flags.DurationVar(&o.cleanupInterval, "cleanup-interval", time.Minute, "how often expired sessions are deleted")
	flags.DurationVar(&o.accessTokenLifetime, "access-token-lifetime", 5*time.Minute, "of the inner provider's access tokens")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("there are arguments that are no flags: %q", flags.Args())
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

// inner says whether the provider for development is used.
func (o *options) inner() bool { return o.withProvider }

// complete derives what was not said from where the program listens.
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

// completeFiles says where the keys are: next to the SQLite file.
func (o *options) completeFiles() error {
	next := filepath.Join(dataDir, "bff")
	if isFile(o.dsn) {
		next = strings.TrimSuffix(o.dsn, filepath.Ext(o.dsn))
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
		if filepath.Base(dir) == dataDir { // keys do not belong into a repository
			if err := os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("*\n"), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// useInner points at the inner provider, which shares a secret with nobody else.
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

// announce says what to do next.
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

// loopback names are the ones from which browsers take Secure cookies over http.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
