package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	fakeClient = "bff:client" // RFC 6749, section 2.3.1, requires that the colon is encoded
	fakeSecret = "s+cret/with&odd=characters"
)

// keyPair returns the signing keys. They are made once, since RSA key generation is slow.
var keyPair = sync.OnceValue(func() map[jose.SignatureAlgorithm]any {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return map[jose.SignatureAlgorithm]any{jose.RS256: r, jose.ES256: e}
})

// fakeOP is an OpenID Provider whose behavior a test can change, also to violate the
// protocol. It signs in every user as alice, without a page.
type fakeOP struct {
	t      *testing.T
	server *httptest.Server
	issuer string

	// The behavior.
	alg          jose.SignatureAlgorithm
	authMethods  []string // of the token and revocation endpoints
	noEndSession bool
	noSID        bool
	responseIss  bool
	skew         time.Duration        // of its clock
	change       func(map[string]any) // changes the ID token's claims
	header       map[string]any       // added to the ID token's header
	tokenStatus  int                  // of the token endpoint, if not 200
	refreshError string               // the error code with which every refresh is refused
	lifetime     time.Duration        // of access tokens
	expiresIn    *string              // the JSON of expires_in, if not the lifetime; "": absent
	refreshDelay time.Duration        // between the use of a refresh token and the answer

	mu       sync.Mutex
	codes    map[string]url.Values // the authorization requests of open codes
	requests []url.Values          // all authorization requests
	access   string                // the latest access token
	refresh  string                // the current refresh token
	revoked  []string              // the tokens at the revocation endpoint
	issued   []string              // all tokens
	apiCalls []http.Header
	asked    int      // the requests to the token endpoint
	answered int      // how many of them it has answered with tokens
	refused  []string // requests that violate the protocol: they fail the test
}

func newFakeOP(t *testing.T, change ...func(*fakeOP)) *fakeOP {
	t.Helper()
	op := &fakeOP{t: t, alg: jose.RS256, lifetime: time.Hour, codes: make(map[string]url.Values)}
	for _, f := range change {
		f(op)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", op.discovery)
	mux.HandleFunc("GET /authorize", op.authorize)
	mux.HandleFunc("POST /token", op.token)
	mux.HandleFunc("POST /revoke", op.revoke)
	mux.HandleFunc("GET /userinfo", op.userinfo)
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		op.json(w, http.StatusOK, op.jwks())
	})
	op.server = httptest.NewServer(mux)
	t.Cleanup(op.server.Close)
	op.issuer = op.server.URL
	t.Cleanup(func() {
		op.mu.Lock()
		defer op.mu.Unlock()
		for _, text := range op.refused {
			t.Errorf("the provider refused a request: %s", text)
		}
	})
	return op
}

func (op *fakeOP) jwks() jose.JSONWebKeySet {
	key := jose.JSONWebKey{Key: keyPair()[op.alg], KeyID: "k1", Algorithm: string(op.alg), Use: "sig"}
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}}
}

