package backchannel

import (
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
	DefaultMaxTokenAge = 10 * time.Minute
	DefaultClockSkew   = time.Minute

	maxBody  = 16 << 10
	maxToken = 8 << 10
	// noteTime bounds what is done though the provider may have hung up.
	noteTime = 5 * time.Second
)

// Sessions is what the endpoint needs of the sessions: *serverside.Sessions has it.
type Sessions interface {
	// Issuer is the identity provider whose sessions these are. It is not empty.
	Issuer() string
	// SubjectOfSession returns the user who has the live session with that session id.
	SubjectOfSession(ctx context.Context, sessionID string) (subjectID string, found bool, err error)
	// BackchannelLogout ends the sessions that match the filter, and returns how
	// many. That there are none is no error.
	BackchannelLogout(ctx context.Context, filter bff.UserSessionsFilter) (int64, error)
}

// A Verifier verifies what takes keys: that a logout token was signed for this client by
// the identity provider, and has not expired. Package oidcverify, a module of its own, has
// one on coreos/go-oidc.
type Verifier interface {
	// Verify checks signature, algorithm (never none), iss, aud and exp of a token
	// in compact serialization, decrypts it first if need be, and returns what was
	// signed. An error should not quote the token.
	Verify(ctx context.Context, logoutToken string) (VerifiedToken, error)
}

// A VerifiedToken is the content of a token whose signature was verified.
type VerifiedToken struct {
	Header []byte // the JOSE header: JSON
	Claims []byte // the payload: JSON
}

// Config says how logout tokens are judged. Sessions and Verifier must be set.
type Config struct {
	Sessions Sessions
	Verifier Verifier
	// Replay remembers the tokens that were used. Nil means in the memory of this
	// process: see [StoreReplayMemory] for more hosts than one.
	Replay ReplayMemory

	// BackchannelLogoutAllUserSessions ends all sessions of the token's user, not
	// only the one that it names.
	BackchannelLogoutAllUserSessions bool

	// MaxTokenAge is how long after its iat a token is good. The default is
	// [DefaultMaxTokenAge].
	MaxTokenAge time.Duration
	// ClockSkew is how far the provider's clock may be off. The default is
	// [DefaultClockSkew]. A Verifier looks at exp too, and has to allow for as much.
	ClockSkew time.Duration
	// InsecureAcceptUntypedTokens also takes tokens whose typ is JWT or missing, as
	// some providers send them. The type logout+jwt is what keeps a token of another
	// kind from being used here, besides its claims.
	InsecureAcceptUntypedTokens bool

	// Logger is told of logouts and of refused tokens, never a token. Nil means
	// [slog.Default].
	Logger *slog.Logger
	// Clock is what time it is. Nil means [time.Now].
	Clock func() time.Time
}

// Handler is the back-channel logout endpoint. Make it with [New].
type Handler struct{ cfg Config }

// New checks the configuration and fills in the defaults.
func New(c Config) (*Handler, error) {
	switch {
	case c.Sessions == nil || c.Verifier == nil:
		return nil, errors.New("backchannel: Sessions or Verifier is nil")
	case c.Sessions.Issuer() == "":
		return nil, errors.New("backchannel: the sessions have no issuer: set serverside.Config.Issuer, or pass one to ForStore")
	case c.MaxTokenAge < 0 || c.ClockSkew < 0:
		return nil, errors.New("backchannel: MaxTokenAge or ClockSkew is negative")
	}
	if s, ok := c.Sessions.(storeSessions); ok {
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

// ServeHTTP takes a logout token from a form that was posted (section 2.5) and ends the
// sessions that it names. It answers with 200 when they are gone, also if there were none
// (section 2.7); with 400 and a JSON error that says nothing more if the token is not
// good, or if the logout failed and may be tried again with the same token (section 2.8);
// and with 405 to other methods. The answer is never stored.
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
		h.cfg.Logger.LogAttrs(r.Context(), slog.LevelWarn, "backchannel: logout refused", slog.String("error", describe(err, raw)))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_request"}`)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// readToken returns the one logout_token of the form in the body.
func readToken(w http.ResponseWriter, r *http.Request) (string, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return "", errors.New("the body is not a form")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
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
	if len(tokens[0]) > maxToken {
		return "", errors.New("the token is too long")
	}
	return tokens[0], nil
}

// logout verifies the token, sees that it was not used before, ends the sessions and notes
// the token.
func (h *Handler) logout(ctx context.Context, raw string) error {
	verified, err := h.cfg.Verifier.Verify(ctx, raw)
	if err != nil {
		return fmt.Errorf("the verifier refused the token: %w", err)
	}
	token, err := h.parse(verified)
	if err != nil {
		return err
	}
	used, err := h.cfg.Replay.Used(ctx, token.issuer, token.id)
	if err != nil {
		return fmt.Errorf("the replay memory failed: %w", err)
	}
	if used {
		return errors.New("the token was used before")
	}
	// The token is noted after the logout and not before it: whatever fails on the way,
	// even this process, the provider may try again with it. Deliveries at the same
	// time may all come here, and to end sessions twice does no harm.
	n, err := h.end(ctx, token)
	if err != nil {
		return fmt.Errorf("ending the sessions failed: %w", err)
	}
	if err := h.note(ctx, token); err != nil {
		return fmt.Errorf("the sessions have ended, and the replay memory failed: %w", err)
	}
	h.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "backchannel: logout",
		slog.String("subject_id", token.subjectID), slog.String("session_id", token.sessionID), slog.Int64("sessions", n))
	return nil
}

// note keeps the token from being used again, also if the provider has hung up.
func (h *Handler) note(ctx context.Context, token logoutToken) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	// The token is not good for longer than this.
	until := token.issuedAt.Add(h.cfg.MaxTokenAge + 2*h.cfg.ClockSkew)
	_, err := h.cfg.Replay.Remember(ctx, token.issuer, token.id, until)
	return err
}

// end ends what the token names. A filter that names nothing is never executed.
func (h *Handler) end(ctx context.Context, token logoutToken) (int64, error) {
	filter := bff.UserSessionsFilter{SubjectID: token.subjectID, SessionID: token.sessionID}
	if h.cfg.BackchannelLogoutAllUserSessions {
		if filter.SubjectID == "" {
			subjectID, found, err := h.cfg.Sessions.SubjectOfSession(ctx, token.sessionID)
			if err != nil || !found {
				return 0, err
			}
			filter.SubjectID = subjectID
		}
		filter.SessionID = ""
	}
	if err := filter.Validate(); err != nil {
		return 0, err
	}
	return h.cfg.Sessions.BackchannelLogout(ctx, filter)
}

// describe returns an error's text for the log, without the token or a part of it, and
// not at any length.
func describe(err error, raw string) string {
	const most = 300
	text := err.Error()
	for _, part := range append([]string{raw}, strings.Split(raw, ".")...) {
		if len(part) >= 8 {
			text = strings.ReplaceAll(text, part, "[redacted]")
		}
	}
	return text[:min(len(text), most)]
}
