package adaptertest_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/gorilla/sessions"

	"example.com/usersession/adapters/gorillastore"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/internal/adaptertest"
)

func newGorillaStore(t *testing.T, cfg adaptertest.Config) *gorillastore.Store {
	t.Helper()
	store, err := gorillastore.New(gorillastore.Config{
		Store: cfg.Store, Partition: cfg.Partition, Protector: cfg.Protector, Issuer: cfg.Issuer,
		Identify: func(session *sessions.Session) adapter.Identity {
			sub, _ := session.Values[adaptertest.Subject].(string)
			sid, _ := session.Values[adaptertest.SID].(string)
			return adapter.Identity{SubjectID: sub, SessionID: sid}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func gorillaApplication(handler http.Handler, store *gorillastore.Store) adaptertest.Application {
	return adaptertest.Application{
		Handler: handler, EndSessions: store.EndSessions,
		SessionIDs: func(ctx context.Context, subjectID string) (ids []string, err error) {
			list, err := store.UserSessions(ctx, subjectID)
			for _, session := range list {
				ids = append(ids, session.SessionID)
			}
			return ids, err
		},
	}
}

// gorillaSession is a session as gorilla and echo applications use it.
type gorillaSession struct {
	*sessions.Session
	w http.ResponseWriter
	r *http.Request
}

func (s gorillaSession) Set(name, value string) { s.Values[name] = value }
func (s gorillaSession) Remove(name string)     { delete(s.Values, name) }
func (s gorillaSession) AddFlash(text string)   { s.Session.AddFlash(text) }
func (s gorillaSession) Rotate() error          { s.ID = ""; return nil }
func (s gorillaSession) Save() error            { return s.Session.Save(s.r, s.w) }

func (s gorillaSession) Get(name string) string {
	value, _ := s.Values[name].(string)
	return value
}

func (s gorillaSession) Flashes() []string { return texts(s.Session.Flashes()) }

func (s gorillaSession) End() error {
	s.Options.MaxAge = -1
	return s.Save()
}

func texts(values []any) (list []string) {
	for _, value := range values {
		list = append(list, value.(string))
	}
	return list
}

func newGorilla(t *testing.T, cfg adaptertest.Config, handler adaptertest.Handler) adaptertest.Application {
	store := newGorillaStore(t, cfg)
	return gorillaApplication(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := ""
		session, err := store.Get(r, adaptertest.CookieName)
		if err == nil {
			text, err = handler(adaptertest.Request{Path: r.URL.Path, Query: r.URL.Query()}, gorillaSession{session, w, r})
		}
		if err != nil {
			http.Error(w, "the request has failed", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte(text))
	}), store)
}

func TestGorilla(t *testing.T) { adaptertest.OnEveryEngine(t, newGorilla) }
