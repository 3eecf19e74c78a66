package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
)

// The browser has one short cookie, of the strictest kind, however much the session holds.
func TestSignInLeavesOneShortCookie(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, b := newProgram(t), c.newBrowser()
		b.signIn(p, "alice")
		if name := eval[string](b, `document.getElementById('name').textContent`); name != "Alice Archer" {
			t.Errorf("the page greets %q", name)
		}
		value := oneCookie(t, b)
		before := len(p.sessions()[0].Ticket)
		for range 3 {
			stored := eval[string](b, `document.getElementById('stored').textContent`)
			b.click("#grow")
			b.until(`document.getElementById('stored').textContent !== "` + stored + `"`)
		}
		if after := len(p.sessions()[0].Ticket); after < before+60<<10 {
			t.Errorf("the session grew from %d to %d bytes", before, after)
		}
		if oneCookie(t, b) != value {
			t.Error("the cookie has changed")
		}
		if strings.Contains(p.output.String(), value) {
			t.Error("the cookie is in the log")
		}
	})
}

// oneCookie checks that there is one cookie, and what it is like.
func oneCookie(t *testing.T, b *browser) string {
	t.Helper()
	cookies := b.cookies()
	if len(cookies) != 1 {
		t.Fatalf("there are %d cookies: %+v", len(cookies), cookies)
	}
	cookie := cookies[0]
	if cookie.Name != "__Host-bff" || len(cookie.Value) != 43 {
		t.Errorf("the cookie is %s with %d characters", cookie.Name, len(cookie.Value))
	}
	if !cookie.Secure || !cookie.HTTPOnly || cookie.Path != "/" || cookie.SameSite != network.CookieSameSiteStrict ||
		strings.HasPrefix(cookie.Domain, ".") || !cookie.Session {
		t.Errorf("the cookie's attributes: %+v", cookie)
	}
	if script := eval[string](b, `document.cookie`); script != "" {
		t.Error("a script can read a cookie")
	}
	return cookie.Value
}

// Tokens are nowhere in the browser: not in a response, the page, a store or a cookie.
func TestTokensAreNowhereInTheBrowser(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, b := newProgram(t), c.newBrowser()
		b.signIn(p, "bob")
		secrets := secretsOf(t, p)
		b.click("#call")
		b.until(`document.getElementById('api-answer').textContent.includes('Bob Baker')`)
		b.click("#refresh")
		b.until(`document.getElementById('notice').textContent.includes('new tokens')`)
		secrets = append(secrets, secretsOf(t, p)...)
		b.click("#call")
		b.until(`document.getElementById('api-answer').textContent.includes('Bob Baker')`)

		seen := b.seen()
		if !strings.Contains(seen, "Bob Baker") || !strings.Contains(seen, "/api/userinfo") || !strings.Contains(seen, "__Host-bff=") {
			t.Fatal("this test sees too little to say anything")
		}
		for i, secret := range secrets {
			if strings.Contains(seen, secret) || strings.Contains(seen, url.QueryEscape(secret)) {
				t.Errorf("token %d is in the browser", i)
			}
			if strings.Contains(p.output.String(), secret) {
				t.Errorf("token %d is in the log", i)
			}
		}
	})
}

// secretsOf are the tokens in the database, opened with the program's own keys.
func secretsOf(t *testing.T, p *program) []string {
	t.Helper()
	tickets := p.tickets()
	if len(tickets) != 1 {
		t.Fatalf("there are %d sessions", len(tickets))
	}
	secrets := []string{tickets[0].AccessToken, tickets[0].RefreshToken, tickets[0].IDToken}
	for _, secret := range secrets {
		if len(secret) < 20 {
			t.Fatalf("a token has %d characters", len(secret))
		}
	}
	return append(secrets, strings.Split(secrets[2], ".")[2]) // the ID token's signature by itself
}

// Signing out ends the session here and at the provider, and comes back.
func TestSignOut(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, b := newProgram(t), c.newBrowser()
		b.signIn(p, "alice")
		b.click("#signout")
		b.view("out")
		if address := eval[string](b, `location.href`); address != p.base+"/" {
			t.Errorf("the browser is at %s", address)
		}
		if n := len(b.cookies()); n != 0 {
			t.Errorf("%d cookies are left", n)
		}
		if n := len(p.sessions()); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		if page := p.get(p.provider + "/"); !strings.Contains(page, "answer: 200 OK") || strings.Contains(page, `name="sid"`) {
			t.Errorf("the provider did not end the session:\n%s", page)
		}
		if status := b.fetchStatus("/bff/user"); status != http.StatusUnauthorized {
			t.Errorf("/bff/user: %d", status)
		}
	})
}

// A second sign-in of one browser leaves no session behind, although the Strict cookie of
// the first does not come with the provider's redirect.
func TestSigningInAgainEndsTheFormerSession(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, b := newProgram(t), c.newBrowser()
		b.signIn(p, "alice")
		first := oneCookie(t, b)
		b.open(p.base + "/")
		b.view("in")
		eval[bool](b, `(location.assign("/bff/login"), true)`)
		b.click(`button[value="bob"]`)
		b.until(`document.getElementById('name')?.textContent === 'Bob Baker'`)
		if oneCookie(t, b) == first {
			t.Error("the id was not changed")
		}
		if sessions := p.sessions(); len(sessions) != 1 || sessions[0].SubjectID != "bob" {
			t.Errorf("there are %d sessions", len(sessions))
		}
	})
}
