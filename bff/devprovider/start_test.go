package devprovider_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"example.com/usersession/bff/devprovider"
)

// patience is the time after which a server counts as hanging.
const patience = time.Minute

func status(t *testing.T, address string) (int, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// Start listens on loopback until its context ends or Close is called.
func TestStart_UntilEnd(t *testing.T) {
	for name, end := range map[string]func(context.CancelFunc, *devprovider.Server) error{
		"context": func(cancel context.CancelFunc, p *devprovider.Server) error { cancel(); return p.Wait() },
		"Close":   func(_ context.CancelFunc, p *devprovider.Server) error { return p.Close() },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		p, err := devprovider.Start(ctx, devprovider.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(p.Issuer(), "http://127.0.0.1:") {
			t.Errorf("the issuer is %s", p.Issuer())
		}
		if code, err := status(t, p.Issuer()+"/.well-known/openid-configuration"); code != http.StatusOK {
			t.Errorf("discovery: %d %v", code, err)
		}
		if err := end(cancel, p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if code, err := status(t, p.Issuer()+"/"); err == nil {
			t.Errorf("%s: the provider still answers: %d", name, code)
		}
		if err := p.Close(); err != nil {
			t.Errorf("Close after the end: %v", err)
		}
		cancel()
	}
}

// Close waits for the requests in progress: here one that waits for a client's answer to a
// logout token.
func TestServer_CloseWaitsForRequests(t *testing.T) {
	var p *devprovider.Server
	closed := make(chan struct{})
	client := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		go func() { defer close(closed); _ = p.Close() }()
		for refused := 0; refused < 200; { // the provider does not listen any more, and has had time to end
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(p.Issuer(), "http://"))
			if err != nil {
				refused++
			} else {
				conn.Close()
			}
		}
		select {
		case <-closed:
			t.Error("Close has returned before the request was complete")
		default:
		}
	}))
	defer client.Close()
	c := app()
	c.BackchannelLogoutURI = client.URL
	p, err := devprovider.Start(t.Context(), devprovider.Config{Clients: []devprovider.Client{c}})
	if err != nil {
		t.Fatal(err)
	}
	code := oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())
	response := send(t, http.MethodGet, p.Issuer()+"/authorize?"+url.Values{
		"client_id": {c.ID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"},
		"code_challenge": {code}, "code_challenge_method": {"S256"},
	}.Encode(), nil)
	page, err := response.Location()
	if err != nil {
		t.Fatal(err)
	}
	send(t, http.MethodPost, p.Issuer()+"/signin", url.Values{"request": {page.Query().Get("request")}, "user": {"alice"}})
	response = send(t, http.MethodPost, p.Issuer()+"/end", url.Values{"sid": {p.Sessions()[0].SID}})
	if response.StatusCode != http.StatusSeeOther {
		t.Errorf("the request in progress: %d", response.StatusCode)
	}
	<-closed
}

// send sends a request on a connection of its own and follows no redirect.
func send(t *testing.T, method, address string, form url.Values) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response
}

// Start takes the port of the issuer, and says why it cannot.
func TestStart_Issuer(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	config := devprovider.Config{Issuer: "http://idp.localhost:" + port}
	if _, err := devprovider.Start(t.Context(), config); err == nil || !strings.Contains(err.Error(), port) {
		t.Errorf("a port in use: %v", err)
	}
	listener.Close()
	p, err := devprovider.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Issuer() != config.Issuer {
		t.Errorf("the issuer is %s", p.Issuer())
	}
	if code, err := status(t, "http://127.0.0.1:"+port+"/"); code != http.StatusOK {
		t.Errorf("the page: %d %v", code, err)
	}
	if _, err := devprovider.Start(t.Context(), devprovider.Config{Issuer: "https://localhost:" + port}); err == nil {
		t.Error("Start serves https")
	}
	if _, err := devprovider.Start(t.Context(), devprovider.Config{Clients: []devprovider.Client{{}}}); err == nil {
		t.Error("Start with an invalid client")
	}
}
