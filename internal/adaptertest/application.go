package adaptertest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// The names of the session values that hold the user and the provider's session. An
// application's Identify reads them.
const (
	Subject = "sub"
	SID     = "sid"
)

// CookieName is the name of the session cookie.
const CookieName = "session"

// A Config is what an application is made of.
type Config struct {
	Store     bff.UserSessionStore
	Protector ticket.Protector
	Partition string
	Issuer    string
}

// A Session is the session of a request, as a handler of the application uses it.
type Session interface {
	Get(name string) string // "" if there is no such value
	Set(name, value string)
	Remove(name string)
	AddFlash(text string)
	Flashes() []string // removes them
	Rotate() error     // continues under a new id: before a sign-in
	End() error        // sign-out
	Save() error       // does nothing if the library saves after the handler
}

// A Request is what a handler gets. The path selects the handler.
type Request struct {
	Path  string
	Query url.Values
}

// A Handler is the application, whatever its session library is. It returns an error for a
// response with status 500.
type Handler func(r Request, s Session) (string, error)

// An Application is a web application on one session library.
type Application struct {
	http.Handler
	// EndSessions ends the sessions of a user.
	EndSessions func(ctx context.Context, subjectID string) (int64, error)
	// SessionIDs lists the session ids of a user's sessions.
	SessionIDs func(ctx context.Context, subjectID string) ([]string, error)
}

// A Library returns an application that serves with the handler. Its cookie has the name
// CookieName. It must save the session when the handler returns without an error, and then
// answer with status 200 and the text, or with a status from 500 on if the session cannot be
// loaded or saved.
type Library func(t *testing.T, cfg Config, handler Handler) Application

// failing is a store that can be out of order.
type failing struct {
	full
	down atomic.Bool
}

// full are the capabilities that the stores of this module have.
type full interface {
	bff.UserSessionStore
	bff.UserSessionReplacer
	bff.UserSessionVersionDeleter
	bff.UserSessionLister
}

var errDown = errors.New("the database is down")

func (f *failing) err() error {
	if f.down.Load() {
		return errDown
	}
	return nil
}

func (f *failing) GetUserSession(ctx context.Context, key bff.UserSessionKey) (bff.UserSession, error) {
	if err := f.err(); err != nil {
		return bff.UserSession{}, err
	}
	return f.full.GetUserSession(ctx, key)
}

func (f *failing) CreateUserSession(ctx context.Context, session bff.UserSession) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.full.CreateUserSession(ctx, session)
}

func (f *failing) UpdateUserSession(ctx context.Context, key bff.UserSessionKey, update bff.UserSessionUpdate) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.full.UpdateUserSession(ctx, key, update)
}

func (f *failing) DeleteUserSession(ctx context.Context, key bff.UserSessionKey) (int64, error) {
	if err := f.err(); err != nil {
		return 0, err
	}
	return f.full.DeleteUserSession(ctx, key)
}

func (f *failing) DeleteUserSessionVersion(ctx context.Context, key bff.UserSessionKey, version int64) (int64, error) {
	if err := f.err(); err != nil {
		return 0, err
	}
	return f.full.DeleteUserSessionVersion(ctx, key, version)
}

func (f *failing) ReplaceUserSession(ctx context.Context, session bff.UserSession) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.full.ReplaceUserSession(ctx, session)
}
