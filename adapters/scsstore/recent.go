package scsstore

import (
	"sync"
	"time"
)

// The limits of a generation. An entry is kept for at least generationTime, unless
// generationSize other entries are added in the meantime.
const (
	generationTime = time.Hour
	generationSize = 1 << 15
)

// recent keeps entries for a while, in two generations, so that dropping old entries costs
// nothing. It is safe for concurrent use.
type recent[V any] struct {
	now func() time.Time

	mu         sync.Mutex
	young, old map[string]V
	since      time.Time // the beginning of the young generation
}

func (r *recent[V]) get(key string) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lookUp(key)
}

func (r *recent[V]) put(key string, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(key, value)
}

// lookUp is get for a caller that holds the lock.
func (r *recent[V]) lookUp(key string) (V, bool) {
	r.age()
	if value, ok := r.young[key]; ok {
		return value, true
	}
	value, ok := r.old[key]
	return value, ok
}

// set is put for a caller that holds the lock.
func (r *recent[V]) set(key string, value V) {
	r.age()
	if _, ok := r.young[key]; !ok && len(r.young) >= generationSize {
		r.next()
	}
	if r.young == nil {
		r.young = map[string]V{}
	}
	r.young[key] = value
}

// age begins a new generation after its time.
func (r *recent[V]) age() {
	switch age := r.now().Sub(r.since); {
	case age >= 2*generationTime:
		r.next()
		r.old = nil
	case age >= generationTime:
		r.next()
	}
}

func (r *recent[V]) next() {
	r.old, r.young, r.since = r.young, nil, r.now()
}
