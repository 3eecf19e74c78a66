package relyingparty_test

import (
	"cmp"
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

// otherKey returns a key that no provider has.
var otherKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
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
	noSecret     bool                   // a public client
	skew         time.Duration          // of its clock
	change       func(map[string]any)   // changes the ID token's claims
	header       map[string]any         // added to the ID token's header
	tokenStatus  int                    // of the token endpoint, if not 200
	tokenError   *string                // its error code then, if not server_error
	payload      func(string) string    // changes the JSON of the claims before it is signed
	refreshError string                 // the error code with which every refresh is refused
	lifetime     time.Duration          // of access tokens
	expiresIn    *string                // the JSON of expires_in, if not the lifetime; "": absent
	rewrite      func(token string) any // changes the ID token as it was signed
	signer       *rsa.PrivateKey        // in place of the provider's key
	hmac         bool                   // ID tokens are signed with the client's secret
	reuse        bool                   // codes are accepted more than once
	meet         *sync.WaitGroup        // requests to the token endpoint wait for each other
	discover     http.HandlerFunc       // in place of the discovery document
	rotated      bool                   // the key set has otherKey
	noType       bool
	wrongClient  bool // the client is refused
	noKeyID      bool
	oddKeys      bool                 // the key set also has keys of unknown kinds
	keysStatus   int                  // of the key set, if not 200
	userInfo     func(map[string]any) // changes the userinfo answer
	userInfoJWT  bool                 // it is signed
	userInfoKey  *rsa.PrivateKey      // signs it in place of the provider's key
	userInfoBody string               // in place of the userinfo answer
	refreshID    func(map[string]any) // changes the claims of a refresh's ID token; nil: without one
	rawToken     *string              // the body of the token endpoint's next answer
	document     func(map[string]any) // changes the discovery document
	public       *jose.JSONWebKey     // verifies client assertions
	audience     string               // of the assertions, if not the token endpoint

	mu                      sync.Mutex
	codes                   map[string]url.Values // the authorization requests of open codes
	requests                []url.Values          // all authorization requests
	access                  string                // the latest access token
	refresh                 string                // the current refresh token
	revoked                 []string              // the tokens at the revocation endpoint
	issued                  []string              // all tokens
	apiCalls                []http.Header
	discoveries, keyFetches int
	sid                     string   // of the latest ID token
	asked                   int      // the requests to the token endpoint
	answered                int      // how many of them it has answered with tokens
	refused                 []string // requests that violate the protocol: they fail the test
}

func newOP(t *testing.T, change ...func(*fakeOP)) *fakeOP {
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
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) {
		op.mu.Lock()
		defer op.mu.Unlock()
		op.refused = append(op.refused, "a secret was sent to the target of a redirect")
	})
	mux.HandleFunc("GET /userinfo", op.userinfo)
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		op.mu.Lock()
		defer op.mu.Unlock()
		op.keyFetches++
		var keys any = op.jwks()
		if op.oddKeys {
			keys = map[string]any{"keys": []any{map[string]any{"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}, op.jwks().Keys[0]}}
		}
		op.json(w, cmp.Or(op.keysStatus, http.StatusOK), keys)
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

// rotate replaces the signing key, without a change of its id.
func (op *fakeOP) rotate() { op.signer, op.rotated = otherKey(), true }

func (op *fakeOP) jwks() jose.JSONWebKeySet {
	if op.rotated {
		key := jose.JSONWebKey{Key: otherKey().Public(), KeyID: "k1", Algorithm: string(op.alg), Use: "sig"}
		return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}}
	}
	key := jose.JSONWebKey{Key: keyPair()[op.alg], KeyID: "k1", Algorithm: string(op.alg), Use: "sig"}
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}}
}

