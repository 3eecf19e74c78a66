package relyingparty_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"example.com/usersession/bff/relyingparty"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

func TestSignIn_SignOut(t *testing.T) {
	op := newOP(t)
	b := newApp(t, op).browser()
	b.wantSignedIn("")

	login := b.get("/bff/login?returnUrl=" + url.QueryEscape("/orders?page=2"))
	query := queryOf(t, login.location())
	for name, want := range map[string]string{
		"response_type": "code", "client_id": fakeClient, "redirect_uri": baseURL + "/bff/callback",
		"scope": "openid profile offline_access", "code_challenge_method": "S256", "prompt": "",
	} {
		if query.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, query.Get(name), want)
		}
	}
	callback := b.get(b.atProvider(login))
	for _, a := range []answer{login, callback} {
		if cache := a.Header.Get("Cache-Control"); cache != "no-store" {
			t.Errorf("a redirect with state or cookies has Cache-Control: %q", cache)
		}
	}
	if callback.StatusCode != http.StatusSeeOther || callback.location() != "/orders?page=2" {
		t.Fatalf("%d to %q: %s\n%s", callback.StatusCode, callback.location(), callback.body, b.log)
	}
	if len(b.cookies) != 1 {
		t.Errorf("the browser has the cookies %v, want the session's alone", b.cookies)
	}
	claims := b.wantSignedIn("alice")
	if claims["name"] != "Alice Archer" || claims["sid"] != op.sid {
		t.Errorf("claims: %v", claims)
	}
	for _, name := range []string{"iss", "aud", "exp", "iat", "nonce", "at_hash", "jti"} {
		if _, there := claims[name]; there {
			t.Errorf("the user endpoint shows %s", name)
		}
	}

	// The address for the sign-out is in the answer.
	out := b.get(claims["bff:logout_url"].(string))
	end := queryOf(t, out.location())
	if out.StatusCode != http.StatusSeeOther || out.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(out.location(), op.issuer+"/end?") ||
		end.Get("post_logout_redirect_uri") != baseURL+"/" || end.Get("client_id") != fakeClient || end.Get("id_token_hint") == "" {
		t.Errorf("sign-out: %d to %q", out.StatusCode, out.location())
	}
	b.wantSignedIn("")
	if len(b.cookies) != 0 {
		t.Errorf("the browser keeps %v", b.cookies)
	}
	if err := b.sessions.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	_, refresh := op.latest()
	if len(op.revoked) != 1 || op.revoked[0] != refresh {
		t.Errorf("revoked: %d tokens", len(op.revoked))
	}
}

func TestClientAuthentication(t *testing.T) {
	ec := func(curve elliptic.Curve) crypto.Signer {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	withKey := func(key crypto.Signer, audience string) (func(*fakeOP), func(*setup)) {
		return func(op *fakeOP) {
				op.public, op.audience = &jose.JSONWebKey{Key: key.Public(), KeyID: "client"}, audience
			}, func(s *setup) {
				s.rp.ClientSecret, s.rp.ClientKey, s.rp.ClientKeyID, s.rp.AssertionAudience = "", key, "client", audience
			}
	}
	methods := func(names ...string) func(*fakeOP) { return func(op *fakeOP) { op.authMethods = names } }
	type test struct {
		op func(*fakeOP)
		rp func(*setup)
	}
	none := func(*setup) {}
	tests := map[string]test{
		"not listed":           {func(*fakeOP) {}, none},
		"basic":                {methods("client_secret_basic"), none},
		"post":                 {methods("client_secret_post"), none},
		"both":                 {methods("client_secret_post", "client_secret_basic"), none},
		"post, by the setting": {methods("client_secret_post"), func(s *setup) { s.rp.ClientAuthentication = relyingparty.ClientSecretPost }},
	}
	for name, key := range map[string]crypto.Signer{
		"RSA": keyPair()[jose.RS256].(*rsa.PrivateKey), "P-256": ec(elliptic.P256()), "P-384": ec(elliptic.P384()), "P-521": ec(elliptic.P521()), "Ed25519": ed,
	} {
		op, rp := withKey(key, "")
		tests["private_key_jwt with "+name] = test{op, rp}
	}
	op, rp := withKey(ed, "https://id.example")
	tests["private_key_jwt for another audience"] = test{op, rp}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			op := newOP(t, test.op)
			b := newApp(t, op, test.rp).browser()
			b.signIn()
			b.wantSignedIn("alice")
			if _, err := b.rp.RefreshTokens(t.Context(), op.refresh); err != nil {
				t.Error(err)
			}
			if err := b.rp.RevokeRefreshToken(t.Context(), op.refresh); err != nil || len(op.revoked) != 1 {
				t.Error(err)
			}
		})
	}
}

