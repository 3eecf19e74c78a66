package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"expvar"
	"net/http"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
	"example.com/usersession/entities"
)

const sessionsSeen = 50 // the most sessions that the page lists: their tickets are opened

// counts implements [serverside.Metrics] with numbers since the start of the program.
type counts struct {
	started expvar.Int
	ended   expvar.Map // for each reason
}

// SessionStarted implements [serverside.Metrics].
func (c *counts) SessionStarted(context.Context) { c.started.Add(1) }

// SessionEnded implements [serverside.Metrics].
func (c *counts) SessionEnded(_ context.Context, why serverside.EndReason, n int64) {
	c.ended.Add(string(why), n)
}

// overview handles GET /bff/operator: the newest live sessions, the numbers of rows, and the counts
// since the start. The device is in the ticket, which a list leaves out: each is read by itself.
func (a *app) overview(w http.ResponseWriter, r *http.Request) {
	ctx, partition, sessions := r.Context(), a.sessions.Config().Partition, []map[string]any{}
	me, _ := serverside.FromContext(ctx)
	for s, err := range a.store.UserSessions(ctx, bff.UserSessionsQuery{PartitionKey: partition, PageSize: sessionsSeen}) {
		if err == nil {
			s, err = a.store.GetUserSession(ctx, bff.UserSessionKey{PartitionKey: partition, Key: s.Key})
		}
		if errors.Is(err, bff.ErrSessionNotFound) {
			continue // it has ended meanwhile
		} else if err != nil {
			a.reply(w, r, nil, err)
			return
		}
		opened, _ := ticket.Open(a.keys, ticket.BindingOf(s), s.Ticket)
		sessions = append(sessions, map[string]any{
			"sub": s.SubjectID, "sid": s.SessionID, "device": opened.Properties[propertyDevice], "created": s.Created, "renewed": s.Renewed,
			"expires": s.Expires, "current": s.SubjectID == me.SubjectID && s.SessionID == me.SessionID,
		})
		if len(sessions) == sessionsSeen {
			break
		}
	}
	var count struct{ Total, Expired int64 } // the store has no such operation, but the schema is the application's
	err := a.store.db.WithContext(ctx).Model(&entities.UserSession{}).Where("partition_key = ?", partition).
		Select("COUNT(*) AS total, COUNT(CASE WHEN expires <= ? THEN 1 END) AS expired", entities.Timestamp{Time: time.Now().UTC()}).
		Scan(&count).Error
	a.reply(w, r, map[string]any{
		"sessions": sessions, "rows": count.Total, "expired": count.Expired,
		"started": a.counts.started.Value(), "ended": json.RawMessage(a.counts.ended.String()),
	}, err)
}

// revoke handles POST /bff/operator/revoke: it ends all sessions of a user, or one of them.
func (a *app) revoke(w http.ResponseWriter, r *http.Request) {
	var body struct{ Sub, SID *string }
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&body)
	if err != nil || body.Sub == nil || *body.Sub == "" || body.SID != nil && *body.SID == "" { // "" would end them all
		a.reply(w, r, nil, bff.ErrInvalidFilter)
		return
	}
	filter := bff.UserSessionsFilter{SubjectID: *body.Sub, SessionID: *cmp.Or(body.SID, new(""))}
	n, err := a.sessions.RevokeSessions(r.Context(), filter)
	a.reply(w, r, map[string]int64{"revoked": n}, err)
}

// leaveExpired handles POST /bff/operator/leave. It adds 25 expired rows, of which no cookie has a key.
func (a *app) leaveExpired(w http.ResponseWriter, r *http.Request) {
	now, n := time.Now(), int64(0)
	var err error
	for ; n < 25 && err == nil; n++ {
		err = a.store.CreateUserSession(r.Context(), bff.UserSession{
			PartitionKey: a.sessions.Config().Partition, Key: "left-" + rand.Text(), SubjectID: "a user who left",
			Created: now.Add(-2 * time.Hour), Renewed: now.Add(-time.Hour), Expires: now.Add(-time.Minute),
		})
	}
	a.reply(w, r, map[string]int64{"left": n}, err)
}

// cleanUp handles POST /bff/operator/cleanup: it runs the cleanup at once.
func (a *app) cleanUp(w http.ResponseWriter, r *http.Request) {
	cleaner := bff.Cleaner{Store: a.store, Logger: a.log, Observe: func(run bff.CleanupRun) {
		a.counts.SessionEnded(r.Context(), serverside.EndExpired, run.Removed)
	}}
	removed, err := cleaner.RunOnce(r.Context())
	a.reply(w, r, map[string]int64{"removed": removed}, err)
}