func (op *fakeOP) json(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (op *fakeOP) discovery(w http.ResponseWriter, r *http.Request) {
	op.mu.Lock()
	op.discoveries++
	op.mu.Unlock()
	if op.discover != nil {
		op.discover(w, r)
		return
	}
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
	if op.document != nil {
		op.document(document)
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
	if op.public != nil {
		return op.assertion(r)
	}
	id, secret, basic := r.BasicAuth()
	if basic {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if op.noSecret {
		if id != fakeClient || basic || r.PostForm.Has("client_secret") {
			op.refused = append(op.refused, "wrong authentication of a public client")
			return false
		}
		return true
	}
	wantBasic := op.authMethods == nil || slices.Contains(op.authMethods, "client_secret_basic")
	if id != fakeClient || secret != fakeSecret || basic != wantBasic ||
		basic && (r.PostForm.Has("client_secret") || r.PostForm.Has("client_id")) {
		op.refused = append(op.refused, "wrong client authentication at "+r.URL.Path)
		return false
	}
	return true
}

// assertion checks a client assertion (RFC 7523). Each must be used once.
func (op *fakeOP) assertion(r *http.Request) bool {
	algorithms := []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}
	signed, err := jose.ParseSignedCompact(r.PostFormValue("client_assertion"), algorithms)
	if err != nil {
		op.refused = append(op.refused, "no client assertion at "+r.URL.Path)
		return false
	}
	payload, err := signed.Verify(op.public)
	var claims struct {
		Iss, Sub, Aud, Jti string
		Iat, Exp           int64
	}
	_, basic := r.Header["Authorization"]
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Iss != fakeClient || claims.Sub != fakeClient ||
		signed.Signatures[0].Header.KeyID != op.public.KeyID || claims.Aud != cmp.Or(op.audience, op.issuer+"/token") || claims.Exp <= claims.Iat || slices.Contains(op.issued, claims.Jti) ||
		r.PostFormValue("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" ||
		r.PostFormValue("client_id") != fakeClient || r.PostForm.Has("client_secret") || basic {
		op.refused = append(op.refused, "wrong client assertion at "+r.URL.Path)
		return false
	}
	op.issued = append(op.issued, claims.Jti)
	return true
}

func (op *fakeOP) token(w http.ResponseWriter, r *http.Request) {
	if op.meet != nil {
		op.meet.Done()
		op.meet.Wait()
	}
	op.mu.Lock()
	defer op.mu.Unlock()
	op.asked++
	if op.tokenStatus == http.StatusTemporaryRedirect {
		w.Header().Set("Location", op.issuer+"/elsewhere")
		w.WriteHeader(op.tokenStatus)
		return
	}
	if op.tokenStatus != 0 {
		code := "server_error"
		if op.tokenError != nil {
			code = *op.tokenError
		}
		op.json(w, op.tokenStatus, map[string]string{"error": code})
		return
	}
	if r.ParseForm() != nil || op.wrongClient || !op.client(r) {
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
		if !op.reuse {
			delete(op.codes, r.PostFormValue("code"))
		}
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if !ok || request.Get("code_challenge_method") != "S256" || request.Get("redirect_uri") != r.PostFormValue("redirect_uri") ||
			request.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) {
			op.json(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
			return
		}
		token := op.idToken(request.Get("nonce"), access)
		answer["id_token"] = token
		if op.rewrite != nil {
			answer["id_token"] = op.rewrite(token)
		}
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
	if r.PostFormValue("grant_type") == "refresh_token" && op.refreshID != nil {
		token := op.sign("JWT", op.claims("", access, op.refreshID))
		answer["id_token"] = token
		if op.rewrite != nil {
			answer["id_token"] = op.rewrite(token)
		}
	}
	op.access, op.refresh = access, refresh
	answer["access_token"], answer["refresh_token"] = access, refresh
	op.issued = append(op.issued, access, refresh)
	if op.rawToken != nil {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(*op.rawToken))
		return
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

// latest returns the tokens that were issued last.
func (op *fakeOP) latest() (access, refresh string) {
	op.mu.Lock()
	defer op.mu.Unlock()
	return op.access, op.refresh
}

func (op *fakeOP) idToken(nonce, access string) string {
	token := op.sign("JWT", op.claims(nonce, access, op.change))
	op.issued = append(op.issued, token)
	return token
}

func (op *fakeOP) claims(nonce, access string, change func(map[string]any)) map[string]any {
	now := time.Now().Add(op.skew)
	sum := sha256.Sum256([]byte(access))
	op.sid = "sid-" + rand.Text()
	claims := map[string]any{
		"iss": op.issuer, "aud": fakeClient, "sub": "alice", "sid": op.sid, "nonce": nonce, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(30 * time.Second).Unix(), "at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]),
	}
	if op.noSID {
		delete(claims, "sid")
	}
	if change != nil {
		change(claims)
	}
	return claims
}

func (op *fakeOP) sign(typ string, claims map[string]any) string {
	options := &jose.SignerOptions{}
	if !op.noType {
		options = options.WithType(jose.ContentType(typ))
	}
	if !op.noKeyID {
		options = options.WithHeader("kid", "k1")
	}
	for name, value := range op.header {
		options = options.WithHeader(jose.HeaderKey(name), value)
	}
	key := jose.SigningKey{Algorithm: op.alg, Key: keyPair()[op.alg]}
	if op.signer != nil {
		key.Key = op.signer
	}
	if op.hmac {
		key = jose.SigningKey{Algorithm: jose.HS256, Key: []byte(fakeSecret + fakeSecret)}
	}
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		op.t.Error(err)
		return ""
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		op.t.Error(err)
		return ""
	}
	if op.payload != nil {
		payload = []byte(op.payload(string(payload)))
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
	info := map[string]any{"sub": "alice", "name": "Alice Archer"}
	if op.userInfo != nil {
		op.userInfo(info)
	}
	if op.userInfoBody != "" {
		_, _ = w.Write([]byte(op.userInfoBody))
		return
	}
	if op.userInfoJWT {
		w.Header().Set("Content-Type", "application/jwt")
		key := op.signer
		op.signer = cmp.Or(op.userInfoKey, key)
		_, _ = w.Write([]byte(op.sign("JWT", info)))
		op.signer = key
		return
	}
	op.json(w, http.StatusOK, info)
}
