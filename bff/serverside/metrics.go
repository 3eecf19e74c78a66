package serverside

import "context"

// An EndReason says why a session ended.
type EndReason string

// Why sessions end.
const (
	EndSignOut     EndReason = "sign_out"            // the user signed out
	EndReplaced    EndReason = "replaced"            // the same browser signed in again
	EndRevoked     EndReason = "revoked"             // RevokeSessions or RevokeOtherSessions
	EndBackchannel EndReason = "backchannel_logout"  // the identity provider said so
	EndMaximum     EndReason = "max_sessions"        // MaxSessionsPerUser was passed
	EndTokens      EndReason = "refresh_token_ended" // EndSessionWithRefreshToken
	EndExpired     EndReason = "expired"             // removed by cleanup
)

// Metrics counts sessions. Its methods are called by many goroutines at once and should
// be quick. Package otelserverside, a module of its own, is one for OpenTelemetry.
//
// A session that the store removed by itself is not counted: one with the same session
// id at a sign-in, or an expired one in a store that expires on its own.
type Metrics interface {
	// SessionStarted counts one session: session.started.
	SessionStarted(ctx context.Context)
	// SessionEnded counts sessions: session.ended.
	SessionEnded(ctx context.Context, reason EndReason, count int64)
}

type noMetrics struct{}

func (noMetrics) SessionStarted(context.Context)                 {}
func (noMetrics) SessionEnded(context.Context, EndReason, int64) {}
