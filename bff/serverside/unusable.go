package serverside

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"example.com/usersession/bff"
)

const (
	// unusablePause is the least time between two warnings about sessions that cannot be used:
	// after a mistake with the keys, or with a hostile table, every request
	// would log one.
	unusablePause = time.Minute
	// maxLoggedIdentity bounds what is logged of an identity in a row that this package may not
	// have written.
	maxLoggedIdentity = 200
)

// unusable counts the sessions that cannot be used since the last warning about one.
type unusable struct {
	mu      sync.Mutex
	warned  time.Time
	skipped int
}

// warn logs a session that cannot be used, at most once in unusablePause.
func (u *unusable) warn(ctx context.Context, c *Config, row bff.UserSession, err error) {
	u.mu.Lock()
	now := c.Clock()
	if since := now.Sub(u.warned); since >= 0 && since < unusablePause {
		u.skipped++
		u.mu.Unlock()
		return
	}
	skipped := u.skipped
	u.warned, u.skipped = now, 0
	u.mu.Unlock()
	c.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: a user session cannot be used and is ignored",
		slog.String("subject_id", shortened(row.SubjectID)), slog.String("session_id", shortened(row.SessionID)), slog.Any("error", err),
		slog.Int("more_since_last_warning", skipped))
}

func shortened(identity string) string {
	if len(identity) > maxLoggedIdentity {
		return identity[:maxLoggedIdentity] + "…"
	}
	return identity
}
