package dbtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// hostRole is the role of a process that is one host of a BFF. Its job is a hostJob as JSON.
const hostRole = "host"

type hostJob struct {
	Engine, DSN string
	Keys        string // the file with the keys
	Provider    string // the URL of the token endpoint

	TokenTimeout, StoreTimeout time.Duration
}

// A drillHost is a host of a BFF, with the addresses that the test uses.
type drillHost struct {
	db       *gorm.DB
	sessions *serverside.Sessions
	ahead    atomic.Int64 // how far the host's clock is ahead
}

// serveHost is the main function of a host. It writes its URL to standard output, and serves
// until standard input ends. Then it waits for the work that is under way.
func serveHost(text string) error {
	var job hostJob
	if err := json.Unmarshal([]byte(text), &job); err != nil {
		return err
	}
	h, err := newDrillHost(job)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h.routes(), ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Printf("http://%s\n", listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := errors.Join(server.Shutdown(ctx), h.sessions.Shutdown(ctx)); err != nil {
		return err
	}
	pool, err := h.db.DB()
	if err != nil {
		return err
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return pool.Close()
}

func newDrillHost(job hostJob) (*drillHost, error) {
	h := &drillHost{}
	db, err := openIn(job.Engine, job.DSN)
	if err != nil {
		return nil, err
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(3) // the servers allow 100 connections to all tests together
	pool.SetMaxIdleConns(3)
	store, err := usersession.NewGormStore(db, usersession.WithClock(h.now))
	if err != nil {
		return nil, err
	}
	keys, err := ticket.KeyRingFromFile(job.Keys)
	if err != nil {
		return nil, err
	}
	h.db = db
	h.sessions, err = serverside.New(serverside.Config{
		Store: store, Protector: keys, Partition: "app", Clock: h.now,
		IdleTimeout: time.Hour, AbsoluteLifetime: 1000 * time.Hour, // the clock goes fast
		Refresher: tokenEndpoint{url: job.Provider, now: h.now}, EndSessionWithRefreshToken: true,
		TokenTimeout: job.TokenTimeout, StoreTimeout: job.StoreTimeout,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	return h, err
}

// now is the host's clock.
func (h *drillHost) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

func (h *drillHost) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /signin", h.sessions.Middleware(http.HandlerFunc(h.signIn)))
	mux.Handle("GET /token", h.sessions.Middleware(http.HandlerFunc(h.token)))
	mux.HandleFunc("POST /settle", func(w http.ResponseWriter, r *http.Request) {
		if err := h.sessions.Shutdown(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("POST /clock", func(w http.ResponseWriter, r *http.Request) {
		ahead, err := time.ParseDuration(r.FormValue("ahead"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		h.ahead.Store(int64(ahead))
	})
	return mux
}

// signIn signs a user in with the tokens in the body. It stands for the callback.
func (h *drillHost) signIn(w http.ResponseWriter, r *http.Request) {
	var body providerAnswer
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	tokens := body.tokens(h.now())
	_, err := h.sessions.SignIn(w, r, ticket.Ticket{
		SubjectID: "alice", AccessToken: tokens.AccessToken, AccessTokenExpires: tokens.AccessTokenExpires, RefreshToken: tokens.RefreshToken,
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// token answers with the access token, as a proxy sends it to an API.
func (h *drillHost) token(w http.ResponseWriter, r *http.Request) {
	token, err := h.sessions.AccessToken(r.Context())
	switch {
	case err == nil:
		_, _ = io.WriteString(w, token)
	case errors.Is(err, serverside.ErrNoSession), errors.Is(err, serverside.ErrRefreshTokenRefused):
		http.Error(w, "sign in", http.StatusUnauthorized)
	default:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

// A tokenEndpoint is the host's client of the provider.
type tokenEndpoint struct {
	url string
	now func() time.Time
}

// RefreshTokens implements [serverside.TokenRefresher].
func (e tokenEndpoint) RefreshTokens(ctx context.Context, refreshToken string) (serverside.Tokens, error) {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, strings.NewReader(form.Encode()))
	if err != nil {
		return serverside.Tokens{}, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return serverside.Tokens{}, err
	}
	defer response.Body.Close()
	var answer providerAnswer
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return serverside.Tokens{}, err
	}
	if answer.Error == "invalid_grant" {
		return serverside.Tokens{}, serverside.ErrRefreshTokenRefused
	}
	return answer.tokens(e.now()), nil
}

// tokens returns the tokens of an answer that arrives at now.
func (a providerAnswer) tokens(now time.Time) serverside.Tokens {
	return serverside.Tokens{
		AccessToken: a.AccessToken, RefreshToken: a.RefreshToken,
		AccessTokenExpires: now.Add(time.Duration(a.ExpiresIn) * time.Second),
	}
}
