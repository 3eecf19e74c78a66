package adaptertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/internal/adaptertest"
)

// plain is a session library of this test: the shortest way to use package adapter. It shows
// that the scenario holds without a library that knows better or worse.
type plain struct {
	sessions *adapter.Sessions
	handler  adaptertest.Handler
}

func newPlain(t *testing.T, cfg adaptertest.Config, handler adaptertest.Handler) adaptertest.Application {
	t.Helper()
	sessions, err := adapter.New(adapter.Config{
		Store: cfg.Store, Partition: cfg.Partition, Protector: cfg.Protector, Issuer: cfg.Issuer,
	})
	if err != nil {
		t.Fatal(err)
	}
	return adaptertest.Application{
		Handler: &plain{sessions, handler}, EndSessions: sessions.EndSessions,
		SessionIDs: func(ctx context.Context, subjectID string) (ids []string, err error) {
			list, err := sessions.UserSessions(ctx, subjectID)
			for _, session := range list {
				ids = append(ids, session.SessionID)
			}
			return ids, err
		},
	}
}

// plainSession is the session of a request.
type plainSession struct {
	*plain
	w      http.ResponseWriter
	r      *http.Request
	loaded *adapter.Session // nil for a new session
	values map[string]string
	secret string // the next one after a rotation
}

func (p *plain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := &plainSession{plain: p, w: w, r: r, values: map[string]string{}}
	text, err := "", error(nil)
	if cookie, none := r.Cookie(adaptertest.CookieName); none == nil {
		s.loaded, err = p.sessions.Load(r.Context(), cookie.Value)
	}
	switch {
	case errors.Is(err, bff.ErrSessionNotFound):
		s.loaded, err = nil, nil
	case err == nil && s.loaded != nil:
		err = json.Unmarshal(s.loaded.Payload, &s.values)
	}
	if err == nil {
		text, err = p.handler(adaptertest.Request{Path: r.URL.Path, Query: r.URL.Query()}, s)
	}
	if err != nil {
		http.Error(w, "the request has failed", http.StatusInternalServerError)
		return
	}
	_, _ = w.Write([]byte(text))
}

func (s *plainSession) Get(name string) string { return s.values[name] }
func (s *plainSession) Set(name, value string) { s.values[name] = value }
func (s *plainSession) Remove(name string)     { delete(s.values, name) }
func (s *plainSession) AddFlash(text string)   { s.values["flash"] += text + "," }
func (s *plainSession) Rotate() error          { s.secret = adapter.NewSecret(); return nil }
func (s *plainSession) identity() adapter.Identity {
	return adapter.Identity{SubjectID: s.values[adaptertest.Subject], SessionID: s.values[adaptertest.SID]}
}

func (s *plainSession) Flashes() []string {
	text := s.values["flash"]
	delete(s.values, "flash")
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}

func (s *plainSession) End() error {
	if s.loaded != nil {
		if _, err := s.sessions.Remove(s.r.Context(), s.loaded); err != nil {
			return err
		}
	}
	http.SetCookie(s.w, &http.Cookie{Name: adaptertest.CookieName, MaxAge: -1, Path: "/"})
	return nil
}

func (s *plainSession) Save() error {
	payload, err := json.Marshal(s.values)
	if err != nil {
		return err
	}
	state := adapter.State{Identity: s.identity(), Payload: payload, Expires: time.Now().Add(time.Hour)}
	secret := s.secret
	switch {
	case s.loaded == nil:
		secret = adapter.NewSecret()
		s.loaded, err = s.sessions.Create(s.r.Context(), secret, state, nil)
	case secret != "":
		s.loaded, err = s.sessions.Rotate(s.r.Context(), s.loaded, secret, state)
	default:
		s.loaded, err = s.sessions.Save(s.r.Context(), s.loaded, state)
	}
	if err == nil && secret != "" {
		http.SetCookie(s.w, &http.Cookie{Name: adaptertest.CookieName, Value: secret, Path: "/", Secure: true, HttpOnly: true})
	}
	return err
}

func TestPlain(t *testing.T) { adaptertest.OnEveryEngine(t, newPlain) }
