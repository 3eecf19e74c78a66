package e2e

import (
	"crypto/rand"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// independent is the folder of the independent provider.
const independent = "oidc-provider"

// needIndependent returns the path of Node.js, or skips the test if the independent
// provider is not installed. Call it outside the subtest "chromium": requiring chromium
// does not require this provider.
func needIndependent(t *testing.T) (node string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(independent, "node_modules", "oidc-provider"))
	}
	if err != nil {
		const reason = "the independent provider is not installed: npm ci --prefix examples/bff/e2e/oidc-provider"
		if required(independent) {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	return node
}

// startIndependent starts an OpenID Provider written in JavaScript. It knows the client's
// credentials and three addresses of the example. It runs until stop is called, or the test ends.
func startIndependent(t *testing.T, node, application, port, secret string) (out *output, stop func()) {
	t.Helper()
	out = &output{}
	command := exec.Command(node, "server.mjs", port, application, secret)
	command.Dir, command.Stdout, command.Stderr = independent, out, out
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("output of the provider:\n%s", out)
		}
	})
	return out, stop
}

// The example works with a provider that shares no code with it: sign-in, sign-out, and
// logout tokens.
func TestIndependentProvider_SignInAndLogout(t *testing.T) {
	node := needIndependent(t)
	inChromium(t, func(t *testing.T, c *chrome) {
		port, secret := freePort(t), rand.Text()
		issuer := "http://127.0.0.1:" + port
		p := newProgram(t, "-issuer", issuer, "-client-id", "bff", "-client-secret", secret)
		provider, _ := startIndependent(t, node, p.base, port, secret)
		p.eventually("the provider", func() bool { return strings.Contains(provider.String(), "ready") })
		for _, address := range []string{p.base + "/bff/callback", p.base + "/bff/backchannel"} {
			if !strings.Contains(p.output.String(), address) {
				t.Errorf("the program did not print %s", address)
			}
		}

		b := c.newBrowser()
		b.signInIndependent(p, "zoe")
		b.click("#call")
		b.until(`document.getElementById('api-answer').textContent.includes('zoe of oidc-provider')`)
		b.click("#refresh")
		b.until(`document.getElementById('notice').textContent.includes('new tokens')`)
		if tickets := p.tickets(); len(tickets) != 1 || tickets[0].RefreshToken == "" || tickets[0].SessionID == "" {
			t.Errorf("%d sessions, want one with a refresh token and a sid", len(tickets))
		}

		// Sign out at the example, confirm at the provider, and return.
		b.click("#signout")
		b.click(`button[name="logout"]`)
		b.until(`location.href === "` + p.base + `/"`)
		b.view("out")

		// Sign out at the provider: it sends a logout token, and the page shows the end.
		b.signInIndependent(p, "zoe")
		elsewhere := c.newTab(b)
		elsewhere.open(issuer + "/session/end")
		elsewhere.click(`button[name="logout"]`)
		p.eventually("the logout token", func() bool { return len(p.sessions()) == 0 })
		b.until(ended)
		if status := b.fetchStatus("/bff/user"); status != http.StatusUnauthorized {
			t.Errorf("/bff/user: %d", status)
		}
		if out := provider.String(); strings.Count(out, "logout token accepted: zoe") != 2 || strings.Contains(out, "failed") {
			t.Errorf("output of the provider, want two accepted logout tokens:\n%s", out)
		}
	})
}

func (b *browser) signInIndependent(p *program, user string) {
	b.t.Helper()
	b.open(p.base + "/")
	b.view("out")
	b.click(`a.primary[href^="/bff/login"]`)
	b.until(`document.querySelector('input[name=login]')`)
	eval[bool](b, `(document.querySelector('input[name=login]').value = "`+user+`", document.querySelector('input[name=password]').value = "x", true)`)
	b.click(`button[type=submit]`)
	b.until(`!document.querySelector('input[name=login]') && document.querySelector('button[type=submit]')`)
	b.click(`button[type=submit]`)
	b.until(`location.origin === "` + p.base + `"`)
	b.view("in")
}
