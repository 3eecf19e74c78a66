package fiberstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"example.com/usersession/bff/adapter"
)

// movedTime is the time after which a moved session expires: the default of the middleware's
// IdleTimeout.
const movedTime = 30 * time.Minute

// move moves a session from the former storage.
func (s *Storage) move(ctx context.Context, key string) (*adapter.Session, error) {
	return s.sessions.Move(ctx, key, adapter.Former{
		Read: func(ctx context.Context) (adapter.State, bool, error) {
			payload, err := s.former(ctx, key)
			if payload == nil || err != nil {
				return adapter.State{}, false, err
			}
			values, err := decode(payload)
			if err != nil {
				return adapter.State{}, false, err
			}
			return adapter.State{
				Identity: s.cfg.Identify(values), Payload: payload, Expires: s.sessions.Now().Add(movedTime),
			}, true, nil
		},
		Delete: func(ctx context.Context) error { return s.deleteFormer(ctx, key) },
	})
}

// former reads the former storage. It returns nil if that has no session with the key.
func (s *Storage) former(ctx context.Context, key string) ([]byte, error) {
	payload, err := s.cfg.Migrating.GetWithContext(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("the former storage: %w", err)
	}
	if len(payload) == 0 {
		return nil, nil
	}
	return bytes.Clone(payload), nil
}

// deleteFormer does nothing if there is no former storage.
func (s *Storage) deleteFormer(ctx context.Context, key string) error {
	if s.cfg.Migrating == nil {
		return nil
	}
	if err := s.cfg.Migrating.DeleteWithContext(ctx, key); err != nil {
		return failed("deleting a session from the former storage", err)
	}
	return nil
}
