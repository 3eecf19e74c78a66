package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Every page fits wide and narrow screens, has enough contrast in light and dark, and has
// a name for every control. With USERSESSION_SCREENSHOTS the test saves screenshots.
func TestPages_Readable(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p := newProgram(t)
		guest, alice, phone, bob := c.newBrowser(), c.newBrowser(), c.newBrowser(), c.newBrowser()
		phone.signIn(p, "alice")
		bob.signIn(p, "bob")
		alice.signIn(p, "alice")
		alice.click("#call")
		alice.until(`document.getElementById('api-answer').textContent.includes('Alice')`)
		for _, page := range []struct {
			name, address, ready string
			browser              *browser
		}{
			{"signed-out", p.base + "/", `document.querySelector('main[data-view=out]')`, guest},
			{"signed-in", "", `document.querySelectorAll('#sessions li').length === 2`, alice},
			{"operator", p.base + "/operator", `document.querySelectorAll('#all li').length === 3`, alice},
			{"not-an-operator", p.base + "/operator", `document.querySelector('main[data-view=forbidden]')`, bob},
			{"operator-question", "", `document.getElementById('question').open`, alice},
			{"not-found", p.base + "/nowhere", `document.querySelector('h1')`, guest},
			{"failure", p.base + "/bff/callback?state=x&code=y", `document.querySelector('h1')`, guest},
			{"provider", p.provider + "/", `document.querySelector('form')`, guest},
			{"provider-signin", p.base + "/bff/login", `document.querySelector('.users')`, guest},
		} {
			if page.address != "" {
				page.browser.open(page.address)
			}
			if page.name == "operator-question" {
				page.browser.click("#all li:first-child button.all")
			}
			page.browser.until(page.ready)
			page.browser.checkAll(page.name)
		}

		p.endAtProvider()
		phone.until(ended)
		phone.checkAll("ended")
	})
}

// checkAll checks the page at three widths, in light and dark.
func (b *browser) checkAll(name string) {
	b.t.Helper()
	for _, width := range []int64{1280, 390, 320} {
		for _, scheme := range []string{"light", "dark"} {
			b.look(width, scheme)
			b.check(fmt.Sprintf("%s at %d px, %s", name, width, scheme))
			b.picture(fmt.Sprintf("%s-%d-%s.png", name, width, scheme))
		}
	}
}

// look sets the width of the screen and the color scheme.
func (b *browser) look(width int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, 900), chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
}

// check reports elements that do not fit, have no name, or have too little contrast (WCAG
// 2.2 AA).
func (b *browser) check(page string) {
	b.t.Helper()
	for _, fault := range eval[[]string](b, checks) {
		b.t.Errorf("%s: %s", page, fault)
	}
}

const checks = `(() => {
	const faults = [];
	const root = document.documentElement;
	if (root.scrollWidth > root.clientWidth) faults.push('the page is ' + root.scrollWidth + ' px wide on ' + root.clientWidth + ' px');
	if (!root.lang || !document.title || document.querySelectorAll('main').length !== 1) faults.push('no language, title or main');
	const headings = [...document.querySelectorAll('h1')].filter((e) => e.checkVisibility());
	if (headings.length !== 1) faults.push(headings.length + ' headings of level 1');
	const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
	if (new Set(ids).size !== ids.length) faults.push('two elements have the same id');
	const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
	const rgb = (color) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = color;
		canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data];
	};
	const light = ([r, g, b]) => {
		const part = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
		return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
	};
	const ground = (e) => {
		for (; e; e = e.parentElement) {
			const color = rgb(getComputedStyle(e).backgroundColor);
			if (color[3] > 0) return color;
		}
		return [255, 255, 255, 255];
	};
	for (const e of document.body.querySelectorAll('*')) {
		if (!e.checkVisibility() || e.closest('[aria-hidden], .skip, noscript') || e.disabled) continue;
		const box = e.getBoundingClientRect();
		if (box.width && box.right > root.clientWidth + 1) faults.push(e.tagName + ' extends beyond the page: ' + e.className + e.id);
		if (e.matches('button, a, input:not([type=hidden])')) {
			const name = e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.[0]?.textContent;
			if (!name) faults.push(e.outerHTML + ' has no name');
		}
		if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
		const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
		if ((a + 0.05) / (b + 0.05) < 4.5) faults.push('contrast ' + ((a + 0.05) / (b + 0.05)).toFixed(2) + ': ' + e.textContent.trim().slice(0, 40));
	}
	return faults;
})()`

// picture saves a screenshot of the whole page if USERSESSION_SCREENSHOTS is set.
func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("USERSESSION_SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name), run(b, chromedp.FullScreenshot(100)), 0o600); err != nil {
		b.t.Fatal(err)
	}
}
