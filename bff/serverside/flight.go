package serverside

import (
	"context"
	"errors"
	"sync"
)

var errPanicked = errors.New("serverside: refreshing tokens: the Refresher or the Store panicked")

// A flight lets one goroutine do what several want at the same time.
type flight struct {
	mu    sync.Mutex
	calls map[string]*call
}

type call struct {
	done chan struct{}
	l    *loaded
	err  error
}

// do calls f, or waits for a call with the same key that is under way. Its context ends
// the waiting, not the call.
func (f *flight) do(ctx context.Context, key string, work func() (*loaded, error)) (*loaded, error) {
	f.mu.Lock()
	c, ok := f.calls[key]
	if !ok {
		c = &call{done: make(chan struct{}), err: errPanicked}
		if f.calls == nil {
			f.calls = make(map[string]*call)
		}
		f.calls[key] = c
		go func() {
			defer func() {
				// A panic here would end the program; in the request's own goroutine
				// net/http would have recovered it. Its value may be anything: the
				// callers get errPanicked instead.
				_ = recover()
				f.mu.Lock()
				delete(f.calls, key)
				f.mu.Unlock()
				close(c.done)
			}()
			c.l, c.err = work()
		}()
	}
	f.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.done:
		return c.l, c.err
	}
}
