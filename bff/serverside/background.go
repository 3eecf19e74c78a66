package serverside

import (
	"context"
	"sync"
)

// A background owns the work that outlives a request: refreshes, revocations at the
// provider, and the removal of sign-ins that failed. The zero value is ready for use.
type background struct {
	mu      sync.Mutex
	running int
	idle    chan struct{} // closed when running becomes 0; nil while nothing waits
}

// run starts work in a goroutine of its own. The work bounds its own duration and does
// not panic.
func (b *background) run(work func()) {
	b.mu.Lock()
	b.running++
	b.mu.Unlock()
	go func() {
		defer b.done()
		work()
	}()
}

// done marks the end of work that run has started. If no other work is running, it wakes the callers
// of wait.
func (b *background) done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running--
	if b.running == 0 && b.idle != nil {
		close(b.idle)
		b.idle = nil
	}
}

// wait returns nil as soon as no work is running, or the context's error if the context ends
// first. It also waits for work that starts in the meantime.
func (b *background) wait(ctx context.Context) error {
	b.mu.Lock()
	if b.running == 0 {
		b.mu.Unlock()
		return nil
	}
	if b.idle == nil {
		b.idle = make(chan struct{})
	}
	idle := b.idle
	b.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
