package fiberstore

import (
	"crypto/sha256"
	"sync"
	"time"
)

// The bounds of recent: it remembers a key for one to two hours, and at most twice maxRecent
// keys.
const (
	recentTime = time.Hour
	maxRecent  = 1 << 15
)

// recent remembers keys with the subject id that their sessions had, "" for an anonymous one.
// It has two generations: when the present one is full or old, it becomes the former one.
type recent struct {
	now func() time.Time

	mu              sync.Mutex
	since           time.Time
	present, former map[[sha256.Size]byte]string
}

func (r *recent) remember(key, subjectID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn()
	r.present[sha256.Sum256([]byte(key))] = subjectID
}

func (r *recent) find(key string) (subjectID string, found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn()
	hash := sha256.Sum256([]byte(key))
	if subjectID, found = r.present[hash]; !found {
		subjectID, found = r.former[hash]
	}
	return subjectID, found
}

// forget forgets the key of an anonymous session.
func (r *recent) forget(key string) {
	if subjectID, found := r.find(key); !found || subjectID != "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	hash := sha256.Sum256([]byte(key))
	delete(r.present, hash)
	delete(r.former, hash)
}

// forgetAll forgets the keys of all anonymous sessions.
func (r *recent) forgetAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, generation := range []map[[sha256.Size]byte]string{r.present, r.former} {
		for hash, subjectID := range generation {
			if subjectID == "" {
				delete(generation, hash)
			}
		}
	}
}

// turn begins a new generation if the present one is old or full. The caller holds the lock.
func (r *recent) turn() {
	now := r.now()
	age := now.Sub(r.since)
	switch {
	case r.present == nil || age >= 2*recentTime || age < 0:
		r.former = nil
	case age >= recentTime || len(r.present) >= maxRecent:
		r.former = r.present
	default:
		return
	}
	r.present, r.since = map[[sha256.Size]byte]string{}, now
}
