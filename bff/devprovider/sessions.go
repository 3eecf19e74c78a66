package devprovider

import (
	"cmp"
	"crypto/rand"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// A Session is a sign-in of a browser at the provider. Its clients share it.
type Session struct {
	// SID is the claim sid of ID tokens and logout tokens.
	SID, Subject string
	// Clients are the ids of the clients to which the user has signed in.
	Clients []string
	// Device is what Config.DeviceName returned when the session began.
	Device string
	// Since is the begin of the session, and AuthTime the last time that the user chose their
	// name on the sign-in page: the claim auth_time.
	Since, AuthTime time.Time

	acr string
}

// list returns the sessions, newest first.
func (s *storage) list() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	sessions := make([]Session, 0, len(s.sessions))
	for _, session := range s.sessions {
		session.Clients = slices.Clone(session.Clients)
		sessions = append(sessions, session)
	}
	slices.SortFunc(sessions, func(a, b Session) int { return cmp.Or(b.Since.Compare(a.Since), cmp.Compare(a.SID, b.SID)) })
	return sessions
}

// suffices reports whether a request can do with a session that the browser has.
func suffices(session Session, r *oidc.AuthRequest, hint string, now time.Time) bool {
	// Package op sets max_age to 0 for prompt=login.
	return !slices.Contains(r.Prompt, oidc.PromptSelectAccount) &&
		(r.MaxAge == nil || *r.MaxAge > 0 && now.Sub(session.AuthTime).Seconds() <= float64(*r.MaxAge)) &&
		(hint == "" || hint == session.Subject) &&
		(len(r.ACRValues) == 0 || slices.Contains(r.ACRValues, session.acr))
}

// join completes a request with the session, which the client takes part in from then on.
// The caller holds the lock and stores the request.
func (s *storage) join(r *request, session Session) {
	r.subject, r.sid, r.authTime, r.acr = session.Subject, session.SID, session.AuthTime, session.acr
	if !slices.Contains(session.Clients, r.clientID) {
		session.Clients = append(slices.Clone(session.Clients), r.clientID)
	}
	s.sessions[session.SID] = session
}

// signIn signs the user in for a sign-in request. The browser's session goes on if it is the
// same user's; otherwise another one begins. It returns the session's sid, or false if the
// request has expired, was refused or has a user already, or if there is no such user.
func (s *storage) signIn(id, subject, device, browser string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.requests[id]
	if _, known := s.user(subject); !known || !ok || r.Done() || r.refused || time.Since(r.created) > signInLifetime {
		return "", false
	}
	now := time.Now()
	session, ok := s.sessions[browser]
	if !ok || session.Subject != subject {
		session = Session{SID: rand.Text(), Subject: subject, Device: device, Since: now}
	}
	session.AuthTime, session.acr = now, r.acr
	s.join(&r, session)
	s.requests[id] = r
	return session.SID, true
}

// live reports whether there is a session with that sid.
func (s *storage) live(sid string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.sessions[sid]
	return ok
}

// isOf reports whether there is a session with that sid, of that user.
func (s *storage) isOf(sid, subject string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	session, ok := s.sessions[sid]
	return ok && session.Subject == subject
}
