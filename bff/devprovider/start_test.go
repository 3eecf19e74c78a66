package devprovider_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

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
