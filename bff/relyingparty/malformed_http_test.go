package relyingparty_test

import (
	"net/http"
	"strings"
	"testing"
)

// answerRaw returns a handler that writes the bytes of an answer itself.
func answerRaw(t *testing.T, raw string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = connection.Write([]byte(raw))
		_ = connection.Close()
	}
}

// The errors of net/http quote an answer that is not valid HTTP. The log must not.
func TestLog_MalformedHTTP(t *testing.T) {
	const secret = "of-the-providers-answer"
	for name, raw := range map[string]string{
		"no HTTP":           secret + "\r\n\r\n",
		"status":            "HTTP/1.1 2" + secret + " OK\r\n\r\n",
		"header":            "HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n",
		"first header line": "HTTP/1.1 200 OK\r\n " + secret + "\r\n\r\n",
		"Content-Length":    "HTTP/1.1 200 OK\r\nContent-Length: " + secret + "\r\n\r\n",
		"Transfer-Encoding": "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + secret + "\r\n\r\n",
		"Location":          "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://[" + secret + "\r\n\r\n",
		"redirect":          "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://127.0.0.1:1/?token=" + secret + "\r\n\r\n",
	} {
		for _, endpoint := range []string{"/.well-known/openid-configuration", "/keys", "/token", "/userinfo", "/revoke"} {
			t.Run(name+" at "+endpoint, func(t *testing.T) {
				op := newOP(t)
				mux := http.NewServeMux()
				mux.Handle("/", op.server.Config.Handler)
				mux.Handle(endpoint, answerRaw(t, raw))
				op.server.Config.Handler = mux
				b := newApp(t, op).browser()
				if login := b.get("/bff/login"); login.StatusCode == http.StatusSeeOther {
					b.get(b.atProvider(login))
				}
				if err := b.rp.RevokeRefreshToken(t.Context(), "token"); err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("the error is %q", err)
				}
				if strings.Contains(b.log.String(), secret) {
					t.Errorf("the log quotes the answer:\n%s", b.log)
				}
			})
		}
	}
}
