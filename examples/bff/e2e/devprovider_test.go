package e2e

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"example.com/usersession/bff/devprovider"
)

// The parts of the development provider that only a browser shows: its cookie in a frame of
// another site (silent sign-in), and the frames of front-channel logout.
func TestDevProvider_Frames(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		var silent string
		loaded := make(chan url.Values, 1)
		mux := http.NewServeMux()
		mux.HandleFunc("/callback", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, "<p id=result>code %t, error %s</p>", r.FormValue("code") != "", html.EscapeString(r.FormValue("error")))
		})
		mux.HandleFunc("/silent", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<iframe src="%s"></iframe>`, html.EscapeString(silent))
		})
		mux.HandleFunc("/frontchannel", func(_ http.ResponseWriter, r *http.Request) { loaded <- r.URL.Query() })
		mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "home") })
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		base := strings.Replace(server.URL, providerHost, appHost, 1)
		p, err := devprovider.Start(t.Context(), devprovider.Config{Clients: []devprovider.Client{{
			ID: "app", RedirectURIs: []string{base + "/callback"}, PostLogoutRedirectURIs: []string{base + "/"},
			FrontchannelLogoutURI: base + "/frontchannel",
		}}})
		if err != nil {
			t.Fatal(err)
		}
		authorize := p.Issuer() + "/authorize?" + url.Values{
			"client_id": {"app"}, "redirect_uri": {base + "/callback"}, "response_type": {"code"}, "scope": {"openid"},
			"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
		}.Encode()
		silent = authorize + "&prompt=none"
		b := c.newBrowser()
		inFrame := func(want string) {
			t.Helper()
			b.open(base + "/silent")
			b.until(`document.querySelector('iframe')?.contentDocument?.getElementById('result')?.textContent === "` + want + `"`)
		}

		inFrame("code false, error login_required")
		b.open(authorize)
		b.click(`button[value="alice"]`)
		b.until(`document.getElementById('result')?.textContent === "code true, error "`)
		inFrame("code true, error ")

		b.open(p.Issuer() + "/end_session?client_id=app&post_logout_redirect_uri=" + url.QueryEscape(base+"/"))
		sid := p.Sessions()[0].SID
		b.click(`button[name="confirm"]`)
		b.until(`location.href === "` + base + `/"`)
		if got := <-loaded; got.Get("iss") != p.Issuer() || got.Get("sid") != sid {
			t.Errorf("the front-channel logout: %v", got)
		}
		inFrame("code false, error login_required")
	})
}
