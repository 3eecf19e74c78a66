package provider

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
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

	mu       sync.Mutex
	requests map[string]request      // by id
	codes    map[string]string       // request ids by code
	access   map[string]accessToken  // by token id
	refresh  map[string]refreshToken // by token
	sessions map[string]Session      // by sid
	log      []Delivery              // newest last
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

func newStorage(c Config) *storage {
	return &storage{
		cfg:      c,
		requests: make(map[string]request),
		codes:    make(map[string]string),
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
	for code, id := range s.codes {
		if _, ok := s.requests[id]; !ok {
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

// CreateAuthRequest begins a sign-in. It requires PKCE.
func (s *storage) CreateAuthRequest(_ context.Context, r *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	if slices.Contains(r.Prompt, oidc.PromptNone) {
		return nil, oidc.ErrLoginRequired() // this provider has no single sign-on
	}
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
	s.requests[next.id] = next
	return &next, nil
}

// signIn begins a session of the user for a sign-in request. It returns an error if the
// request has expired or has a user already.
func (s *storage) signIn(id, subject, device string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.requests[id]
	if !ok || r.subject != "" {
		return errors.New("the sign-in has expired: start again from the application")
	}
	r.subject, r.sid, r.authTime = subject, rand.Text(), time.Now()
	s.requests[id] = r
	s.sessions[r.sid] = Session{SID: r.sid, Subject: subject, ClientID: r.clientID, Device: device, Since: r.authTime}
	return nil
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
	s.codes[code] = id
	return nil
}

// AuthRequestByCode returns the request of a code and deletes the code, so that each code
// can be used once.
func (s *storage) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.requests[s.codes[code]]
	delete(s.codes, code)
	if !ok || time.Since(r.authTime) > codeLifetime {
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
	if err := setUser(info, r.GetSubject(), scopes); err != nil {
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
	return setUser(info, t.subject, t.scopes)
}

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return s.cfg.Key, nil }

func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{s.cfg.Key.SignatureAlgorithm()}, nil
}

func (s *storage) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{publicKey{s.cfg.Key}}, nil
}

func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != s.cfg.Client.ID {
		return nil, errors.New("unknown client")
	}
	return client{s.cfg.Client}, nil
}