func TestSignIn_PublicClient(t *testing.T) {
	for name, change := range map[string]func(*relyingparty.Config){
		"no secret":                 func(c *relyingparty.Config) { c.ClientSecret = "" },
		"a secret that is not used": func(c *relyingparty.Config) { c.ClientAuthentication = relyingparty.PublicClient },
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t, func(op *fakeOP) { op.authMethods = []string{"none"}; op.noSecret = true })
			b := newApp(t, op, func(s *setup) { change(&s.rp) }).browser()
			b.signIn()
			b.wantSignedIn("alice")
		})
	}
}

// The failure of the client's key is an outage: no token counts as refused.
func TestClientAuthentication_KeyFails(t *testing.T) {
	b := newApp(t, newOP(t), func(s *setup) {
		s.rp.ClientSecret, s.rp.ClientKey = "", failingKey{keyPair()[jose.RS256].(*rsa.PrivateKey)}
	}).browser()
	b.wantFailure(b.signIn(), http.StatusServiceUnavailable, "does not answer")
	if asked, _ := b.op.tokenRequests(); asked != 0 {
		t.Errorf("%d requests without an assertion", asked)
	}
	if _, err := b.rp.RefreshTokens(t.Context(), "token"); err == nil || errors.Is(err, serverside.ErrRefreshTokenRefused) || errors.Is(err, serverside.ErrRefreshRequestRefused) {
		t.Errorf("a refresh: %v", err)
	}
	if err := b.rp.RevokeRefreshToken(t.Context(), "token"); err == nil {
		t.Error("a revocation that was not sent counts as done")
	}
}

type failingKey struct{ *rsa.PrivateKey }

func (failingKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the module does not answer")
}

// Numbers are kept as the provider sent them.
func TestSignIn_ClaimsKept(t *testing.T) {
	op := newOP(t, func(op *fakeOP) {
		op.change = func(claims map[string]any) {
			claims["employee"] = json.Number("1147953659032899585")
			claims["level"], claims["roles"], claims["address"] = json.Number("1.50"), []string{"a", "b"}, map[string]any{"city": "Köln"}
			claims["auth_time"], claims["acr"] = 1795443347, "2"
		}
	})
	b := newApp(t, op).browser()
	b.signIn()
	claims := b.wantSignedIn("alice")
	if claims["employee"] != json.Number("1147953659032899585") || claims["level"] != json.Number("1.50") || claims["acr"] != "2" {
		t.Errorf("claims: %v", claims)
	}
	if tk := b.ticketOf(); tk.Claims["employee"] != json.Number("1147953659032899585") {
		t.Errorf("ticket: %v", tk.Claims)
	}
}

func TestUser_DuendeForm(t *testing.T) {
	op := newOP(t, func(op *fakeOP) {
		op.change = func(claims map[string]any) {
			claims["roles"], claims["employee"], claims["admin"] = []string{"a", "b"}, json.Number("1147953659032899585"), true
		}
	})
	b := newApp(t, op, func(s *setup) { s.rp.DuendeUser, s.rp.AnonymousUserNull = true, true }).browser()
	if a := b.script(http.MethodGet, "/bff/user", ""); a.StatusCode != http.StatusOK || strings.TrimSpace(a.body) != "null" {
		t.Errorf("signed out: %d %q", a.StatusCode, a.body)
	}
	b.signIn()
	var claims []struct {
		Type  string
		Value any
	}
	a := b.script(http.MethodGet, "/bff/user", "")
	if err := json.Unmarshal([]byte(a.body), &claims); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	got := map[string][]any{}
	for _, c := range claims {
		got[c.Type] = append(got[c.Type], c.Value)
	}
	for name, want := range map[string][]any{
		"sub": {"alice"}, "roles": {"a", "b"}, "employee": {"1147953659032899585"}, "admin": {"true"}, "sid": {op.sid},
		"bff:logout_url": {"/bff/logout?sid=" + op.sid}, "bff:session_expires_in": {float64(1800)},
	} {
		if strings.HasSuffix(name, "_in") {
			if n, ok := got[name][0].(float64); !ok || n < 1700 || n > 1800 {
				t.Errorf("%s = %v", name, got[name])
			}
			continue
		}
		if len(got[name]) != len(want) || got[name][0] != want[0] {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
}

func TestUserInfo(t *testing.T) {
	for name, test := range map[string]struct {
		op   func(*fakeOP)
		want string // the name
	}{
		"its claims complete the ID token's": {func(*fakeOP) {}, "Alice Archer"},
		"signed": {func(op *fakeOP) {
			op.userInfoJWT = true
			op.userInfo = func(info map[string]any) { info["iss"], info["aud"] = op.issuer, fakeClient }
		}, "Alice Archer"},
		"signed by another": {func(op *fakeOP) { op.userInfoJWT, op.userInfoKey = true, otherKey() }, ""},
		"signed for another client": {func(op *fakeOP) {
			op.userInfoJWT = true
			op.userInfo = func(info map[string]any) { info["aud"] = "other" }
		}, ""},
		"signed for an audience that is not of strings": {func(op *fakeOP) {
			op.userInfoJWT = true
			op.userInfo = func(info map[string]any) { info["aud"] = []any{fakeClient, 1} }
		}, ""},
		"an error": {func(op *fakeOP) {
			op.document = func(d map[string]any) { d["userinfo_endpoint"] = op.issuer + "/missing" }
		}, ""},
		"null":               {func(op *fakeOP) { op.userInfoBody = "null" }, ""},
		"an array":           {func(op *fakeOP) { op.userInfoBody = `[{"sub":"alice"}]` }, ""},
		"not the end":        {func(op *fakeOP) { op.userInfoBody = `{"sub":"alice","name":"Alice Archer"} {}` }, ""},
		"a bracket too many": {func(op *fakeOP) { op.userInfoBody = `{"sub":"alice","name":"Alice Archer"}}` }, ""},
		"not UTF-8":          {func(op *fakeOP) { op.userInfoBody = `{"sub":"alice","name":"` + "\xff" + `"}` }, ""},
		"of another subject": {func(op *fakeOP) { op.userInfo = func(info map[string]any) { info["sub"] = "bob" } }, ""},
		"of a subject in another case": {func(op *fakeOP) {
			op.userInfo = func(info map[string]any) { delete(info, "sub"); info["SUB"] = "alice" }
		}, ""},
		"the ID token's name stays": {func(op *fakeOP) { op.change = func(c map[string]any) { c["name"] = "Alice of the token" } }, "Alice of the token"},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t, test.op)
			b := newApp(t, op).browser()
			b.signIn()
			if got, _ := b.wantSignedIn("alice")["name"].(string); got != test.want {
				t.Errorf("name = %q, want %q", got, test.want)
			}
			if warned := strings.Contains(b.log.String(), "signing in without the claims of the userinfo endpoint"); warned != (test.want == "") {
				t.Errorf("a warning: %t\n%s", warned, b.log)
			}
			if len(op.apiCalls) == 0 {
				return
			}
			if accept := op.apiCalls[0].Get("Accept"); accept != "application/json, application/jwt" {
				t.Errorf("Accept: %q", accept)
			}
		})
	}
}

