package e2e

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const noticeText = `document.querySelector('#notice p').textContent`

// covers is true if the notice lies over a part of the page, or a part of the page over it.
const covers = `(() => {
	const box = document.getElementById('notice').getBoundingClientRect();
	return [...document.querySelectorAll('header, h1, h2, h3, main p, main button, main a, main li, main dl, .card')].some((e) => {
		if (!e.checkVisibility() || e.closest('#notice') || e.contains(document.getElementById('notice'))) return false;
		const other = e.getBoundingClientRect();
		return box.top < other.bottom - 1 && other.top < box.bottom - 1 && box.left < other.right - 1 && other.left < box.right - 1;
	});
})()`

// inView is true if the whole notice can be seen without scrolling.
const inView = `(() => {
	const box = document.getElementById('notice').getBoundingClientRect();
	return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight;
})()`

// A notice appears next to the button that the user has used, covers nothing, and can be
// dismissed with the keyboard. The focus stays there.
func TestNotice_DismissedAndCoversNothing(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, b := newProgram(t), c.newBrowser()
		b.signIn(p, "alice")
		for _, width := range []int64{1280, 390} {
			b.look(width, "light")
			b.click("#refresh")
			b.until(noticeText + `.includes('new tokens')`)
			if eval[bool](b, covers) {
				t.Errorf("at %d px the notice lies over a part of the page", width)
			}
			if !eval[bool](b, inView) {
				t.Errorf("at %d px the notice is out of view", width)
			}
			b.focused(`#refresh`)
			b.press(kb.Tab)
			b.focused(`#notice button`)
			b.press(kb.Enter)
			b.until(`document.getElementById('notice').textContent === '' && document.getElementById('notice').className === ''`)
			b.until(`document.activeElement.closest('.buttons')?.contains(document.getElementById('refresh'))`)
		}
	})
}

// The focus stays where the user works: after a row is gone it is in the row that took its
// place, and then at the list's heading or its button.
func TestFocus_StaysAfterAction(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p := newProgram(t)
		laptop, phone, tablet := c.newBrowser(), c.newBrowser(), c.newBrowser()
		phone.signIn(p, "alice")
		tablet.signIn(p, "alice")
		laptop.signIn(p, "alice")
		laptop.until(`document.querySelectorAll('#sessions li').length === 3`)
		// The rows are oldest first: those of the phone, the tablet and the laptop.
		eval[bool](laptop, `(document.querySelector('#sessions li button').focus(), true)`)
		laptop.press(kb.Enter)
		laptop.until(`document.querySelectorAll('#sessions li').length === 2`)
		laptop.focused(`#sessions li:first-child button`)
		laptop.until(noticeText + `.includes('1 session is signed out')`)
		laptop.until(`document.querySelector('#sessions li:first-child #notice')`)
		if eval[bool](laptop, covers) || !eval[bool](laptop, inView) {
			t.Error("the notice covers a part of the page or is out of view")
		}

		eval[bool](laptop, `(document.getElementById('others').focus(), true)`)
		laptop.press(kb.Enter)
		laptop.until(`document.querySelectorAll('#sessions li').length === 1`)
		laptop.focused(`#others`)
		laptop.press(kb.Enter)
		laptop.until(noticeText + `.includes('no other sessions')`)
		tablet.until(ended)
		tablet.focused(`#main`)
	})
}

// A tab notices that another tab of its browser has signed in, as another user or again.
func TestOtherTab_AnotherUserIsNoticed(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, first := newProgram(t), c.newBrowser()
		first.signIn(p, "alice")
		operator := c.newTab(first)
		operator.open(p.base + "/operator")
		operator.view("in")
		second := c.newTab(first)
		second.open(p.base + "/")
		second.view("in")

		first.forgetProvider()
		second.open(p.base + "/bff/login")
		second.click(`button[value="alice"]`)
		second.until(`location.href === "` + p.base + `/"`)
		second.view("in")
		first.until(noticeText + `.includes('signed in again in another tab')`)

		first.forgetProvider()
		second.open(p.base + "/bff/login")
		second.click(`button[value="bob"]`)
		second.until(`document.getElementById('name')?.textContent === 'Bob Baker'`)
		first.until(noticeText + `.includes('signed in as Bob Baker')`)
		first.until(`document.getElementById('name').textContent === 'Bob Baker' && !document.getElementById('claims').textContent.includes('Alice')`)
		sub := `fetch("/bff/user?slide=false", {headers: {"X-CSRF": "1"}}).then((r) => r.json()).then((u) => u.sid)`
		if shown := eval[string](first, `[...document.querySelectorAll('#claims dt')].find((e) => e.textContent === 'sid').nextSibling.textContent`); shown != eval[string](first, sub) {
			t.Errorf("the page shows the session %s", shown)
		}
		operator.view("forbidden") // bob is no operator
		operator.until(noticeText + `.includes('signed in as Bob Baker')`)
	})
}

