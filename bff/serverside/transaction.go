package serverside

import (
	"context"
	"errors"
	"sync"

	"example.com/usersession/bff"
)

var errNoRefresh = errors.New("serverside: tokens are not refreshed within a transaction: refresh them before it, with the Sessions outside of it")

// WithStore returns a Sessions whose operations are part of a transaction of the
// application: store is the store within that transaction, such as the result of
// usersession.GormStore.WithTx. So a change of the password and the end of the user's
// sessions are committed together or not at all. It must not be nil, and must be in the same
// database as [Config.Store].
//
// Call committed after the transaction has been committed, and before the response is
// written. Until then nothing happens outside of the transaction: committed sets or deletes
// the cookie, makes the request signed in or out, reports started and ended sessions to the
// log and the [Metrics], begins the revocation of refresh tokens, and calls Forget if
// Config.Store is a [bff.ReadCache]. A second call does nothing. The function committed takes a
// sign-in back, and logs this, if the response has begun, or if a back-channel logout came before
// the commit (see [ErrLoggedOut]).
//
// If the transaction is rolled back, do not call committed: nothing then happens to the request,
// the browser and the provider. The refresh token of a sign-in is not revoked, so that the
// transaction may be tried again with it.
//
// The Sessions tx has the configuration, the partition and the requests of s: the context of
// a request that came through the middleware of s works with tx, whose methods see the
// request's session as it is within the transaction. [FromContext] returns the session as it
// is outside. tx never refreshes tokens: [Sessions.RefreshTokens] returns an error, and so
// does [Sessions.AccessToken] if the token has expired. After an error of the store, roll
// the transaction back. Do not use tx after the transaction. Its Middleware, UserHandler and
// Run are those of s.
func (s *Sessions) WithStore(store bff.UserSessionStore) (tx *Sessions, committed func()) {
	t := &transaction{outside: s, states: map[*requestState]*transactionState{}}
	tx = &Sessions{cfg: s.cfg, process: s.process, tx: t}
	tx.cfg.Store = store
	return tx, t.committed
}

// A transaction keeps the effects of operations until the transaction has been committed.
type transaction struct {
	outside *Sessions // may itself belong to a transaction

	mu      sync.Mutex
	states  map[*requestState]*transactionState // by the state outside
	effects []func(outside *Sessions)
}

// A transactionState is the state of a request within a transaction.
type transactionState struct {
	requestState
	before struct { // the state at the beginning of the transaction
		key     string
		several int
		current *openedSession
	}
}

// state returns the request's state within the transaction, or nil if the request did not
// come through the middleware.
func (tx *transaction) state(ctx context.Context) *requestState {
	outside := tx.outside.state(ctx)
	if outside == nil {
		return nil
	}
	tx.mu.Lock()
	defer tx.mu.Unlock()
	inside := tx.states[outside]
	if inside == nil {
		inside = &transactionState{}
		outside.mu.Lock()
		inside.key, inside.several, inside.current = outside.key, outside.several, outside.current
		outside.mu.Unlock()
		inside.before.key, inside.before.several, inside.before.current = inside.key, len(inside.several), inside.current
		tx.states[outside] = inside
	}
	return &inside.requestState
}

// leave applies the changes of the state within the transaction to the state outside.
func (inside *transactionState) leave(outside *requestState) {
	inside.mu.Lock()
	defer inside.mu.Unlock()
	switch before := &inside.before; {
	case inside.key != before.key || len(inside.several) != before.several:
		outside.set(inside.key, inside.current)
	case inside.current != before.current:
		outside.replace(inside.key, inside.current)
	}
}

// committed lets the effects of the transaction happen outside of it. A second call does nothing.
func (tx *transaction) committed() {
	tx.mu.Lock()
	states, effects := tx.states, tx.effects
	tx.states, tx.effects = map[*requestState]*transactionState{}, nil
	tx.mu.Unlock()
	if cache, ok := tx.outside.cfg.Store.(bff.ReadCache); ok {
		cache.Forget() // the transaction wrote past it
	}
	for outside, inside := range states {
		inside.leave(outside)
	}
	for _, effect := range effects {
		tx.outside.whenCommitted(effect)
	}
}

// whenCommitted calls effect with s or, within a transaction, with the Sessions outside after the
// commit.
func (s *Sessions) whenCommitted(effect func(outside *Sessions)) {
	if s.tx == nil {
		effect(s)
		return
	}
	s.tx.mu.Lock()
	defer s.tx.mu.Unlock()
	s.tx.effects = append(s.tx.effects, effect)
}

// outermost returns the Sessions that belongs to no transaction.
func (s *Sessions) outermost() *Sessions {
	for s.tx != nil {
		s = s.tx.outside
	}
	return s
}
