package scsstore

import (
	"context"
	"fmt"

	"example.com/usersession/bff/adapter"
)

// ctxFinder and ctxDeleter are what scs looks for in a store.
type ctxFinder interface {
	FindCtx(ctx context.Context, token string) ([]byte, bool, error)
}

type ctxDeleter interface {
	DeleteCtx(ctx context.Context, token string) error
}

// move moves a session from the former store, with its deadline.
func (s *Store) move(ctx context.Context, token, secret string) (*adapter.Session, error) {
	return s.sessions.Move(ctx, secret, adapter.Former{
		Read: func(ctx context.Context) (adapter.State, bool, error) {
			payload, found, err := s.findFormer(ctx, token)
			if !found || err != nil {
				return adapter.State{}, false, err
			}
			deadline, values, err := s.codec.inner.Decode(payload)
			if err != nil || !deadline.After(s.sessions.Now()) {
				return adapter.State{}, false, nil
			}
			return adapter.State{Identity: s.codec.identify(values), Payload: payload, Expires: deadline}, true, nil
		},
		Delete: func(ctx context.Context) error { return s.deleteFormer(ctx, token) },
	})
}

func (s *Store) findFormer(ctx context.Context, token string) (b []byte, found bool, err error) {
	if store, ok := s.former.(ctxFinder); ok {
		b, found, err = store.FindCtx(ctx, token)
	} else {
		b, found, err = s.former.Find(token)
	}
	if err != nil {
		return nil, false, fmt.Errorf("scsstore: reading the former store: %w", err)
	}
	return b, found, nil
}

// deleteFormer does nothing if there is no former store.
func (s *Store) deleteFormer(ctx context.Context, token string) error {
	if s.former == nil {
		return nil
	}
	var err error
	if store, ok := s.former.(ctxDeleter); ok {
		err = store.DeleteCtx(ctx, token)
	} else {
		err = s.former.Delete(token)
	}
	if err != nil {
		return fmt.Errorf("scsstore: deleting from the former store: %w", err)
	}
	return nil
}
