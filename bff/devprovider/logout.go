package devprovider

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
)

const (
	logoutTokenLifetime = 2 * time.Minute
	deliveryTimeout     = 5 * time.Second
	deliveriesToShow    = 10
)

// A delivery is a logout token that was sent, and the client's response to it.
type delivery struct {
	At       time.Time
	SID      string
	Subject  string
	ClientID string
	Response string // the HTTP status, or "not delivered"
}

// end ends a session and its tokens, sends its clients logout tokens and records the
// deliveries. It returns the session, or false for an unknown sid.
func (s *storage) end(ctx context.Context, sid string) (Session, bool) {
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
		return Session{}, false
	}
	var deliveries sync.WaitGroup
	for _, id := range session.Clients {
		if c, ok := s.client(id); ok && c.BackchannelLogoutURI != "" {
			deliveries.Go(func() { s.deliver(ctx, session, c) })
		}
	}
	deliveries.Wait()
	return session, true
}

// deliver sends a client a logout token and records the response.
func (s *storage) deliver(ctx context.Context, session Session, c Client) {
	response, err := s.notify(ctx, session, c)
	if err != nil {
		response = "not delivered"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, delivery{time.Now(), session.SID, session.Subject, c.ID, response})
	s.log = s.log[max(0, len(s.log)-deliveriesToShow):]
}

// sent returns the last deliveries, oldest first.
func (s *storage) sent() []delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// logoutClient sends logout tokens. It uses no proxy and follows no redirect: the token goes
// to the client's address on this machine only.
var logoutClient = &http.Client{
	Transport:     &http.Transport{},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// notify sends the client a logout token and returns the status of the response. It
// finishes even if ctx is cancelled: the session has ended already.
func (s *storage) notify(ctx context.Context, session Session, c Client) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliveryTimeout)
	defer cancel()
	token, err := s.logoutToken(session, c)
	if err != nil {
		return "", err
	}
	form := url.Values{"logout_token": {token}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.BackchannelLogoutURI, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := logoutClient.Do(r)
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
func (s *storage) logoutToken(session Session, c Client) (string, error) {
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: s.key.SignatureAlgorithm(), Key: jose.JSONWebKey{Key: s.key.Key(), KeyID: s.key.ID()}},
		(&jose.SignerOptions{}).WithType("logout+jwt"))
	if err != nil {
		return "", err
	}
	claims := oidc.NewLogoutTokenClaims(s.cfg.Issuer, session.Subject, oidc.Audience{c.ID},
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
