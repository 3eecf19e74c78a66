package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// ended is true when the page has shown, without a reload, that its session has ended.
const ended = `document.getElementById('notice').textContent.includes('Your session has ended')`

// A user signs out one other browser, and then all others. Another user stays signed in.
func TestRevoke_OtherBrowsers(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p := newProgram(t)
		laptop, phone, tablet := c.newBrowser(), c.newBrowser(), c.newBrowser()
		laptop.signIn(p, "alice")
		phone.signIn(p, "alice")
		laptop.open(p.base + "/")
		laptop.until(`document.querySelectorAll('#sessions li').length === 2`)
		if n := eval[int](laptop, `[...document.querySelectorAll('#sessions .badge')].filter((e) => !e.hidden).length`); n != 1 {
			t.Errorf("%d sessions are marked as this browser's, want 1", n)
		}
		eval[bool](laptop, `([...document.querySelectorAll('#sessions li')].find((li) => li.querySelector('.badge').hidden).querySelector('button').click(), true)`)
		laptop.until(`document.querySelectorAll('#sessions li').length === 1`)
		phone.until(ended)
		if status := phone.fetchStatus("/bff/user"); status != http.StatusUnauthorized {
			t.Errorf("the other browser: %d", status)
		}
		if status := laptop.fetchStatus("/bff/user"); status != http.StatusOK {
			t.Errorf("this browser: %d", status)
		}

		phone.click(`a.primary[href^="/bff/login"]`) // the provider still knows alice: single sign-on, without its page
		phone.view("in")
		tablet.signIn(p, "bob")
		laptop.open(p.base + "/")
		laptop.until(`document.querySelectorAll('#sessions li').length === 2`)
		laptop.click("#others")
		phone.until(ended)
		if status := tablet.fetchStatus("/bff/user"); status != http.StatusOK {
			t.Errorf("another user's browser: %d", status)
		}
	})
}

// The provider ends a session with a logout token, without a browser.
func TestBackchannelLogout_EndsSession(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, b := newProgram(t), c.newBrowser()
		b.signIn(p, "carol")
		if page := p.endAtProvider(); !strings.Contains(page, "answer: 200 OK") {
			t.Fatalf("the logout token was not accepted:\n%s", page)
		}
		if n := len(p.sessions()); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		b.until(ended)
		if status := b.fetchStatus("/bff/user"); status != http.StatusUnauthorized {
			t.Errorf("/bff/user: %d", status)
		}
	})
}

// An operator signs a user out everywhere and runs the cleanup. Other users may not see
// the page.
func TestOperator_RevokesUserAndCleansUp(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p := newProgram(t)
		alice, bob := c.newBrowser(), c.newBrowser()
		bob.signIn(p, "bob")
		bob.open(p.base + "/operator")
		bob.view("forbidden")
		if status := bob.fetchStatus("/bff/operator"); status != http.StatusForbidden {
			t.Errorf("bob: %d", status)
		}
		bob.open(p.base + "/")
		bob.view("in")

		alice.open(p.base + "/operator")
		alice.view("out")
		alice.click(`a.primary`) // the sign-in returns to this page
		alice.click(`button[value="alice"]`)
		alice.view("in")
		alice.until(`document.querySelectorAll('#all li').length === 2`)
		eval[bool](alice, `(document.getElementById('sub').value = 'bob', true)`)
		alice.click(`#revoke button`)
		alice.click(`#question button[value=yes]`)
		alice.until(`document.getElementById('notice').textContent.includes('1 session of bob is over')`)
		bob.until(ended)

		alice.click("#leave")
		alice.until(`document.getElementById('expired').textContent === '25'`)
		alice.click("#cleanup")
		alice.until(`document.getElementById('expired').textContent === '0'`)
		if removed := eval[string](alice, `document.getElementById('removed').textContent`); removed != "25" {
			t.Errorf("the page shows %s removed rows, want 25", removed)
		}
		alice.click("#signout") // an operator can sign out on this page, too
		alice.until(`location.href === "` + p.base + `/"`)
		alice.view("out")
	})
}
