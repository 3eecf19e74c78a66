package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/alexedwards/scs/v2"
	gorilla "github.com/gorilla/sessions"
	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
)

// measureRevive measures nothing in seconds: for each store it runs a request that has loaded
// a session before the session is revoked from outside, and saves or rotates it afterwards.
func measureRevive(ctx context.Context, c config, e *engine, out *report) error {
	db, closePool := e.open()
	defer closePool()
	store, err := usersession.NewGormStore(db)
	if err != nil {
		return err
	}
	out.printf("\n| store | after a late save | after a late rotation |\n|---|---|---|\n")
	row := func(name string, late func(rotate bool) (alive bool, err error)) error {
		var words [2]any
		for i, rotate := range []bool{false, true} {
			alive, err := late(rotate)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			words[i] = "stays ended"
			if alive {
				words[i] = "**comes back**"
			}
		}
		out.printf("| %s | %s | %s |\n", append([]any{name}, words[:]...)...)
		return nil
	}
	for _, p := range peers {
		if p.engine != e.name {
			continue
		}
		err := p.with(ctx, c, e, db, func(theirs opened) error {
			return row(p.name, func(rotate bool) (bool, error) {
				if theirs.scs != nil {
					manager := theirSCS(theirs.scs)
					return reviveSCS(ctx, manager, rotate, theirs.scs.Delete)
				}
				return reviveGorilla(ctx, theirs.gorilla, rotate, func() error { return deleteRows(ctx, db) })
			})
		})
		if err != nil {
			return err
		}
	}
	end := func() error {
		return errOf(store.DeleteUserSessions(ctx, "revive", bff.UserSessionsFilter{SubjectID: "alice"}))
	}
	if err := row("this store, adapters/scsstore", func(rotate bool) (bool, error) {
		manager, _, err := ourSCS(store, "revive")
		if err != nil {
			return false, err
		}
		return reviveSCS(ctx, manager, rotate, func(string) error { return end() })
	}); err != nil {
		return err
	}
	return row("this store, adapters/gorillastore", func(rotate bool) (bool, error) {
		adapted, err := ourGorilla(store, "revive")
		if err != nil {
			return false, err
		}
		return reviveGorilla(ctx, adapted, rotate, end)
	})
}

// deleteRows revokes every session of another store's table.
func deleteRows(ctx context.Context, db *gorm.DB) error {
	return db.WithContext(ctx).Exec("DELETE FROM sessions").Error
}

// reviveSCS reports whether alice is signed in after her session was revoked during a request
// that then saves it, or continues it under a new token.
func reviveSCS(ctx context.Context, manager *scs.SessionManager, rotate bool, revoke func(token string) error) (bool, error) {
	signIn, err := manager.Load(ctx, "")
	if err != nil {
		return false, err
	}
	manager.Put(signIn, "sub", "alice")
	token, _, err := manager.Commit(signIn)
	if err != nil {
		return false, err
	}
	late, err := manager.Load(ctx, token)
	if err != nil {
		return false, err
	}
	if err := revoke(token); err != nil {
		return false, err
	}
	if rotate {
		if err := manager.RenewToken(late); err != nil {
			return false, err
		}
	}
	manager.Put(late, "late", true)
	saved, _, err := manager.Commit(late)
	if err != nil {
		if errors.Is(err, bff.ErrSessionNotFound) {
			return false, nil
		}
		return false, err
	}
	after, err := manager.Load(ctx, saved)
	if err != nil {
		return false, err
	}
	return manager.GetString(after, "sub") == "alice", nil
}

// reviveGorilla does the same with gorilla/sessions. A rotation empties the session's ID.
func reviveGorilla(ctx context.Context, store gorilla.Store, rotate bool, revoke func() error) (bool, error) {
	request := func(cookie *http.Cookie) (*http.Request, *gorilla.Session, error) {
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
		if cookie != nil {
			r.AddCookie(cookie)
		}
		session, err := store.New(r, gorillaName)
		return r, session, err
	}
	save := func(r *http.Request, session *gorilla.Session) (*http.Cookie, error) {
		w := httptest.NewRecorder()
		if err := store.Save(r, w, session); err != nil {
			return nil, err
		}
		cookies := w.Result().Cookies()
		if len(cookies) != 1 {
			return nil, errWrongResult
		}
		return cookies[0], nil
	}
	r, session, err := request(nil)
	if err != nil {
		return false, err
	}
	session.Values["sub"] = "alice"
	cookie, err := save(r, session)
	if err != nil {
		return false, err
	}
	r, session, err = request(cookie)
	if err != nil {
		return false, err
	}
	if err := revoke(); err != nil {
		return false, err
	}
	if rotate {
		session.ID = ""
	}
	session.Values["late"] = true
	cookie, err = save(r, session)
	if err != nil {
		if errors.Is(err, bff.ErrSessionNotFound) {
			return false, nil
		}
		return false, err
	}
	_, session, err = request(cookie)
	return session.Values["sub"] == "alice", err
}
