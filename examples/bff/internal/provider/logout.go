package provider

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	logoutTokenLifetime = 2 * time.Minute
	deliveryTimeout     = 5 * time.Second
	deliveriesToShow    = 10
)

// A Delivery is a logout token that was sent, and the client's response to it.
type Delivery struct {
	At       time.Time
	SID      string
	Subject  string
	Response string // the HTTP status, or "not delivered"
}

// TerminateSessionFromRequest implements the end_session endpoint. It ends the session that
// the ID token's sid names, or all of the user's sessions with the client if the ID token
// has no sid. It sends the client a logout token for each, and then returns the address
// to redirect the browser to. A request without an ID token is refused.
func (s *storage) TerminateSessionFromRequest(ctx context.Context, r *op.EndSessionRequest) (string, error) {
	if r.IDTokenHintClaims == nil {
		return "", oidc.ErrInvalidRequest().WithDescription("an id_token_hint is required")
	}
	for _, session := range s.list() {
		if session.ClientID == r.ClientID && session.Subject == r.UserID &&
			(r.IDTokenHintClaims.SessionID == "" || r.IDTokenHintClaims.SessionID == session.SID) {
			s.end(ctx, session.SID)
		}
	}
	return r.RedirectURI, nil
}

// list returns the sessions, newest first.
func (s *storage) list() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	sessions := make([]Session, 0, len(s.sessions))
	for _, session := range s.sessions {
		sessions = append(sessions, session)
	}
	slices.SortFunc(sessions, func(a, b Session) int { return cmp.Or(b.Since.Compare(a.Since), cmp.Compare(a.SID, b.SID)) })
	return sessions
}

// end ends a session and its tokens, sends the client a logout token and records the
// delivery. An unknown sid is ignored.
func (s *storage) end(ctx context.Context, sid string) {
	s.mu.Lock()
	session, ok := s.sessions[sid]
	delete(s.sessions, sid)
	for id, t := range s.access {
		if t.sid == sid {
			delete(s.access, id)
		}
	}
	for id, t := range s.refresh {
		if t.sid == sid {
			delete(s.refresh, id)
		}
	}
	s.mu.Unlock()
	if !ok {
		return
	}
	response, err := s.notify(ctx, session)
	if err != nil {
		response = "not delivered"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, Delivery{time.Now(), sid, session.Subject, response})
	s.log = s.log[max(0, len(s.log)-deliveriesToShow):]
}

// notify sends the client a logout token and returns the status of the response. It
// finishes even if ctx is cancelled: the session has ended already.
func (s *storage) notify(ctx context.Context, session Session) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliveryTimeout)
	defer cancel()
	token, err := s.logoutToken(session)
	if err != nil {
		return "", err
	}
	form := url.Values{"logout_token": {token}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.Client.BackchannelLogoutURI, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close() //nolint:errcheck // the error of a body that was read does not matter
	_, _ = io.CopyN(io.Discard, response.Body, 4<<10)
	return fmt.Sprintf("%d %s", response.StatusCode, http.StatusText(response.StatusCode)), nil
}

// logoutToken returns a logout token as OpenID Connect Back-Channel Logout 1.0, section
// 2.4, specifies it. Package op has a signer too, but it sets the type JWT in the header
// instead of logout+jwt.
func (s *storage) logoutToken(session Session) (string, error) {
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: s.cfg.Key.SignatureAlgorithm(), Key: jose.JSONWebKey{Key: s.cfg.Key.Key(), KeyID: s.cfg.Key.ID()}},
		(&jose.SignerOptions{}).WithType("logout+jwt"))
	if err != nil {
		return "", err
	}
	claims := oidc.NewLogoutTokenClaims(s.cfg.Issuer, session.Subject, oidc.Audience{session.ClientID},
		time.Now().Add(logoutTokenLifetime), rand.Text(), session.SID, 0)
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
