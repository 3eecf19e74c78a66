package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
)

// The browser has one short cookie with the strictest attributes. Its length does not
// depend on the session.
func TestSignIn_OneShortCookie(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, b := newProgram(t), c.newBrowser()
		b.signIn(p, "alice")
		if name := eval[string](b, `document.getElementById('name').textContent`); name != "Alice Archer" {
			t.Errorf("the page shows the name %q", name)
		}
		value := oneCookie(t, b)
		before := len(p.sessions()[0].Ticket)
		for range 3 {
			stored := eval[string](b, `document.getElementById('stored').textContent`)
			b.click("#grow")
			b.until(`document.getElementById('stored').textContent !== "` + stored + `"`)
		}
		if after := len(p.sessions()[0].Ticket); after < before+60<<10 {
			t.Errorf("the session grew only from %d to %d bytes", before, after)
		}
		if oneCookie(t, b) != value {
			t.Error("the cookie has changed")
		}
		if strings.Contains(p.output.String(), value) {
			t.Error("the cookie is in the log")
		}
	})
}

// oneCookie checks that the browser has one cookie of the program, checks its attributes, and
// returns its value. The provider has a cookie of its own, on its host.
func oneCookie(t *testing.T, b *browser) string {
	t.Helper()
	cookies := b.cookiesOf(appHost)
	if len(cookies) != 1 {
		t.Fatalf("%d cookies, want 1: %+v", len(cookies), cookies)
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

// No token is in the browser: not in a response, the page, its storage or a cookie.
func TestTokens_NotInBrowser(t *testing.T) {
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
			t.Fatal("the recording lacks texts that must be there, so the test would prove nothing")
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

// secretsOf returns the tokens of the only session in the database.
func secretsOf(t *testing.T, p *program) []string {
	t.Helper()
	tickets := p.tickets()
	if len(tickets) != 1 {
		t.Fatalf("%d sessions, want 1", len(tickets))
	}
	secrets := []string{tickets[0].AccessToken, tickets[0].RefreshToken, tickets[0].IDToken}
	for _, secret := range secrets {
		if len(secret) < 20 {
			t.Fatalf("a token has only %d characters", len(secret))
		}
	}
	return append(secrets, strings.Split(secrets[2], ".")[2]) // the ID token's signature by itself
}

// A sign-out ends the session here and at the provider, and returns to the first page.
func TestSignOut_EndsBothSessions(t *testing.T) {
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

// A navigation that another site causes comes without the Strict cookie. It does not sign the user
// out, unless the address has the session's sid.
func TestSignOut_OtherSites(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, b := newProgram(t), c.newBrowser()
		b.signIn(p, "alice")
		logout := eval[string](b, `fetch('/bff/user', {headers: {'X-CSRF': '1'}}).then(r => r.json()).then(u => u['bff:logout_url'])`)
		from := func(script string) {
			t.Helper()
			b.open(p.provider + "/") // another site
			eval[bool](b, `(() => { `+script+`; return true })()`)
		}
		for name, script := range map[string]string{
			"a link": `location.assign("` + p.base + `/bff/logout")`,
			"a form": `const form = document.createElement("form"); form.method = "post"; form.action = "` + p.base + `/bff/logout"; document.body.append(form); form.submit()`,
		} {
			from(script)
			b.until(`location.pathname !== "/"`)
			if address := eval[string](b, `location.href`); address != p.base+"/bff/logout" {
				t.Errorf("%s leads to %s", name, address)
			}
			b.open(p.base + "/")
			if status := b.fetchStatus("/bff/user"); status != http.StatusOK {
				t.Fatalf("after %s of another site: /bff/user: %d", name, status)
			}
		}
		from(`location.assign("` + p.base + logout + `")`)
		b.until(`location.origin === "` + p.base + `"`)
		b.view("out")
		if n := len(p.sessions()); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
}

// A second sign-in of a browser ends its first session, although the browser does not send
// the Strict cookie with the provider's redirect.
func TestSignIn_EndsFormerSession(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, b := newProgram(t), c.newBrowser()
		b.signIn(p, "alice")
		first := oneCookie(t, b)
		b.open(p.base + "/")
		b.view("in")
		b.forgetProvider() // it would sign alice in again without a page
		eval[bool](b, `(location.assign("/bff/login"), true)`)
		b.click(`button[value="bob"]`)
		b.until(`document.getElementById('name')?.textContent === 'Bob Baker'`)
		if oneCookie(t, b) == first {
			t.Error("the cookie's value did not change")
		}
		if sessions := p.sessions(); len(sessions) != 1 || sessions[0].SubjectID != "bob" {
			t.Errorf("%d sessions, want one of bob", len(sessions))
		}
	})
}
