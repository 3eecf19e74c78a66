package backchannel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/usersession/bff"
)

// Defaults of [Config], and limits.
const (
	DefaultMaxTokenAge  = 10 * time.Minute
	DefaultClockSkew    = time.Minute
	DefaultStoreTimeout = 5 * time.Second

	maxBodySize  = 16 << 10
	maxTokenSize = 8 << 10
)

// Sessions are the sessions that the endpoint ends. *serverside.Sessions implements it, and
// [ForStore] returns an implementation for any [bff.UserSessionStore]. It must be safe for
// concurrent use.
type Sessions interface {
	// Issuer returns the identity provider of the sessions. It must not be empty.
	Issuer() string
	// SubjectOfSession returns the user of the live session with the session id. It
	// reports false if there is no such session.
	SubjectOfSession(ctx context.Context, sessionID string) (subjectID string, found bool, err error)
	// BackchannelLogout ends the sessions that match the filter and returns their
	// number. It is no error if there are none.
	BackchannelLogout(ctx context.Context, filter bff.UserSessionsFilter) (int64, error)
}

// A LogoutRecorder is an optional interface of [Sessions]. With it, a logout also ends a sign-in
// that is under way, after the provider has issued the ID token and before the session exists.
// [Handler] calls RecordLogout before it ends the sessions, and the sign-in looks for recorded
// logouts after it has written its session. *serverside.Sessions and [StoreSessions] implement
// LogoutRecorder.
type LogoutRecorder interface {
	// RecordLogout records that the provider ended the sessions that match the filter.
	// From its return until the given time, a matching sign-in whose ID token was not
	// issued after issuedAt, the iat of the logout token, does not succeed.
	RecordLogout(ctx context.Context, filter bff.UserSessionsFilter, issuedAt, until time.Time) error
}

// ErrProviderUnavailable means that a logout token could not be verified because the identity
// provider did not answer or failed, for example when its keys were fetched. The token may be
// valid.
var ErrProviderUnavailable = errors.New("the identity provider is unavailable")

// A Verifier verifies that the identity provider signed a logout token for this client and
// that the token has not expired. It must be safe for concurrent use. Package oidcverify, a
// module of its own, implements it with coreos/go-oidc.
type Verifier interface {
	// Verify checks the signature, the algorithm (never none), iss, aud and exp of a
	// token in compact serialization and returns its signed content. It decrypts an
	// encrypted token first. An error that wraps [ErrProviderUnavailable] says nothing
	// about the token. An error should not quote the token.
	Verify(ctx context.Context, logoutToken string) (VerifiedToken, error)
}

// A VerifiedToken is the content of a token whose signature was verified.
type VerifiedToken struct {
	Header []byte // the JOSE header: JSON
	Claims []byte // the payload: JSON
}

// Config configures a [Handler]. Sessions and Verifier must be set.
type Config struct {
	Sessions Sessions
	Verifier Verifier
	// Replay remembers the used tokens. Nil means an [InMemoryReplay]; use a
	// [StoreReplayMemory] if the application runs on several hosts.
	Replay ReplayMemory

	// BackchannelLogoutAllUserSessions ends all sessions of the token's user, and not
	// only the session that the token names.
	BackchannelLogoutAllUserSessions bool

	// MaxTokenAge is how long after its iat a token is accepted. The default is
	// [DefaultMaxTokenAge].
	MaxTokenAge time.Duration
	// ClockSkew is the tolerated difference between the provider's clock and the
	// host's. The default is [DefaultClockSkew]. A Verifier checks exp too, and must
	// tolerate the same difference.
	ClockSkew time.Duration
	// StoreTimeout is one deadline for all calls of Replay and Sessions until the sessions
	// have ended. The write of the used token to Replay then has a deadline of its own of the
	// same length. StoreTimeout should not be shorter than the StoreTimeout of serverside. The
	// default is [DefaultStoreTimeout].
	StoreTimeout time.Duration
	// InsecureAcceptUntypedTokens also accepts tokens whose typ is JWT or missing, which
	// some providers send. Then only the claims distinguish a logout token from a token of
	// another kind.
	InsecureAcceptUntypedTokens bool

	// Logger logs logouts and refused tokens, but never a token. Nil means
	// [slog.Default].
	Logger *slog.Logger
	// Clock returns the current time. Nil means [time.Now].
	Clock func() time.Time
}

// Handler is the back-channel logout endpoint. Make it with [New]. It is safe for concurrent
// use.
type Handler struct{ cfg Config }

// New checks the configuration and sets the defaults. It does no I/O.
func New(c Config) (*Handler, error) {
	switch {
	case c.Sessions == nil || c.Verifier == nil:
		return nil, errors.New("backchannel: Sessions or Verifier is nil")
	case c.Sessions.Issuer() == "":
		return nil, errors.New("backchannel: the sessions have no issuer: set serverside.Config.Issuer, or pass one to ForStore")
	case c.MaxTokenAge < 0 || c.ClockSkew < 0 || c.StoreTimeout < 0:
		return nil, errors.New("backchannel: MaxTokenAge, ClockSkew or StoreTimeout is negative")
	}
	if s, ok := c.Sessions.(StoreSessions); ok {
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("backchannel: ForStore: %w", err)
		}
	}
	if c.MaxTokenAge == 0 {
		c.MaxTokenAge = DefaultMaxTokenAge
	}
	if c.ClockSkew == 0 {
		c.ClockSkew = DefaultClockSkew
	}
	if c.StoreTimeout == 0 {
		c.StoreTimeout = DefaultStoreTimeout
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Replay == nil {
		c.Replay = NewInMemoryReplay(c.Clock)
	}
	return &Handler{c}, nil
}

