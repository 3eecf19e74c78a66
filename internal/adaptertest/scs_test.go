package adaptertest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"example.com/usersession/adapters/scsstore"
	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/internal/adaptertest"
)

func newSCS(t *testing.T, cfg adaptertest.Config, handler adaptertest.Handler) adaptertest.Application {
	t.Helper()
	return newSCSOn(t, scs.New(), cfg, handler)
}

func newSCSOn(t *testing.T, manager *scs.SessionManager, cfg adaptertest.Config, handler adaptertest.Handler) adaptertest.Application {
	t.Helper()
	manager.Cookie.Name, manager.Cookie.Secure = adaptertest.CookieName, true
	manager.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, _ error) {
		http.Error(w, "the session cannot be loaded or saved", http.StatusInternalServerError)
	}
	store, err := scsstore.Use(manager, scsstore.Config{
		Store: cfg.Store, Partition: cfg.Partition, Protector: cfg.Protector, Issuer: cfg.Issuer,
		Identify: func(values map[string]any) adapter.Identity {
			sub, _ := values[adaptertest.Subject].(string)
			sid, _ := values[adaptertest.SID].(string)
			return adapter.Identity{SubjectID: sub, SessionID: sid}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return adaptertest.Application{
		Handler: manager.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, err := handler(adaptertest.Request{Path: r.URL.Path, Query: r.URL.Query()}, scsSession{manager, r.Context()})
			if err != nil {
				http.Error(w, "the request has failed", http.StatusInternalServerError)
				return
			}
			_, _ = w.Write([]byte(text))
		})),
		EndSessions: store.EndSessions,
		SessionIDs: func(ctx context.Context, subjectID string) (ids []string, err error) {
			list, err := store.UserSessions(ctx, subjectID)
			for _, session := range list {
				ids = append(ids, session.SessionID)
			}
			return ids, err
		},
	}
}

// scsSession is the session of a request. LoadAndSave saves it.
type scsSession struct {
	manager *scs.SessionManager
	ctx     context.Context
}

func (s scsSession) Get(name string) string { return s.manager.GetString(s.ctx, name) }
func (s scsSession) Set(name, value string) { s.manager.Put(s.ctx, name, value) }
func (s scsSession) Remove(name string)     { s.manager.Remove(s.ctx, name) }
func (s scsSession) AddFlash(text string)   { s.Set("flash", s.Get("flash")+text+",") }
func (s scsSession) Rotate() error          { return s.manager.RenewToken(s.ctx) }
func (s scsSession) End() error             { return s.manager.Destroy(s.ctx) }
func (s scsSession) Save() error            { return nil }

func (s scsSession) Flashes() []string {
	return strings.FieldsFunc(s.manager.PopString(s.ctx, "flash"), func(r rune) bool { return r == ',' })
}

func TestSCS(t *testing.T) { adaptertest.OnEveryEngine(t, newSCS) }

// scs writes every session in every request if there is an idle timeout.
func TestSCS_IdleTimeoutAndHashedTokens(t *testing.T) {
	library := func(t *testing.T, cfg adaptertest.Config, handler adaptertest.Handler) adaptertest.Application {
		manager := scs.New()
		manager.IdleTimeout, manager.HashTokenInStore = time.Hour, true
		return newSCSOn(t, manager, cfg, handler)
	}
	adaptertest.Run(t, library, func(*testing.T) bff.UserSessionStore { return bff.NewInMemoryStore() })
}
