package serverside

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"example.com/usersession/bff"
)

const (
	// unusablePause is the minimum time between two warnings about sessions that cannot be
	// used. Without it, every request would log a warning after a mistake with the keys.
	unusablePause = time.Minute
	// maxLoggedIdentity is the maximum length of an identity in the log: this package may not
	// have written the row.
	maxLoggedIdentity = 200
)

// unusableWarnings limits the warnings about sessions that cannot be used. skipped is the number of
// warnings that were left out since the last one.
type unusableWarnings struct {
	mu      sync.Mutex
	warned  time.Time
	skipped int
}

// warn logs a session that cannot be used, at most once in unusablePause.
func (u *unusableWarnings) warn(ctx context.Context, c *Config, row bff.UserSession, err error) {
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
