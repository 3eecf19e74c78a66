package devprovider

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	codeLifetime         = time.Minute
	signInLifetime       = 10 * time.Minute
	refreshTokenLifetime = 12 * time.Hour
)

// storage implements op.Storage in memory. It is safe for concurrent use: it returns
// copies only, so that callers share nothing that the lock protects.
type storage struct {
	cfg Config
	key signingKey

	mu       sync.Mutex
	requests map[string]request      // by id
	codes    map[string]issuedCode   // by code
	access   map[string]accessToken  // by token id
	refresh  map[string]refreshToken // by token
	sessions map[string]Session      // by sid
	log      []delivery              // newest last
}

type issuedCode struct {
	request string // its id
	at      time.Time
}

type accessToken struct {
	grant
	expires time.Time
}

type refreshToken struct {
	grant
	access  string // the id of the access token that was issued with it
	expires time.Time
}

func newStorage(c Config, key signingKey) *storage {
	return &storage{
		cfg:      c,
		key:      key,
		requests: make(map[string]request),
		codes:    make(map[string]issuedCode),
		access:   make(map[string]accessToken),
		refresh:  make(map[string]refreshToken),
		sessions: make(map[string]Session),
	}
}

// sweep deletes expired requests, codes and tokens. The caller holds the lock.
func (s *storage) sweep(now time.Time) {
	for id, r := range s.requests {
		if now.Sub(r.created) > signInLifetime {
			delete(s.requests, id)
		}
	}
	for code, issued := range s.codes {
		if _, ok := s.requests[issued.request]; !ok {
			delete(s.codes, code)
		}
	}
	for id, t := range s.access {
		if now.After(t.expires) {
			delete(s.access, id)
		}
	}
	for id, t := range s.refresh {
		if now.After(t.expires) {
			delete(s.refresh, id)
		}
	}
}

// CreateAuthRequest begins a sign-in. It requires PKCE. If the browser has a session that
// suffices for the request, the sign-in is done, and the sign-in page is left out.
func (s *storage) CreateAuthRequest(ctx context.Context, r *oidc.AuthRequest, hint string) (op.AuthRequest, error) {
	if r.CodeChallenge == "" || r.CodeChallengeMethod != oidc.CodeChallengeMethodS256 {
		return nil, oidc.ErrInvalidRequest().WithDescription("PKCE with S256 is required")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.sweep(now)
	next := request{
		grant: grant{clientID: r.ClientID, scopes: slices.Clone(r.Scopes)},
		id:    rand.Text(), created: now, redirectURI: r.RedirectURI, state: r.State, nonce: r.Nonce,
		responseType: r.ResponseType, responseMode: r.ResponseMode,
		challenge: oidc.CodeChallenge{Challenge: r.CodeChallenge, Method: r.CodeChallengeMethod},
	}
	if len(r.ACRValues) > 0 {
		next.acr = r.ACRValues[0]
	}
	browser, _ := ctx.Value(browserKey{}).(string)
	if session, ok := s.sessions[browser]; ok && suffices(session, r, hint, now) {
		s.join(&next, session)
	} else if slices.Contains(r.Prompt, oidc.PromptNone) {
		next.refused = true // no error: package op would log it, as a warning and with the state
	}
	s.requests[next.id] = next
	return &next, nil
}

// pending returns the request of a sign-in.
func (s *storage) pending(id string) (request, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.requests[id]
	return r, ok
}

func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.requests[id]
	if !ok {
		return nil, errors.New("unknown sign-in request")
	}
	return &r, nil
}

func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[code] = issuedCode{id, time.Now()}
	return nil
}

// AuthRequestByCode returns the request of a code and deletes the code, so that each code
// can be used once.
func (s *storage) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	issued := s.codes[code]
	delete(s.codes, code)
	r, ok := s.requests[issued.request]
	if !ok || time.Since(issued.at) > codeLifetime {
		return nil, errors.New("the code is unknown, used or expired")
	}
	return &r, nil
}

