// Command bff is a complete Backend-for-Frontend. Users sign in with OpenID Connect, their
// sessions are in a database, and the browser has a cookie with a random number.
//
//	go run ./examples/bff
//	go run ./examples/bff -dsn 'postgres://user:password@localhost:5432/database'
//	go run ./examples/bff -dsn 'sqlserver://user:password@localhost:1433?database=name&encrypt=true'
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
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/usersession/bff/devprovider"
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

// run serves until the context ends or a server fails. It closes the database when the
// servers and the background work have ended.
func run(ctx context.Context, opts options, out io.Writer) error {
	listener, err := listen(ctx, opts.addr, "-addr")
	if err != nil {
		return err
	}
	defer listener.Close() //nolint:errcheck // the server closes it first
	if err := opts.complete(listener.Addr()); err != nil {
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

	servers := []func() error{}
	if opts.inner() {
		serve, err := startProvider(ctx, &opts)
		if err != nil {
			return err
		}
		servers = append(servers, serve)
	}
	app, err := newApp(opts, store, keys, slog.Default())
	if err != nil {
		return err
	}
	servers = append(servers, serveUntil(ctx, listener, app))
	opts.announce(out)

	// The background work ends after the servers: requests that are still served may start
	// refreshes and revocations.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, len(servers)+1)
	background := make(chan struct{})
	go func() { defer close(background); app.background(work) }()
	for _, serve := range servers {
		go func() { ended <- serve() }()
	}
	for range servers {
		if err = errors.Join(err, <-ended); err != nil {
			break
		}
	}
	stop()
	<-background // waits for refreshes and revocations; the database closes after it
	return err
}

// startProvider prepares the inner OpenID Provider and returns the function that serves
// it. The provider has its own host name, so that the browser treats it as another site,
// as it does with a real provider.
func startProvider(ctx context.Context, opts *options) (func() error, error) {
	listener, err := listen(ctx, opts.providerAddr, "-provider-addr")
	if err != nil {
		return nil, err
	}
	opts.useInner(listener.Addr())
	inner, err := devprovider.New(devprovider.Config{
		Issuer:  opts.issuer,
		KeyFile: opts.providerKey,
		Clients: []devprovider.Client{{
			ID: opts.clientID, Secret: opts.clientSecret, RedirectURIs: []string{opts.redirectURI()},
			PostLogoutRedirectURIs: []string{opts.postLogoutRedirectURI()}, BackchannelLogoutURI: opts.backchannelLogoutURI(),
		}},
		AccessTokenLifetime: opts.accessTokenLifetime,
		DeviceName:          deviceName,
	})
	if err != nil {
		return nil, err
	}
	return serveUntil(ctx, listener, inner), nil
}

// listen listens on addr. Its error names the flag that changes the address.
func listen(ctx context.Context, addr, flagName string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%w: choose another address with %s", err, flagName)
	}
	return listener, nil
}

// shutdownTime bounds how long a server waits for requests at shutdown.
const shutdownTime = 5 * time.Second

// serveUntil returns a function that serves until the context ends. The function returns
// when the requests in progress are complete, or after shutdownTime.
func serveUntil(ctx context.Context, listener net.Listener, handler http.Handler) func() error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	return func() error {
		shutDown := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			defer close(shutDown)
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
			defer cancel()
			_ = server.Shutdown(ctx) // longer requests end with the process
		})
		defer stop()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		<-shutDown // Serve returns when Shutdown begins, not when it ends
		return nil
	}
}
