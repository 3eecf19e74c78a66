package serverside

import (
	"context"
	"errors"
	"sync"
)

var errRefreshPanicked = errors.New("serverside: refreshing tokens: the Refresher or the Store panicked")

// A refreshGroup runs at most one refresh for each session at a time in this process.
type refreshGroup struct {
	background *background

	mu    sync.Mutex
	calls map[string]*refreshCall // by session key
}

// A refreshCall is a running refresh. Its results may be read once done is closed.
type refreshCall struct {
	done   chan struct{}
	opened *openedSession
	err    error
}

// do starts refresh in the background, unless a refresh for the same key is running, and
// returns the result of the running refresh. If ctx ends first, do returns its error and the
// refresh goes on. If refresh panics, every caller gets errRefreshPanicked.
func (g *refreshGroup) do(ctx context.Context, key string, refresh func() (*openedSession, error)) (*openedSession, error) {
	g.mu.Lock()
	c, ok := g.calls[key]
	if !ok {
		c = &refreshCall{done: make(chan struct{}), err: errRefreshPanicked}
		if g.calls == nil {
			g.calls = make(map[string]*refreshCall)
		}
		g.calls[key] = c
		g.background.run(func() {
			defer func() {
				// A panic in this goroutine would end the program, whereas
				// net/http recovers one in the request's goroutine. The panic's
				// value may hold a secret and is dropped.
				_ = recover()
				g.mu.Lock()
				delete(g.calls, key)
				g.mu.Unlock()
				close(c.done)
			}()
			c.opened, c.err = refresh()
		})
	}
	g.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.done:
		return c.opened, c.err
	}
}
