package main

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httputil"
	"net/url"

	"golang.org/x/oauth2"
	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/bff/apiproxy"
	"example.com/usersession/bff/relyingparty"
	"example.com/usersession/bff/serverside"
)

// These are the pieces of docs/bff.md and docs/duende.md. The tests are in more_test.go.

func addAPI(mux *http.ServeMux, sessions *serverside.Sessions) error {
	api, err := apiproxy.New(apiproxy.Config{Sessions: sessions, Target: "https://api.internal/v1"})
	if err != nil {
		return err
	}
	mux.Handle("/api/", api) // GET /api/orders/7 becomes GET https://api.internal/v1/orders/7
	return nil
}

func ordersHandler(sessions *serverside.Sessions, api *url.URL) http.Handler {
	client := &http.Client{Transport: sessions.Transport(api, nil)}
	return serverside.AntiForgery(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, api.JoinPath("orders").String(), nil)
		if err != nil {
			http.Error(w, "try again", http.StatusInternalServerError)
			return
		}
		response, err := client.Do(request)
		if err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		defer response.Body.Close()
		var orders []json.RawMessage
		if response.StatusCode != http.StatusOK || json.NewDecoder(response.Body).Decode(&orders) != nil {
			http.Error(w, "try again", http.StatusBadGateway)
			return
		}
		_, _ = fmt.Fprintf(w, `{"orders": %d}`, len(orders))
	}))
}

func clientAPI(sessions *serverside.Sessions, target string, client oauth2.TokenSource) (*apiproxy.Proxy, error) {
	return apiproxy.New(apiproxy.Config{
		Sessions: sessions, Target: target, Prefix: "/prices/",
		AllowAnonymous: true, Transport: &oauth2.Transport{Source: client}, // clientcredentials.Config.TokenSource
	})
}

func stepUp(r *http.Request) url.Values {
	if r.URL.Query().Get("returnUrl") == "/payments" {
		return url.Values{"max_age": {"300"}, "acr_values": {"urn:example:mfa"}}
	}
	return nil
}

func requireMFA(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, signedIn := serverside.FromContext(r.Context())
		if !signedIn || session.Claims["acr"] != "urn:example:mfa" {
			w.WriteHeader(http.StatusForbidden) // the page navigates to /bff/login?returnUrl=/payments
			return
		}
		next.ServeHTTP(w, r)
	})
}

var failurePage = template.Must(template.New("").Parse(`<!doctype html>
<title>{{.Title}}</title>
<h1>{{.Title}}</h1>
<p>{{.Text}} <a href="/bff/login?returnUrl={{.ReturnURL}}">Sign in again</a></p>
`))

func showFailure(w http.ResponseWriter, _ *http.Request, f relyingparty.Failure) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(f.Status)
	_ = failurePage.Execute(w, f)
}

func addPartner(mux *http.ServeMux, db *gorm.DB, c relyingparty.Config) (*serverside.Sessions, error) {
	store, err := usersession.NewGormStore(db)
	if err != nil {
		return nil, err
	}
	c.Path = "/partner"
	rp, err := relyingparty.New(c)
	if err != nil {
		return nil, err
	}
	sessions, err := serverside.New(serverside.Config{
		Store: store, Protector: c.Protector, Issuer: rp.Issuer(), Refresher: rp, Revoker: rp,
		UserPath: "/partner/user", CookieName: "__Host-partner", Partition: "partner",
	})
	if err != nil {
		return nil, err
	}
	return sessions, rp.Register(mux, sessions) // /partner/login, /partner/callback, …
}

func frontends(shop, admin http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("shop.example/", shop) // each made like newBFF's, with a BaseURL and a Partition of its own
	mux.Handle("admin.example/", admin)
	return mux
}

func withDevServer(mux *http.ServeMux, devServer *url.URL) {
	mux.Handle("/", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { // in place of the page
		r.SetURL(devServer)
		r.Out.Header.Del("Cookie") // the session is the BFF's own
	}})
}

func newLikeDuende(store bff.UserSessionStore, c relyingparty.Config) (*relyingparty.RelyingParty, *serverside.Sessions, error) {
	c.DuendeUser = true // the user endpoint answers [{"type": …, "value": …}, …]
	rp, err := relyingparty.New(c)
	if err != nil {
		return nil, nil, err
	}
	sessions, err := serverside.New(serverside.Config{
		Store: store, Protector: c.Protector, Partition: "shop", // ApplicationName, PartitionKey
		Issuer: rp.Issuer(), Refresher: rp,
		Revoker:                    rp,   // RevokeRefreshTokenOnLogout
		EndSessionWithRefreshToken: true, // RemoveSessionAfterRefreshTokenExpiration
		EnableSessionCleanup:       true, // every SessionCleanupInterval, 10 minutes
	})
	return rp, sessions, err
}
