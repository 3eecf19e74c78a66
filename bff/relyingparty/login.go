package relyingparty

import (
	"errors"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/serverside"
)

// protocolParameters are set by this package alone.
var protocolParameters = []string{
	"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "request", "request_uri",
}

// endpoints are the handlers of one RelyingParty and its sessions.
type endpoints struct {
	*RelyingParty
	sessions *serverside.Sessions
	used     backchannel.ReplayMemory // the attempts that have succeeded
}

// login begins a sign-in and redirects the browser to the provider, with state, nonce and a
// PKCE challenge of the attempt. The parameter returnUrl is the page after the sign-in, a path
// of this host. With prompt=none the provider shows no page. If the user is not signed in at the
// provider, the browser returns signed out. In a frame, the callback posts the message of
// silentLogin instead.
func (e *endpoints) login(w http.ResponseWriter, r *http.Request) {
	if speculative(r) {
		e.fail(w, r, failPrefetch(), nil)
		return
	}
	if fromAnotherSite(r) {
		askAgain(w, r, "Sign in")
		return
	}
	e.begin(w, r, promptOf(r) == "none" && r.Header.Get("Sec-Fetch-Dest") == "iframe")
}

// prompts are the values of the parameter prompt that a page may choose.
var prompts = []string{"none", "login", "consent", "select_account", "create"}

// promptOf returns the prompt that the page has chosen, or "".
func promptOf(r *http.Request) string {
	if values := r.URL.Query()["prompt"]; len(values) == 1 && slices.Contains(prompts, values[0]) {
		return values[0]
	}
	return ""
}

// begin begins an attempt.
func (e *endpoints) begin(w http.ResponseWriter, r *http.Request, silent bool) {
	noStore(w)
	returnURL := r.URL.Query().Get("returnUrl")
	if returnURL == "" {
		returnURL = "/"
	}
	if !mayReturnTo(returnURL) {
		e.failSignIn(w, r, silent, failReturnURL(), nil)
		return
	}
	found, err := e.provider.discover(r.Context())
	if err != nil {
		e.failSignIn(w, r, silent, failProvider(returnURL), err)
		return
	}
	at := e.attempts.begin(returnURL, e.sessions.ReplacementToken(r), silent)
	parameters := e.parameters(r, silent)
	if at.MaxAge, err = maxAge(parameters); err != nil {
		e.failSignIn(w, r, silent, failRefused(http.StatusBadRequest, "", returnURL), err)
		return
	}
	at.NoPage = parameters.Get("prompt") == "none"
	state, err := e.attempts.keep(w, r, at)
	if err != nil {
		e.failSignIn(w, r, silent, failStore(returnURL), err)
		return
	}
	_, oauth := e.oauth(r.Context(), found)
	options := []oauth2.AuthCodeOption{oidc.Nonce(at.Nonce), oauth2.S256ChallengeOption(at.Verifier)}
	for name := range parameters {
		options = append(options, oauth2.SetAuthURLParam(name, parameters.Get(name)))
	}
	http.Redirect(w, r, oauth.AuthCodeURL(state, options...), http.StatusSeeOther)
}

// parameters returns the parameters of the application for the authorization request. A prompt of
// AuthParameters replaces the page's prompt, unless the page's prompt is none.
func (e *endpoints) parameters(r *http.Request, silent bool) url.Values {
	parameters := url.Values{}
	prompt := promptOf(r)
	if prompt != "" {
		parameters.Set("prompt", prompt)
	}
	if e.cfg.AuthParameters != nil {
		for name, values := range e.cfg.AuthParameters(r) {
			switch {
			case slices.Contains(protocolParameters, name):
				e.cfg.Logger.LogAttrs(r.Context(), slog.LevelWarn, "relyingparty: AuthParameters set a parameter of the protocol, which was ignored",
					slog.String("parameter", name))
			case len(values) > 0:
				parameters.Set(name, values[0])
			}
		}
	}
	if silent || prompt == "none" {
		parameters.Set("prompt", "none")
	}
	return parameters
}

// maxAge returns the parameter max_age in seconds, or nil if there is none. It refuses a text that
// is not a number, because the age of the authentication would then not be checked.
func maxAge(parameters url.Values) (*int, error) {
	text := parameters.Get("max_age")
	if text == "" {
		parameters.Del("max_age")
		return nil, nil //nolint:nilnil // the parameter is optional
	}
	seconds, err := strconv.ParseUint(text, 10, 31) // 31 bits are 68 years, which a Duration can hold
	if err != nil {
		return nil, errors.New("AuthParameters set a max_age that is not a number of seconds")
	}
	age := int(seconds)
	return &age, nil
}

// speculative reports whether the browser loads the address before the user asks for it, or
// another program asks for the headers alone.
func speculative(r *http.Request) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		value := strings.ToLower(r.Header.Get(name))
		if strings.Contains(value, "prefetch") || strings.Contains(value, "prerender") || strings.Contains(value, "preview") {
			return true
		}
	}
	return r.Method == http.MethodHead
}

// fromAnotherSite reports whether a page of another site caused the navigation. Such a request
// lacks the cookie of the session, which is SameSite=Strict.
func fromAnotherSite(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") == "navigate"
}

// askAgain answers with a page that loads the same address: the browser then sends the
// session's cookie, so that a sign-in replaces the session and a sign-out ends it.
func askAgain(w http.ResponseWriter, r *http.Request, title string) {
	noStore(w)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	address := html.EscapeString(r.URL.RequestURI())
	_, _ = io.WriteString(w, "<!doctype html>\n<html lang=en>\n<title>"+title+"</title>\n"+
		"<meta http-equiv=\"refresh\" content=\"0;url="+address+"\">\n<p><a href=\""+address+"\">"+title+"</a></p>\n")
}
