// Command bff is a complete Backend-for-Frontend. Users sign in with OpenID Connect, their
// sessions are in a database, and the browser has a cookie with a random number.
//
//	go run ./examples/bff
//	go run ./examples/bff -dsn 'postgres://user:password@localhost:5432/database'
//	go run ./examples/bff -issuer https://id.example -client-id bff -client-secret …
//
// Without -issuer the program also runs an OpenID Provider for development. See README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"example.com/usersession/bff/apiproxy"
	"example.com/usersession/bff/devprovider"
	"example.com/usersession/bff/relyingparty"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

func main() {
	opts, err := parseOptions(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = run(ctx, opts, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bff:", err)
		os.Exit(1)
	}
}

// newApp connects the parts of the library. Start here for an application of your own. It
// starts nothing: the caller serves the handler, runs [app.background] and closes the store.
func newApp(opts options, store *database, keys *ticket.KeyRing, log *slog.Logger) (*app, error) {
	a := &app{opts: opts, store: store, keys: keys, log: log, mux: http.NewServeMux()}
	var err error
	if a.rp, err = relyingparty.New(relyingparty.Config{
		Issuer: opts.issuer, ClientID: opts.clientID, ClientSecret: opts.clientSecret, BaseURL: opts.baseURL, Protector: keys,
		Scopes: strings.Fields(opts.scopes), AuthParameters: func(*http.Request) url.Values { return opts.parameters },
		PrepareTicket: nameDevice, ListProperties: []string{propertyDevice}, ErrorHandler: a.fail,
		InsecureAcceptUntypedLogoutTokens: opts.acceptUntyped, Logger: log,
	}); err != nil {
		return nil, err
	}
	if a.sessions, err = serverside.New(serverside.Config{
		Store: store, Protector: keys, Partition: "bff-example-" + opts.issuer, Issuer: a.rp.Issuer(), Refresher: a.rp, Revoker: a.rp,
		IdleTimeout: opts.idle, AbsoluteLifetime: opts.lifetime, MaxSessionsPerUser: opts.maxSessions,
		EnableSessionCleanup: true, SessionCleanupInterval: opts.cleanupInterval, Metrics: &a.counts, ErrorHandler: a.unavailable, Logger: log,
	}); err != nil {
		return nil, err
	}
	if err := a.rp.Register(a.mux, a.sessions); err != nil { // /bff/login, /bff/callback, /bff/logout, /bff/user, …
		return nil, err
	}
	if opts.api == "" {
		a.script("/api/userinfo", a.userInfo)
	} else {
		api, err := apiproxy.New(apiproxy.Config{Sessions: a.sessions, Target: opts.api, Logger: log})
		if err != nil {
			return nil, err
		}
		a.script("/api/", api.ServeHTTP)
	}
	a.routes() // the example's own pages
	return a, nil
}

// run serves until the context ends or the server fails.
func run(ctx context.Context, opts options, out io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", opts.addr)
	if err != nil {
		return fmt.Errorf("%w: choose another address with -addr", err)
	}
	if err := opts.complete(listener.Addr().(*net.TCPAddr).Port); err != nil {
		return err
	}
	store, err := openStore(opts)
	if err != nil {
		return err
	}
	defer store.close()
	keys, err := keyRing(opts.keys)
	if err != nil {
		return err
	}
	unlimited := context.WithoutCancel(ctx)
	if opts.inner {
		provider, err := devprovider.Start(unlimited, devprovider.Config{
			Issuer: opts.issuer, KeyFile: opts.providerKey, DeviceName: deviceName, Clients: []devprovider.Client{{
				ID: opts.clientID, Secret: opts.clientSecret, RedirectURIs: []string{opts.baseURL + "/bff/callback"},
				PostLogoutRedirectURIs: []string{opts.baseURL + "/"}, BackchannelLogoutURI: opts.baseURL + "/bff/backchannel",
			}},
		})
		if err != nil {
			if _, listening := errors.AsType[*net.OpError](err); listening {
				return fmt.Errorf("%w: choose another address with -provider-addr", err)
			}
			return fmt.Errorf("%w: -base-url and -provider-addr must be on this machine, unless -issuer names a provider of yours", err)
		}
		defer provider.Close() //nolint:errcheck // the program ends
	}
	app, err := newApp(opts, store, keys, slog.Default())
	if err != nil {
		return err
	}
	opts.announce(out)

	// The background work ends after the server: requests that are still served may start
	// refreshes and revocations. The provider and the database end after it.
	work, stop := context.WithCancel(unlimited)
	background := make(chan struct{})
	go func() { defer close(background); app.background(work) }()
	err = serve(ctx, listener, app)
	stop()
	<-background
	return err
}

// background re-encrypts the live sessions with the first key, once, and then deletes
// expired sessions until the context ends.
func (a *app) background(ctx context.Context) {
	reseal := progress{what: "moving sessions to the first key", out: terminal(), count: live(a.store.db)}
	report, err := ticket.Reseal{
		Store: a.store, Protector: a.keys, PartitionKey: a.sessions.Config().Partition, Pause: 10 * time.Millisecond,
		Progress: func(r ticket.ResealReport) { reseal.report(r.Examined) },
	}.Run(ctx)
	if err != nil {
		a.log.LogAttrs(ctx, slog.LevelError, "moving sessions to the first key has failed: keep the old keys", slog.Any("error", err))
	} else {
		a.log.LogAttrs(ctx, slog.LevelInfo, "the sessions are moved to the first key: if none is unreadable, a key that was the first before is no longer needed",
			slog.Int64("moved", report.Resealed), slog.Int64("unreadable", report.Unreadable))
	}
	if err := a.sessions.Run(ctx); err != nil {
		a.log.LogAttrs(ctx, slog.LevelError, "cleanup of expired sessions has stopped", slog.Any("error", err))
	}
}

// serve serves until the context ends. It returns when the requests in progress are complete,
// or after five seconds.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute,
		IdleTimeout: 2 * time.Minute, ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = server.Shutdown(end) // longer requests end with the process
	return nil
}
