package scsstore

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"weak"

	"github.com/alexedwards/scs/v2"
)

// A requestID identifies the session of a request, as the manager keeps it in the request's
// context. It does not keep the session in memory. A context without a session has the zero
// requestID.
//
// The store needs it for RenewToken, which calls DeleteCtx, and CommitCtx later. If another
// request has ended the session in the meantime, with Destroy or RenewToken, the token alone
// does not tell the two requests apart.
type requestID struct{ session weak.Pointer[byte] }

func (s *Store) requestOf(ctx context.Context) requestID {
	session := reflect.ValueOf(ctx.Value(s.contextKey))
	if session.Kind() != reflect.Pointer {
		return requestID{}
	}
	return requestID{weak.Make((*byte)(session.UnsafePointer()))}
}

// contextKeyOf returns the key under which the manager keeps the session in a context, which
// scs does not export.
func contextKeyOf(manager *scs.SessionManager) (any, error) {
	p := &probe{Context: context.Background()}
	// Without a token, Load asks the context for a session and adds a new one.
	if _, err := manager.Load(p, ""); err != nil {
		return nil, fmt.Errorf("scsstore: %w", err)
	}
	if p.key == nil {
		return nil, errors.New("scsstore: this version of scs does not keep its session in the context")
	}
	return p.key, nil
}

// A probe is a context that remembers the first key that it is asked for.
type probe struct {
	context.Context
	key any
}

func (p *probe) Value(key any) any {
	if p.key == nil {
		p.key = key
	}
	return nil
}
