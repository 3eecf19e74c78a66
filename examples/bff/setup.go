package main

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession"
	"example.com/usersession/bff/ticket"
	databases "example.com/usersession/examples/usersessiondb/database"
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
	parameters                          url.Values // of the authorization request
	maxSessions                         int
	idle, lifetime, cleanupInterval     time.Duration
	source                              dsn.Source
	base                                *url.URL
	inner                               bool // the provider for development is used
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
	flags.StringVar(&o.keys, "keys", "", "the file with the ticket keys, created if it is missing\n(default: next to the SQLite file; with another database "+filepath.Join(dataDir, "bff.keys")+")")
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
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.clientSecret = cmp.Or(o.clientSecret, os.Getenv(secretEnv)) // not the flag's default, which -help prints
	if o.inner = o.issuer == ""; !o.inner && o.prompt != "" {     // the inner provider gives refresh tokens without a page
		o.parameters = url.Values{"prompt": {o.prompt}}
	}
	var err error
	if o.source, err = dsn.Parse(o.dsn); err != nil {
		return o, fmt.Errorf("-dsn: %w", err)
	}
	switch {
	case flags.NArg() > 0: // they are not shown: they can be parts of a DSN without quotes
		return o, fmt.Errorf("%d unexpected arguments: every option is a flag with one value, see -help", flags.NArg())
	case o.inner != (o.clientID == ""):
		return o, errors.New("-issuer and -client-id need each other")
	}
	return o, nil
}

// complete derives the options that were not given from the port that the program listens
// on, and makes the folders for the files. [relyingparty.New] checks the base URL.
func (o *options) complete(port int) error {
	o.baseURL = strings.TrimSuffix(cmp.Or(o.baseURL, fmt.Sprintf("http://localhost:%d", port)), "/")
	var err error
	if o.base, err = url.Parse(o.baseURL); err != nil {
		return errors.New("-base-url must be a scheme and a host: https://app.example")
	}
	if o.inner {
		// Another host name than the base URL's, so that the browser treats the provider as
		// another site, as it does with a real provider. Only this process knows the secret.
		host := map[bool]string{true: "localhost", false: "127.0.0.1"}[o.base.Hostname() == "127.0.0.1"]
		o.issuer = "http://" + cmp.Or(o.providerAddr, fmt.Sprintf("%s:%d", host, port+1))
		o.clientID, o.clientSecret, o.operators = "bff", rand.Text(), cmp.Or(o.operators, "alice")
	}
	next := filepath.Join(dataDir, "bff") // the key files are next to the SQLite file
	if file := o.source.File; file != "" {
		next = strings.TrimSuffix(file, filepath.Ext(file))
	}
	o.keys, o.providerKey = cmp.Or(o.keys, next+".keys"), next+".provider.pem"
	for _, dir := range []string{filepath.Dir(next), filepath.Dir(o.keys)} {
		err = errors.Join(err, os.MkdirAll(dir, 0o700))
		if filepath.Base(dir) == dataDir { // keys do not belong in a repository
			err = errors.Join(err, os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("*\n"), 0o600))
		}
	}
	return err
}

// announce writes the addresses to open and to register at the provider. It writes no secret.
func (o *options) announce(out io.Writer) {
	note := "  (for development: alice, bob, carol, no password)"
	if !o.inner {
		note = fmt.Sprintf("\n\n  Register there:\n    redirect URI              %[1]s/bff/callback\n"+
			"    post-logout redirect URI  %[1]s/\n    back-channel logout URI   %[1]s/bff/backchannel", o.baseURL)
	}
	_, _ = fmt.Fprintf(out, "\n  Open      %s/\n  Provider  %s%s\n  Keys      %s\n\n", o.baseURL, o.issuer, note, o.keys)
}

// database is the session store together with the connection pool that it uses.
type database struct {
	*usersession.GormStore
	db *gorm.DB
}

// openStore opens the database and creates or alters the table. The caller closes it.
func openStore(opts options) (*database, error) {
	db, err := databases.Open(opts.source)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	db.Logger = logger.NewSlogLogger(slog.Default(), logger.Config{
		LogLevel: logger.Error, SlowThreshold: time.Second, IgnoreRecordNotFoundError: true, ParameterizedQueries: true,
	})
	if err := databases.Migrate(db); err != nil {
		return nil, fmt.Errorf("creating the session table: %w", opts.source.Redact(err))
	}
	cleanup := progress{what: "deleting expired sessions", out: terminal(), count: expired(db)}
	store, err := usersession.NewGormStore(db, usersession.WithLogger(slog.Default()), usersession.WithCleanupProgress(cleanup.report))
	return &database{store, db}, err
}

func (d *database) close() {
	if pool, err := d.db.DB(); err == nil {
		_ = pool.Close() // the program ends
	}
}

const keyFileText = `# Keys that encrypt the content of the user sessions, one on each line: openssl rand -base64 32
# The first key encrypts, every key decrypts. Hosts that share a database need the same keys.
# The README describes how to rotate them. In production, load them from your secret store.
%s
`

// keyRing reads the ticket keys from the file. If there is no file it creates one with a
// random key, so that sessions survive the next restart. An invalid file is an error.
func keyRing(path string) (*ticket.KeyRing, error) {
	if ring, err := ticket.KeyRingFromFile(path); !errors.Is(err, fs.ErrNotExist) {
		return ring, err
	}
	secret := make([]byte, ticket.KeySize)
	_, _ = rand.Read(secret)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = fmt.Fprintf(file, keyFileText, base64.StdEncoding.EncodeToString(secret))
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("creating the key file: %w", err)
	}
	return ticket.KeyRingFromFile(path)
}