// A tab whose session has ended notices that another tab signs in: a question that the tab
// asks in the middle of another tab's sign-in gets the answer 401.
func TestOtherTab_SignsInAfterTheEnd(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, first := newProgram(t), c.newBrowser()
		first.signIn(p, "alice")
		p.endAtProvider()
		first.until(ended)
		second := c.newTab(first)
		second.signIn(p, "bob")
		first.view("in")
		first.until(noticeText + `.includes('signed in as Bob Baker')`)
	})
}

// A question that follows at once on another one gets its own answer: the browser reports the
// end of the first one when the second is open.
func TestQuestion_AtOnceAfterAnother(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, b := newProgram(t), c.newBrowser()
		b.signIn(p, "alice")
		b.open(p.base + "/operator")
		b.view("in")
		answers := eval[string](b, `(async () => {
			const first = ask('first', '', '');
			byId('question').close('no');
			const second = ask('second', '', '');
			await new Promise((resolve) => setTimeout(resolve, 100));
			byId('question').close('yes');
			return [await first, await second].join();
		})()`)
		if answers != "false,true" {
			t.Errorf("the answers are %s", answers)
		}
	})
}

// The operator ends one session and all of a user's, each after a question that the keyboard
// answers. No is an answer, and so is Escape.
func TestOperator_EndsOneOrAllAfterQuestion(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p := newProgram(t)
		alice, phone, tablet := c.newBrowser(), c.newBrowser(), c.newBrowser()
		phone.signIn(p, "bob")
		tablet.signIn(p, "bob")
		alice.signIn(p, "alice")
		alice.open(p.base + "/operator")
		alice.until(`document.querySelectorAll('#all li').length === 3`)
		if device := eval[string](alice, `document.querySelector('#all .device').textContent`); device != "Headless Chrome on Linux" {
			t.Errorf("the first session's device is %q", device)
		}
		// The rows are newest first: alice's, the tablet's, the phone's.
		const one = `#all li:nth-child(2) button:not(.all)`
		for _, key := range []string{kb.Escape, kb.Enter} { // the focus is on Cancel
			eval[bool](alice, `(document.querySelector('`+one+`').focus(), true)`)
			alice.press(kb.Enter)
			alice.until(`document.getElementById('question').open`)
			alice.focused(`#question button[value=no]`)
			alice.press(key)
			alice.until(`!document.getElementById('question').open`)
			alice.focused(one)
		}
		if n := len(p.sessions()); n != 3 {
			t.Errorf("%d sessions after two noes, want 3", n)
		}
		alice.press(kb.Enter)
		alice.until(`document.getElementById('question').open`)
		alice.press(kb.Tab)
		alice.focused(`#question button[value=yes]`)
		alice.press(kb.Enter)
		alice.until(noticeText + `.includes('1 session of bob is over')`)
		tablet.until(ended)
		if n := len(p.sessions()); n != 2 || phone.fetchStatus("/bff/user") != 200 {
			t.Errorf("%d sessions after one was ended, want alice's and the phone's", n)
		}
		alice.focused(one) // of the phone's row, which took the place

		tablet.signInAgain(p)
		alice.click("#reload")
		alice.until(`document.querySelectorAll('#all li').length === 3`)
		eval[bool](alice, `(document.querySelector('#all li:first-child button.all').focus(), true)`)
		alice.click(`#all li:first-child button.all`)
		alice.until(`document.getElementById('question-title').textContent === 'Sign out bob everywhere?'`)
		alice.click(`#question button[value=yes]`)
		alice.until(noticeText + `.includes('2 sessions of bob are over')`)
		phone.until(ended)
		tablet.until(ended)

		alice.click(`#all li:first-child button.all`) // her own
		alice.until(`document.getElementById('question-text').textContent.includes('That is you')`)
		alice.click(`#question button[value=yes]`)
		alice.view("out")
	})
}