func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.requests, id)
	return nil
}

// CreateAccessToken creates an access token without a refresh token.
func (s *storage) CreateAccessToken(_ context.Context, r op.TokenRequest) (string, time.Time, error) {
	g, ok := grantOf(r)
	if !ok {
		return "", time.Time{}, errors.New("unsupported grant")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.sessions[g.sid]; !ok {
		return "", time.Time{}, errEnded()
	}
	id, expires := s.newAccess(g)
	return id, expires, nil
}

// CreateAccessAndRefreshTokens creates both tokens. It deletes the current refresh token
// and its access token, so that each refresh token can be used once.
func (s *storage) CreateAccessAndRefreshTokens(_ context.Context, r op.TokenRequest, current string) (string, string, time.Time, error) {
	g, ok := grantOf(r)
	if !ok {
		return "", "", time.Time{}, errors.New("unsupported grant")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.sessions[g.sid]; !ok {
		return "", "", time.Time{}, errEnded()
	}
	if current != "" {
		old, ok := s.refresh[current]
		if !ok {
			return "", "", time.Time{}, oidc.ErrInvalidGrant().WithDescription("the refresh token is no longer valid")
		}
		delete(s.refresh, current)
		delete(s.access, old.access)
	}
	id, expires := s.newAccess(g)
	next := rand.Text()
	s.refresh[next] = refreshToken{grant: g, access: id, expires: time.Now().Add(refreshTokenLifetime)}
	return id, next, expires, nil
}

// errEnded is the error of a code or refresh token whose session has ended.
func errEnded() error { return oidc.ErrInvalidGrant().WithDescription("the session has ended") }

// newAccess adds an access token. The caller holds the lock.
func (s *storage) newAccess(g grant) (string, time.Time) {
	now := time.Now()
	s.sweep(now)
	id, expires := rand.Text(), now.Add(s.cfg.AccessTokenLifetime)
	s.access[id] = accessToken{grant: g, expires: expires}
	return id, expires
}

func (s *storage) TokenRequestByRefreshToken(_ context.Context, token string) (op.RefreshTokenRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.refresh[token]
	if !ok || time.Now().After(t.expires) {
		return nil, errors.New("the refresh token is no longer valid")
	}
	g := t.grant
	return &g, nil
}

func (s *storage) GetRefreshTokenInfo(_ context.Context, clientID, token string) (string, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.refresh[token]
	if !ok || t.clientID != clientID {
		return "", "", op.ErrInvalidRefreshToken
	}
	return t.subject, token, nil
}

// RevokeToken deletes a refresh token together with its access token, or an access token.
// Unknown tokens and tokens of another client are ignored.
func (s *storage) RevokeToken(_ context.Context, token, _, clientID string) *oidc.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.refresh[token]; ok && t.clientID == clientID {
		delete(s.refresh, token)
		delete(s.access, t.access)
	}
	if t, ok := s.access[token]; ok && t.clientID == clientID {
		delete(s.access, token)
	}
	return nil
}

// SetUserinfoFromRequest fills in the claims of an ID token.
func (s *storage) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, r op.IDTokenRequest, scopes []string) error {
	g, ok := r.(interface{ sessionID() string })
	if !ok {
		return errors.New("unsupported grant")
	}
	if err := s.setUser(info, r.GetSubject(), scopes); err != nil {
		return err
	}
	info.AppendClaims("sid", g.sessionID())
	return nil
}

// SetUserinfoFromToken fills in the response of the userinfo endpoint.
func (s *storage) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, tokenID, subject, _ string) error {
	s.mu.Lock()
	t, ok := s.access[tokenID]
	s.mu.Unlock()
	if !ok || t.subject != subject || time.Now().After(t.expires) {
		return errors.New("the access token is not valid")
	}
	return s.setUser(info, t.subject, t.scopes)
}
