package serverside

import "context"

// An EndReason is the reason for which a session ended.
type EndReason string

// The reasons for which sessions end.
const (
	EndSignOut     EndReason = "sign_out"            // the user signed out
	EndReplaced    EndReason = "replaced"            // the same browser signed in again
	EndRevoked     EndReason = "revoked"             // RevokeSessions or RevokeOtherSessions
	EndBackchannel EndReason = "backchannel_logout"  // a logout token of the identity provider
	EndMaximum     EndReason = "max_sessions"        // more sessions than MaxSessionsPerUser
	EndTokens      EndReason = "refresh_token_ended" // EndSessionWithRefreshToken
	EndExpired     EndReason = "expired"             // removed by cleanup
)

// Metrics counts sessions. Its methods must be safe for concurrent use and should return
// quickly. Package otelserverside, a module of its own, implements it with OpenTelemetry.
//
// A session is counted as ended by the host that deleted its row. A session that the store
// removes by itself is not counted: a session with the same session id at a sign-in, or an
// expired session in a store that expires rows by itself.
type Metrics interface {
	// SessionStarted counts a new session: session.started.
	SessionStarted(ctx context.Context)
	// SessionEnded counts sessions that ended: session.ended. The count is positive.
	SessionEnded(ctx context.Context, reason EndReason, count int64)
}

type noMetrics struct{}

func (noMetrics) SessionStarted(context.Context)                 {}
func (noMetrics) SessionEnded(context.Context, EndReason, int64) {}
