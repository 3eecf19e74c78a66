package adaptertest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/backchannel"
)

// unverified accepts every signature.
type unverified struct{}

func (unverified) Verify(_ context.Context, token string) (backchannel.VerifiedToken, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return backchannel.VerifiedToken{}, errors.New("not a JWT")
	}
	header, _ := base64.RawURLEncoding.DecodeString(parts[0])
	claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
	return backchannel.VerifiedToken{Header: header, Claims: claims}, nil
}

// backchannelLogout sends a logout token with the claims to the application.
func (w *world) backchannelLogout(claims map[string]any) {
	w.t.Helper()
	claims["iss"], claims["jti"] = issuer, adapter.NewSecret()
	claims["iat"], claims["exp"] = time.Now().Unix(), time.Now().Add(time.Minute).Unix()
	claims["events"] = map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
	data, err := json.Marshal(claims)
	if err != nil {
		w.t.Fatal(err)
	}
	token := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"logout+jwt"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(data) + ".signature"
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, "/bff/backchannel",
		strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	recorder := httptest.NewRecorder()
	w.logout.ServeHTTP(recorder, r)
	if recorder.Code != http.StatusOK {
		w.t.Fatalf("the back-channel logout: status %d", recorder.Code)
	}
}
