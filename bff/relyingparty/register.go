package relyingparty

import (
	"errors"
	"fmt"
	"net/http"

	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/serverside"
)

// The endpoints, below [Config.Path].
const (
	pathLogin        = "/login"
	pathSilent       = "/silent-login"
	pathCallback     = "/callback"
	pathLogout       = "/logout"
	pathUser         = "/user"
	pathSessions     = "/sessions"
	pathRevoke       = "/sessions/revoke"
	pathRevokeOthers = "/sessions/revoke-others"
	pathBackchannel  = "/backchannel"
	pathFrontchannel = "/frontchannel"
)

// Register mounts the endpoints below [Config.Path]:
//
//	GET       /login?returnUrl=/…    begins a sign-in; prompt=none, login, consent, … is passed on
//	GET       /silent-login          begins a sign-in without a page, in a hidden frame
//	GET       /callback              the redirect URI
//	GET, POST /logout?sid=…          ends the session, here and at the provider
//	GET       /user                  the signed-in user, as JSON
//	GET       /sessions              the user's sessions, as JSON
//	POST      /sessions/revoke       ends the session that {"sid": …} names
//	POST      /sessions/revoke-others
//	POST      /backchannel           the back-channel logout URI
//	GET       /frontchannel          the front-channel logout URI, see FrontchannelLogout
//
// The browser navigates to login, callback and logout. The page's scripts call user and
// sessions, with the header X-CSRF: 1 ([serverside.AntiForgery]). The other paths below
// [Config.Path] answer with 404.
//
// Register returns an error if the sessions have another issuer or another user path. It wraps
// the endpoints in the sessions' middleware; the mux may be wrapped in it, too.
func (p *RelyingParty) Register(mux *http.ServeMux, sessions *serverside.Sessions) error {
	handler, err := p.Handler(sessions)
	if err != nil {
		return err
	}
	mux.Handle(p.cfg.Path+"/", handler)
	return nil
}

// Handler returns the endpoints of [RelyingParty.Register] as one handler, for another router. The
// router must pass the requests below [Config.Path] on with their whole path.
func (p *RelyingParty) Handler(sessions *serverside.Sessions) (http.Handler, error) {
	if sessions == nil {
		return nil, errors.New("relyingparty: Register needs Sessions, and they are nil")
	}
	c := sessions.Config()
	if c.Issuer != p.cfg.Issuer {
		return nil, errors.New("relyingparty: the sessions have another issuer: set serverside.Config.Issuer to rp.Issuer()")
	}
	if path := p.cfg.Path + pathUser; c.UserPath != path {
		return nil, fmt.Errorf("relyingparty: set serverside.Config.UserPath to %q", path)
	}
	replay := backchannel.StoreReplayMemory{Store: c.Store, Clock: c.Clock}
	logout, err := backchannel.New(backchannel.Config{
		Sessions: sessions, Verifier: p, Replay: replay,
		BackchannelLogoutAllUserSessions: p.cfg.BackchannelLogoutAllUserSessions,
		InsecureAcceptUntypedTokens:      p.cfg.InsecureAcceptUntypedLogoutTokens,
		ClockSkew:                        p.cfg.ClockSkew, StoreTimeout: c.StoreTimeout, Logger: p.cfg.Logger, Clock: p.cfg.Clock,
	})
	if err != nil {
		return nil, fmt.Errorf("relyingparty: %w", err)
	}
	e := &endpoints{p, sessions, replay}
	mux := http.NewServeMux()
	navigation := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, sessions.Middleware(h)) }
	script := func(pattern string, h http.HandlerFunc) {
		mux.Handle(pattern, serverside.AntiForgery(sessions.Middleware(h)))
	}
	path := p.cfg.Path
	navigation("GET "+path+pathLogin, e.login)
	navigation("GET "+path+pathSilent, e.silentLogin)
	navigation("GET "+path+pathCallback, e.callback)
	navigation("GET "+path+pathLogout, e.logout)
	navigation("POST "+path+pathLogout, e.logout)
	script("GET "+path+pathUser, e.user)
	script("GET "+path+pathSessions, e.list)
	script("POST "+path+pathRevoke, e.revoke)
	script("POST "+path+pathRevokeOthers, e.revokeOthers)
	mux.Handle(path+pathBackchannel, logout) // no cookie, no header: the provider sends it
	if p.cfg.FrontchannelLogout {
		mux.HandleFunc("GET "+path+pathFrontchannel, e.frontchannel)
	}
	return mux, nil
}
