package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"sync"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/entities"
)

const (
	leaveAtOnce  = 25      // expired rows for each click
	sessionsSeen = 200     // the most sessions that the page lists
	maxJSON      = 4 << 10 // of a request's body
)

// operator passes requests of users named by -operators to next and answers 403 to others.
func (a *app) operator(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if me, _ := serverside.FromContext(r.Context()); !a.operators[me.SubjectID] {
			answer(w, http.StatusForbidden, map[string]string{"error": "not_an_operator", "sub": me.SubjectID})
			return
		}
		next(w, r)
	}
}

type seenSession struct {
	Sub     string    `json:"sub"`
	SID     string    `json:"sid"`
	Created time.Time `json:"created"`
	Renewed time.Time `json:"renewed"`
	Expires time.Time `json:"expires"`
}

// overview handles GET /bff/operator: the live sessions, the number of expired rows, and
// the counts since the start.
func (a *app) overview(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	rows, expired, err := a.count(ctx)
	if err != nil {
		a.answerError(w, r, err)
		return
	}
	sessions, users := []seenSession{}, map[string]int{}
	for s, err := range a.store.UserSessions(ctx, bff.UserSessionsQuery{PartitionKey: a.sessions.Config().Partition}) {
		if err != nil {
			a.answerError(w, r, err)
			return
		}
		users[s.SubjectID]++
		sessions = append(sessions, seenSession{s.SubjectID, s.SessionID, s.Created, s.Renewed, s.Expires})
		if len(sessions) == sessionsSeen {
			break
		}
	}
	body := map[string]any{"rows": rows, "expired": expired, "sessions": sessions, "users": users}
	maps.Copy(body, a.counts.snapshot())
	answer(w, http.StatusOK, body)
}

// count returns the number of rows and of expired rows. The store has no such operation,
// so count queries the table directly: the schema is the application's.
func (a *app) count(ctx context.Context) (rows, expired int64, err error) {
	table := a.store.db.WithContext(ctx).Model(&entities.UserSession{}).Where("partition_key = ?", a.sessions.Config().Partition)
	if err = table.Count(&rows).Error; err != nil {
		return 0, 0, err
	}
	table = a.store.db.WithContext(ctx).Model(&entities.UserSession{}).Where("partition_key = ?", a.sessions.Config().Partition)
	err = table.Where("expires <= ?", entities.Timestamp{Time: time.Now().UTC()}).Count(&expired).Error
	return rows, expired, err
}

// revoke handles POST /bff/operator/revoke: it ends all sessions of a user, or one of them.
func (a *app) revoke(w http.ResponseWriter, r *http.Request) {
	var body struct{ Sub, SID string }
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxJSON)).Decode(&body) != nil || body.Sub == "" {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
		return
	}
	n, err := a.sessions.RevokeSessions(r.Context(), bff.UserSessionsFilter{SubjectID: body.Sub, SessionID: body.SID})
	if err != nil {
		a.answerError(w, r, err)
		return
	}
	answer(w, http.StatusOK, map[string]int64{"revoked": n})
}

// leaveExpired handles POST /bff/operator/leave. It adds expired rows, such as
// browsers leave that are closed without a sign-out. The rows have no ticket, and no cookie has
// their keys.
func (a *app) leaveExpired(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	for range leaveAtOnce {
		err := a.store.CreateUserSession(r.Context(), bff.UserSession{
			PartitionKey: a.sessions.Config().Partition, Key: "left-" + rand.Text(), SubjectID: "a user who left",
			Created: now.Add(-2 * time.Hour), Renewed: now.Add(-time.Hour), Expires: now.Add(-time.Minute),
		})
		if err != nil {
			a.answerError(w, r, err)
			return
		}
	}
	answer(w, http.StatusOK, map[string]int{"left": leaveAtOnce})
}

// cleanUp handles POST /bff/operator/cleanup: it runs the cleanup at once, instead of
// after the next -cleanup-interval.
func (a *app) cleanUp(w http.ResponseWriter, r *http.Request) {
	cleaner := bff.Cleaner{Store: a.store, Logger: a.log, Observe: func(run bff.CleanupRun) {
		if run.Removed > 0 {
			a.counts.SessionEnded(r.Context(), serverside.EndExpired, run.Removed)
		}
	}}
	removed, err := cleaner.RunOnce(r.Context())
	if err != nil {
		a.answerError(w, r, err)
		return
	}
	answer(w, http.StatusOK, map[string]int64{"removed": removed})
}

// counts implements [serverside.Metrics] with numbers since the start of the program. It
// is safe for concurrent use.
type counts struct {
	mu      sync.Mutex
	started int64
	ended   map[serverside.EndReason]int64
	cleaned time.Time
}

func newCounts() *counts { return &counts{ended: make(map[serverside.EndReason]int64)} }

// SessionStarted implements [serverside.Metrics].
func (c *counts) SessionStarted(context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started++
}

// SessionEnded implements [serverside.Metrics].
func (c *counts) SessionEnded(_ context.Context, reason serverside.EndReason, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended[reason] += n
	if reason == serverside.EndExpired {
		c.cleaned = time.Now()
	}
}

func (c *counts) snapshot() map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := map[string]any{"started": c.started, "ended": maps.Clone(c.ended)}
	if !c.cleaned.IsZero() {
		s["cleaned"] = c.cleaned.UTC()
	}
	return s
}