func (op *fakeOP) json(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (op *fakeOP) discovery(w http.ResponseWriter, _ *http.Request) {
	document := map[string]any{
		"issuer": op.issuer, "authorization_endpoint": op.issuer + "/authorize", "token_endpoint": op.issuer + "/token",
		"jwks_uri": op.issuer + "/keys", "userinfo_endpoint": op.issuer + "/userinfo", "revocation_endpoint": op.issuer + "/revoke",
		"id_token_signing_alg_values_supported": []string{string(op.alg)}, "response_types_supported": []string{"code"},
		"subject_types_supported": []string{"public"}, "scopes_supported": []string{"openid", "profile", "offline_access"},
	}
	if op.authMethods != nil {
		document["token_endpoint_auth_methods_supported"] = op.authMethods
	}
	if !op.noEndSession {
		document["end_session_endpoint"] = op.issuer + "/end"
	}
	if op.responseIss {
		document["authorization_response_iss_parameter_supported"] = true
	}
	op.json(w, http.StatusOK, document)
}

func (op *fakeOP) authorize(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	op.mu.Lock()
	defer op.mu.Unlock()
	code := rand.Text()
	op.codes[code] = query
	op.requests = append(op.requests, query)
	back := url.Values{"code": {code}, "state": query["state"]}
	if op.responseIss {
		back.Set("iss", op.issuer)
	}
	http.Redirect(w, r, query.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

// client checks the client authentication of a request. The caller holds the lock.
func (op *fakeOP) client(r *http.Request) bool {
	id, secret, basic := r.BasicAuth()
	if basic {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	wantBasic := op.authMethods == nil || slices.Contains(op.authMethods, "client_secret_basic")
	if id != fakeClient || secret != fakeSecret || basic != wantBasic || basic && r.PostForm.Has("client_secret") {
		op.refused = append(op.refused, "wrong client authentication at "+r.URL.Path)
		return false
	}
	return true
}

func (op *fakeOP) token(w http.ResponseWriter, r *http.Request) {
	op.mu.Lock()
	defer op.mu.Unlock()
	op.asked++
	if op.tokenStatus != 0 {
		op.json(w, op.tokenStatus, map[string]string{"error": "server_error"})
		return
	}
	if r.ParseForm() != nil || !op.client(r) {
		op.json(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	answer := map[string]any{"token_type": "Bearer", "expires_in": int(op.lifetime / time.Second)}
	if op.expiresIn != nil {
		answer["expires_in"] = json.RawMessage(*op.expiresIn)
	}
	if op.expiresIn != nil && *op.expiresIn == "" {
		delete(answer, "expires_in")
	}
	access, refresh := "access-"+rand.Text(), "refresh-"+rand.Text()
	switch r.PostFormValue("grant_type") {
	case "authorization_code":
		request, ok := op.codes[r.PostFormValue("code")]
		delete(op.codes, r.PostFormValue("code"))
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if !ok || request.Get("code_challenge_method") != "S256" || request.Get("redirect_uri") != r.PostFormValue("redirect_uri") ||
			request.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) {
			op.json(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
			return
		}
		answer["id_token"] = op.idToken(request.Get("nonce"), access)
	case "refresh_token":
		if op.refreshError != "" {
			op.json(w, http.StatusBadRequest, map[string]string{"error": op.refreshError})
			return
		}
		if r.PostFormValue("refresh_token") != op.refresh {
			op.json(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
			return
		}
	}
	op.access, op.refresh = access, refresh
	answer["access_token"], answer["refresh_token"] = access, refresh
	op.issued = append(op.issued, access, refresh)
	if r.PostFormValue("grant_type") == "refresh_token" && op.refreshDelay > 0 {
		op.mu.Unlock()
		time.Sleep(op.refreshDelay)
		op.mu.Lock()
	}
	op.answered++
	op.json(w, http.StatusOK, answer)
}

// tokenRequests returns the numbers of requests to the token endpoint, and of those that it
// has answered with tokens.
func (op *fakeOP) tokenRequests() (asked, answered int) {
	op.mu.Lock()
	defer op.mu.Unlock()
	return op.asked, op.answered
}

// setRefreshDelay changes the time between the use of a refresh token and the answer.
func (op *fakeOP) setRefreshDelay(d time.Duration) {
	op.mu.Lock()
	defer op.mu.Unlock()
	op.refreshDelay = d
}

// latest returns the tokens that were issued last.
func (op *fakeOP) latest() (access, refresh string) {
	op.mu.Lock()
	defer op.mu.Unlock()
	return op.access, op.refresh
}

func (op *fakeOP) idToken(nonce, access string) string {
	now := time.Now().Add(op.skew)
	sum := sha256.Sum256([]byte(access))
	claims := map[string]any{
		"iss": op.issuer, "aud": fakeClient, "sub": "alice", "sid": "sid-" + rand.Text(), "nonce": nonce, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(30 * time.Second).Unix(), "at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]),
	}
	if op.noSID {
		delete(claims, "sid")
	}
	if op.change != nil {
		op.change(claims)
	}
	token := op.sign("JWT", claims)
	op.issued = append(op.issued, token)
	return token
}

func (op *fakeOP) sign(typ string, claims map[string]any) string {
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", "k1")
	for name, value := range op.header {
		options = options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: op.alg, Key: keyPair()[op.alg]}, options)
	if err != nil {
		op.t.Error(err)
		return ""
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		op.t.Error(err)
		return ""
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		op.t.Error(err)
		return ""
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		op.t.Error(err)
	}
	return token
}

// logoutToken returns a logout token. It is valid unless typ or change make it invalid.
func (op *fakeOP) logoutToken(typ, sub, sid string, change func(map[string]any)) string {
	now := time.Now().Add(op.skew)
	claims := map[string]any{
		"iss": op.issuer, "aud": fakeClient, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": rand.Text(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	for name, value := range map[string]string{"sub": sub, "sid": sid} {
		if value != "" {
			claims[name] = value
		}
	}
	if change != nil {
		change(claims)
	}
	return op.sign(typ, claims)
}

func (op *fakeOP) revoke(w http.ResponseWriter, r *http.Request) {
	op.mu.Lock()
	defer op.mu.Unlock()
	if r.ParseForm() != nil || !op.client(r) {
		op.json(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	op.revoked = append(op.revoked, r.PostFormValue("token"))
}

// userinfo is also the API of the tests. It sets a cookie, which must not reach the browser.
func (op *fakeOP) userinfo(w http.ResponseWriter, r *http.Request) {
	op.mu.Lock()
	defer op.mu.Unlock()
	op.apiCalls = append(op.apiCalls, r.Header.Clone())
	if !slices.Contains(op.issued, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) {
		op.json(w, http.StatusUnauthorized, map[string]string{})
		return
	}
	http.SetCookie(w, &http.Cookie{Name: "api", Value: "1"})
	w.Header().Set("Access-Control-Allow-Origin", "*")
	op.json(w, http.StatusOK, map[string]any{"sub": "alice", "name": "Alice Archer"})
}