func TestUserInfo_NotAsked(t *testing.T) {
	for name, test := range map[string]struct {
		op func(*fakeOP)
		rp func(*setup)
	}{
		"SkipUserInfo":         {func(*fakeOP) {}, func(s *setup) { s.rp.SkipUserInfo = true }},
		"no userinfo endpoint": {func(op *fakeOP) { op.document = func(d map[string]any) { delete(d, "userinfo_endpoint") } }, func(*setup) {}},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t, test.op)
			b := newApp(t, op, test.rp).browser()
			b.signIn()
			if claims := b.wantSignedIn("alice"); claims["name"] != nil || len(op.apiCalls) != 0 || strings.Contains(b.log.String(), "userinfo") {
				t.Errorf("the claims %v after %d requests\n%s", claims, len(op.apiCalls), b.log)
			}
		})
	}
}

// The session id and the time of the authentication come from the signed token only.
func TestUserInfo_NeverTheSessionID(t *testing.T) {
	op := newOP(t, func(op *fakeOP) {
		op.noSID = true
		op.userInfo = func(info map[string]any) {
			info["sid"], info["auth_time"], info["acr"], info["amr"] = "evil", 1, "9", "x"
		}
	})
	b := newApp(t, op).browser()
	b.signIn()
	claims := b.wantSignedIn("alice")
	if sid, _ := claims["sid"].(string); !strings.HasPrefix(sid, "local-") {
		t.Errorf("sid = %q", sid)
	}
	if claims["auth_time"] != nil || claims["acr"] != nil || claims["amr"] != nil {
		t.Errorf("claims: %v", claims)
	}
}

func TestPrepareTicket(t *testing.T) {
	op := newOP(t)
	b := newApp(t, op, func(s *setup) {
		s.rp.ListProperties = []string{"device"}
		s.rp.PrepareTicket = func(r *http.Request, tk *ticket.Ticket) error {
			tk.Properties = map[string]string{"device": r.UserAgent(), "internal": "x"}
			tk.SubjectID, tk.SessionID, tk.Issuer = "mallory", "other", "other"
			delete(tk.Claims, "name")
			return nil
		}
	}).browser()
	b.signIn()
	if claims := b.wantSignedIn("alice"); claims["name"] != nil || claims["sid"] != op.sid {
		t.Errorf("claims: %v", claims)
	}
	if len(op.revoked) != 0 {
		t.Error("the session's refresh token was revoked")
	}
	a := b.script(http.MethodGet, "/bff/sessions", "")
	if !strings.Contains(a.body, `"device"`) || strings.Contains(a.body, "internal") || !strings.Contains(a.body, op.sid) {
		t.Errorf("sessions: %s", a.body)
	}
}
