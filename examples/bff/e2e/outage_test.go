package e2e

import (
	"strings"
	"testing"
)

// While the database is down both pages say so, and go on by themselves when it is back.
func TestDatabaseDown_PagesRecover(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, first := newProgram(t), c.newBrowser()
		first.signIn(p, "alice")
		operator, late, lateOperator, leaving := c.newTab(first), c.newTab(first), c.newTab(first), c.newBrowser()
		leaving.signIn(p, "bob")
		operator.open(p.base + "/operator")
		operator.view("in")

		db := p.database()
		rename := func(from, to string) {
			if err := db.Exec("ALTER TABLE " + from + " RENAME TO " + to).Error; err != nil {
				t.Fatal(err)
			}
		}
		rename("user_sessions", "away")
		late.open(p.base + "/") // opened during the outage
		lateOperator.open(p.base + "/operator")
		for _, b := range []*browser{first, operator, late, lateOperator} {
			b.until(noticeText + `.includes('The database does not answer')`)
		}
		first.view("in") // nobody is signed out
		operator.view("in")
		first.click("#refresh") // says so too
		first.until(noticeText + `.includes('does not answer')`)
		leaving.click("#signout")
		leaving.until(`document.querySelector('header nav') && document.querySelector('main h1').textContent.includes('database does not answer')`)
		leaving.checkAll("database-down")
		rename("away", "user_sessions")
		leaving.view("out") // the page has tried again
		for _, b := range []*browser{first, operator, late, lateOperator} {
			b.until(`document.getElementById('notice').textContent === ''`)
			b.view("in")
		}
		late.until(`document.querySelectorAll('#sessions li').length === 1`)
		lateOperator.until(`document.querySelectorAll('#all li').length > 0`)
	})
}

// A sign-in while the provider is down shows a page that tries again by itself, and then goes
// on to the provider.
func TestProviderDown_SignInRecovers(t *testing.T) {
	node := needIndependent(t)
	inChromium(t, func(t *testing.T, c *chrome) {
		port, b := freePort(t), c.newBrowser()
		p := newProgram(t, "-issuer", "http://127.0.0.1:"+port, "-client-id", "bff", "-client-secret", "a secret of the test")
		b.open(p.base + "/bff/login")
		b.until(`document.querySelector('h1').textContent.includes('provider does not answer')`)
		startIndependent(t, node, p.base, port, "a secret of the test")
		b.until(`document.querySelector('input[name=login]')`)
	})
}

// While the provider is down a signed-in user's page says so. The message goes when
// another action succeeds.
func TestProviderDown_CallsRecover(t *testing.T) {
	node := needIndependent(t)
	inChromium(t, func(t *testing.T, c *chrome) {
		port, b := freePort(t), c.newBrowser()
		p := newProgram(t, "-issuer", "http://127.0.0.1:"+port, "-client-id", "bff", "-client-secret", "a secret of the test")
		provider, stop := startIndependent(t, node, p.base, port, "a secret of the test")
		p.eventually("the provider", func() bool { return strings.Contains(provider.String(), "ready") })
		b.signInIndependent(p, "zoe")
		stop()
		b.click("#call")
		b.until(noticeText + `.includes('The API does not answer')`)
		b.click("#refresh")
		b.until(noticeText + `.includes('the provider does not answer')`)
		b.view("in")
		b.click("#grow") // needs no provider
		b.until(noticeText + ` === '' && !document.getElementById('api-answer').checkVisibility()`)
	})
}