// ServeHTTP reads a logout token from a posted form (section 2.5) and ends the sessions that
// the token names. The response is never cached. Its status is
//
//   - 200 when the sessions have ended, also if there were none (section 2.7);
//   - 400, with a JSON error without details, if the token is refused, or if the logout
//     failed and may be repeated with the same token (section 2.8);
//   - 503 if the Verifier returned [ErrProviderUnavailable];
//   - 405 for other methods than POST.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	raw, err := readToken(w, r)
	if err == nil {
		err = h.logout(r.Context(), raw)
	}
	if err != nil {
		level, status, code := slog.LevelWarn, http.StatusBadRequest, "invalid_request"
		if errors.Is(err, ErrProviderUnavailable) {
			level, status, code = slog.LevelError, http.StatusServiceUnavailable, "temporarily_unavailable"
		}
		h.cfg.Logger.LogAttrs(r.Context(), level, "backchannel: logout refused", slog.String("error", describe(err, raw)))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"error":%q}`, code)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// readToken returns the logout_token of the form in the body, which must have exactly one.
func readToken(w http.ResponseWriter, r *http.Request) (string, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return "", errors.New("the body is not a form")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodySize))
	if err != nil {
		return "", errors.New("the body cannot be read or is too large")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return "", errors.New("the form is malformed")
	}
	tokens := form["logout_token"]
	if len(tokens) != 1 || tokens[0] == "" {
		return "", errors.New("the form does not have exactly one logout_token")
	}
	if len(tokens[0]) > maxTokenSize {
		return "", errors.New("the token is too long")
	}
	return tokens[0], nil
}

// logout verifies the token, checks that it was not used before, ends the sessions and
// remembers the token as used.
func (h *Handler) logout(ctx context.Context, raw string) error {
	verified, err := h.cfg.Verifier.Verify(ctx, raw)
	if err != nil {
		return fmt.Errorf("the token was not verified: %w", err)
	}
	token, err := h.parse(verified)
	if err != nil {
		return err
	}
	storeCtx, cancel := context.WithTimeout(ctx, h.cfg.StoreTimeout)
	defer cancel()
	used, err := h.cfg.Replay.Used(storeCtx, token.issuer, token.replayID())
	if err != nil {
		return fmt.Errorf("the replay memory failed: %w", err)
	}
	if used {
		return errors.New("the token was used before")
	}
	// The token is remembered after the logout and not before it: if the logout fails, or
	// this process ends, the provider can deliver the token again. Concurrent deliveries
	// may all get here; ending sessions twice does no harm.
	n, err := h.endSessions(storeCtx, token)
	if err != nil {
		return fmt.Errorf("ending the sessions failed: %w", err)
	}
	if err := h.remember(ctx, token); err != nil {
		return fmt.Errorf("the sessions have ended, but the replay memory failed: %w", err)
	}
	h.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "backchannel: logout",
		slog.String("subject_id", token.subjectID), slog.String("session_id", token.sessionID), slog.Int64("sessions", n))
	return nil
}

// remember stores the token as used, even if the provider has closed the connection.
func (h *Handler) remember(ctx context.Context, token logoutToken) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.StoreTimeout)
	defer cancel()
	_, err := h.cfg.Replay.Remember(ctx, token.issuer, token.replayID(), h.goodUntil(token))
	return err
}

// goodUntil returns the time after which the token is refused because of its age.
func (h *Handler) goodUntil(token logoutToken) time.Time {
	return token.issuedAt.Add(h.cfg.MaxTokenAge + 2*h.cfg.ClockSkew)
}

// endSessions ends the sessions that the token names, and their sign-ins that are under way.
// It never executes an empty filter. If the logout cannot be recorded, it still ends the
// sessions and returns the error.
func (h *Handler) endSessions(ctx context.Context, token logoutToken) (int64, error) {
	filter := bff.UserSessionsFilter{SubjectID: token.subjectID, SessionID: token.sessionID}
	all := h.cfg.BackchannelLogoutAllUserSessions
	if all && token.subjectID != "" {
		filter.SessionID = ""
	}
	recordErr := h.record(ctx, token, filter)
	if all && token.subjectID == "" {
		subjectID, found, err := h.cfg.Sessions.SubjectOfSession(ctx, token.sessionID)
		if err != nil || !found {
			return 0, cmp.Or(err, recordErr)
		}
		filter = bff.UserSessionsFilter{SubjectID: subjectID}
		recordErr = cmp.Or(recordErr, h.record(ctx, token, filter))
	}
	if err := filter.Validate(); err != nil {
		return 0, err
	}
	n, err := h.cfg.Sessions.BackchannelLogout(ctx, filter)
	return n, cmp.Or(err, recordErr)
}

// record records the logout if the sessions are a [LogoutRecorder].
func (h *Handler) record(ctx context.Context, token logoutToken, filter bff.UserSessionsFilter) error {
	recorder, ok := h.cfg.Sessions.(LogoutRecorder)
	if !ok {
		return nil
	}
	return recorder.RecordLogout(ctx, filter, token.issuedAt, h.goodUntil(token))
}

// describe returns an error's text for the log. The text has a limited length and contains
// neither the token nor a part of it.
func describe(err error, raw string) string {
	const maxLength = 300
	text := err.Error()
	for _, part := range append([]string{raw}, strings.Split(raw, ".")...) {
		if len(part) >= 8 {
			text = strings.ReplaceAll(text, part, "[redacted]")
		}
	}
	return text[:min(len(text), maxLength)]
}