// A question goes when the session ends, or another user signs in: it would cover the notice.
func TestQuestion_GoesWithSession(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, alice := newProgram(t), c.newBrowser()
		question := func() {
			alice.click("#all li:first-child button.all")
			alice.until(`document.getElementById('question').open`)
		}
		alice.signIn(p, "alice")
		alice.open(p.base + "/operator")
		alice.view("in")
		question()
		p.endAtProvider()
		alice.view("out")
		alice.until(`!document.getElementById('question').open`)
		alice.focused("#main")

		alice.click(`section:not([hidden]) a[href^="/bff/login"]`)
		alice.click(`button[value="alice"]`)
		alice.view("in")
		question()
		second := c.newTab(alice)
		alice.forgetProvider()
		second.open(p.base + "/bff/login")
		second.click(`button[value="alice"]`)
		second.view("in")
		alice.until(noticeText + `.includes('signed in again in another tab')`)
		alice.until(`!document.getElementById('question').open`)
	})
}

// A user who is no operator can sign in as another user, although the provider remembers the
// first one.
func TestOperator_AnotherUserSignsIn(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, b := newProgram(t), c.newBrowser()
		b.signIn(p, "bob")
		b.open(p.base + "/operator")
		b.view("forbidden")
		b.click(`section[data-show=forbidden] a.button`)
		b.click(`button[value="alice"]`)
		b.until(`location.href === "` + p.base + `/operator"`)
		b.view("in")
	})
}

// Without JavaScript every page says in its first lines why it shows no session.
func TestPages_WithoutJavaScript(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, b := newProgram(t), c.newBrowser()
		b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
			return err
		}))
		for _, path := range []string{"/", "/operator"} {
			for _, width := range []int64{1280, 390} {
				b.look(width, "light")
				b.open(p.base + path)
				if where := eval[string](b, `(() => {
					const box = document.querySelector('noscript p').getBoundingClientRect();
					const main = document.querySelector('main').getBoundingClientRect();
					return box.height > 0 && box.bottom < innerHeight / 2 && box.left > main.left && box.right < main.right ? '' : JSON.stringify(box);
				})()`); where != "" {
					t.Errorf("%s at %d px: the notice is at %s", path, width, where)
				}
			}
			b.picture("without-javascript" + strings.ReplaceAll(path, "/", "-") + ".png")
		}
	})
}

// signInAgain signs in by single sign-on, from the page that shows the end of a session.
func (b *browser) signInAgain(p *program) {
	b.t.Helper()
	b.click(`a.primary[href^="/bff/login"]`)
	b.until(`location.href === "` + p.base + `/"`)
	b.view("in")
}

// Unknown addresses and refused sign-ins have pages with the layout of the others. A refused
// sign-in offers another that leads to the page for which it was.
func TestFailurePages_Layout(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, b := newProgram(t), c.newBrowser()
		for address, want := range map[string]string{
			"/nowhere": "There is no such page", "/operator/x": "There is no such page",
			"/bff/callback?state=x&code=y":     "This sign-in is no longer valid",
			"/bff/login?returnUrl=//evil.test": "This return address is not allowed",
		} {
			b.open(p.base + address)
			b.until(`document.querySelector('header nav') && document.querySelector('main h1').textContent === "` + want + `"`)
			if signIn := eval[bool](b, `!!document.querySelector('main a[href^="/bff/login"]')`); signIn != strings.Contains(address, "callback") {
				t.Errorf("%s: the page offers a sign-in: %t", address, signIn)
			}
			if eval[string](b, `getComputedStyle(document.querySelector('main a.button')).borderRadius`) == "0px" {
				t.Errorf("%s has no style", address)
			}
		}
		b.click(`main a.button[href="/"]`)
		b.view("out")

		b.open(p.base + "/bff/login?returnUrl=/operator")
		b.until(`document.querySelector('button[value="alice"]')`)
		b.open(p.base + "/bff/callback?error=access_denied&iss=" + url.QueryEscape(p.provider) + "&state=" + b.lastState())
		b.until(`document.querySelector('h1').textContent === 'You were not signed in'`)
		b.click(`main a.primary`)
		b.click(`button[value="alice"]`)
		b.until(`location.href === "` + p.base + `/operator"`)
	})
}

// lastState returns the state of the last authorization request.
func (b *browser) lastState() string {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range slices.Backward(b.texts) {
		if u, err := url.Parse(text); err == nil && u.Query().Get("state") != "" {
			return url.QueryEscape(u.Query().Get("state"))
		}
	}
	b.t.Fatal("there was no authorization request")
	return ""
}

// press sends a key to the element that has the focus.
func (b *browser) press(key string) { b.t.Helper(); b.do(chromedp.KeyEvent(key)) }

// focused waits until the element has the focus.
func (b *browser) focused(selector string) {
	b.t.Helper()
	b.until("document.activeElement === document.querySelector(`" + selector + "`)")
}
