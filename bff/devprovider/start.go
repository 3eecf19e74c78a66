package devprovider

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// shutdownTime bounds how long a server waits for requests when it ends.
const shutdownTime = 5 * time.Second

// A Server is a [Provider] that listens. Make it with [Start].
type Server struct {
	*Provider
	stop  context.CancelFunc
	ended chan struct{}
	err   error // of the server, after ended
}

// Start listens on loopback and serves a provider until ctx ends or [Server.Close] is
// called. It returns when the provider is ready. Config.Issuer, which must be http, has the port,
// or means port 80. Without an Issuer, Start takes a free port.
func Start(ctx context.Context, c Config) (*Server, error) {
	address := "127.0.0.1:0"
	if c.Issuer != "" {
		if err := checkIssuer(c.Issuer); err != nil {
			return nil, err
		}
		u, _ := url.Parse(c.Issuer)
		if u.Scheme != "http" {
			return nil, errors.New("devprovider: Start serves http only: serve New with a certificate of yours")
		}
		host, port := u.Hostname(), u.Port()
		if net.ParseIP(host) == nil {
			host = "127.0.0.1" // also for names under .localhost, which not every resolver knows
		}
		if port == "" {
			port = "80"
		}
		address = net.JoinHostPort(host, port)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("devprovider: %w", err)
	}
	if c.Issuer == "" {
		c.Issuer = "http://" + listener.Addr().String()
	}
	provider, err := New(c)
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	s := &Server{Provider: provider, ended: make(chan struct{})}
	ctx, s.stop = context.WithCancel(ctx)
	go s.serve(ctx, listener)
	return s, nil
}

// serve serves until ctx ends.
func (s *Server) serve(ctx context.Context, listener net.Listener) {
	defer close(s.ended)
	defer s.stop()
	server := &http.Server{
		Handler: s.Provider, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
	}
	shutDown := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(shutDown)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close() // requests that take longer
		}
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		stop()
		s.err = fmt.Errorf("devprovider: %w", err)
		return
	}
	<-shutDown // Serve returns when Shutdown begins, not when it ends
}

// Wait blocks until the server has ended and its requests are complete. It returns nil after
// the end of Start's context or Close, and otherwise the server's error.
func (s *Server) Wait() error {
	<-s.ended
	return s.err
}

// Close ends the server and waits for it.
func (s *Server) Close() error {
	s.stop()
	return s.Wait()
}
