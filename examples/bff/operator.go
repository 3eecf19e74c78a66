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
	leaveAtOnce  = 25
	sessionsSeen = 200
)

// operator lets those through whom -operators names.
func (a *app) operator(next http.HandlerFunc) http.Handler {
	return a.signedIn(func(w http.ResponseWriter, r *http.Request) {
		if me, _ := serverside.FromContext(r.Context()); !a.operators[me.SubjectID] {
			answer(w, http.StatusForbidden, map[string]string{"error": "not_an_operator", "sub": me.SubjectID})
			return
		}
		next(w, r)
	})
}

type seenSession struct {
	Sub     string    `json:"sub"`
	SID     string    `json:"sid"`
	Created time.Time `json:"created"`
	Renewed time.Time `json:"renewed"`
	Expires time.Time `json:"expires"`
}

// overview is GET /bff/operator: who is signed in, and what cleanup has to do.
func (a *app) overview(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	rows, expired, err := a.count(ctx)
	if err != nil {
		a.answerError(w, r, err)
		return
	}
	sessions, users := []seenSession{}, map[string]int{}
	for s, err := range a.store.UserSessions(ctx, bff.UserSessionsQuery{PartitionKey: a.partition}) {
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

// count asks the table itself: it is the team's, so its SQL may be too.
func (a *app) count(ctx context.Context) (rows, expired int64, err error) {
	table := a.store.db.WithContext(ctx).Model(&entities.UserSession{}).Where("partition_key = ?", a.partition)
	if err = table.Count(&rows).Error; err != nil {
		return 0, 0, err
	}
	table = a.store.db.WithContext(ctx).Model(&entities.UserSession{}).Where("partition_key = ?", a.partition)
	err = table.Where("expires <= ?", entities.Timestamp{Time: time.Now().UTC()}).Count(&expired).Error
	return rows, expired, err
}

// revokeUser signs a user out everywhere.
func (a *app) revokeUser(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Sub string `json:"sub"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxJSON)).Decode(&body) != nil || body.Sub == "" {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
		return
	}
	a.revoked(w, r)(a.sessions.RevokeSessions(r.Context(), bff.UserSessionsFilter{SubjectID: body.Sub}))
}

// leaveExpired adds rows as they are when browsers were closed without a sign-out, and
// the sessions have expired since. They have no ticket, and no key that a cookie leads to.
func (a *app) leaveExpired(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	for range leaveAtOnce {
		err := a.store.CreateUserSession(r.Context(), bff.UserSession{
			PartitionKey: a.partition, Key: "left-" + rand.Text(), SubjectID: "somebody who left",
			Created: now.Add(-2 * time.Hour), Renewed: now.Add(-time.Hour), Expires: now.Add(-time.Minute),
		})
		if err != nil {
			a.answerError(w, r, err)
			return
		}
	}
	answer(w, http.StatusOK, map[string]int{"left": leaveAtOnce})
}

// cleanUp does now what happens every -cleanup-interval anyway.
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

// counts is the [serverside.Metrics] of this example: numbers since the start.
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
