package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// chromium returns the browser's path. Without a browser it skips the test, or fails it if
// USERSESSION_REQUIRE names chromium.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("USERSESSION_CHROMIUM"), "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	const reason = "no Chromium was found: apt-get install chromium-headless-shell, or set USERSESSION_CHROMIUM"
	if required("chromium") {
		t.Fatal(reason)
	}
	t.Skip(reason)
	return ""
}

// inChromium runs a test with its own Chromium process, as the subtest "chromium":
// scripts/require.sh looks for that name.
func inChromium(t *testing.T, test func(*testing.T, *chrome)) {
	t.Run("chromium", func(t *testing.T) {
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.WindowSize(1200, 900))
		if os.Getuid() == 0 { // a container in CI
			options = append(options, chromedp.NoSandbox)
		}
		allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
		t.Cleanup(cancel)
		ctx, cancel := chromedp.NewContext(allocator)
		t.Cleanup(cancel)
		// The first context that runs an action owns the browser. It must have no timeout.
		if err := chromedp.Do(ctx); err != nil {
			t.Fatal(err)
		}
		test(t, &chrome{t, ctx})
	})
}

// chrome is one Chromium process.
type chrome struct {
	t   *testing.T
	ctx context.Context
}

// A browser is a page in a profile of its own. Profiles share no cookies.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu        sync.Mutex
	responses []network.RequestID
	texts     []string // URLs and headers of all requests and responses
	faults    []string // errors of the page's scripts
}

// newBrowser opens a page in a new profile.
func (c *chrome) newBrowser() *browser {
	c.t.Helper()
	return c.browse(chromedp.NewContext(c.ctx, chromedp.WithNewBrowserContext()))
}

// newTab opens another page in b's profile.
func (c *chrome) newTab(b *browser) *browser {
	c.t.Helper()
	return c.browse(chromedp.NewContext(b.ctx))
}

func (c *chrome) browse(ctx context.Context, cancel context.CancelFunc) *browser {
	c.t.Helper()
	c.t.Cleanup(cancel)
	b := &browser{t: c.t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil {
		c.t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		c.t.Fatal(err)
	}
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, target, cdplog.Enable, cdp.Empty{})
		return err
	}))
	c.t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, fault := range b.faults {
			c.t.Errorf("an error on the page: %s", fault)
		}
	})
	return b
}

// listen records the page's network traffic and its errors.
func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch event := event.(type) {
	case *network.EventResponseReceived:
		b.responses = append(b.responses, event.RequestID)
		b.texts = append(b.texts, event.Response.URL)
	case *network.EventRequestWillBeSent: // redirects too
		b.texts = append(b.texts, event.Request.URL)
	case *network.EventResponseReceivedExtraInfo: // all headers, with Location and Set-Cookie
		b.texts = append(b.texts, fmt.Sprint(event.Headers))
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, fmt.Sprintf("%+v", event.ExceptionDetails))
	case *cdplog.EventEntryAdded:
		// Responses such as 401 are log entries with the source network: no error of the page.
		if event.Entry.Source != cdplog.EntrySourceNetwork && event.Entry.Level == cdplog.EntryLevelError {
			b.faults = append(b.faults, event.Entry.Text)
		}
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func run[T any](b *browser, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	result, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}

func eval[T any](b *browser, script string) T {
	b.t.Helper()
	return run(b, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// until waits until a JavaScript condition is true on the page. It ignores errors, since
// evaluation fails while the page navigates.
func (b *browser) until(condition string) {
	b.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+condition+")"))
		cancel()
		if err == nil && ok {
			return
		}
	}
	text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
	b.t.Fatalf("timed out waiting for %s\nthe page: %s", condition, text)
}

func (b *browser) open(address string) { b.t.Helper(); b.do(chromedp.Navigate(address)) }

func (b *browser) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// view waits until the page shows that state.
func (b *browser) view(name string) {
	b.t.Helper()
	b.until(`document.querySelector('main[data-view="` + name + `"]')`)
}

// signIn signs in at the inner provider, starting from the first page.
func (b *browser) signIn(p *program, user string) {
	b.t.Helper()
	b.open(p.base + "/")
	b.view("out")
	b.click(`a.primary[href^="/bff/login"]`)
	b.click(`button[value="` + user + `"]`)
	b.until(`location.origin === "` + p.base + `"`)
	b.view("in")
}

// fetchStatus calls the BFF from the page, as the page's script does, and returns the status.
func (b *browser) fetchStatus(path string) int {
	b.t.Helper()
	return eval[int](b, `fetch(`+strconv.Quote(path)+`, {headers: {"X-CSRF": "1"}}).then((r) => r.status)`)
}

// cookies returns all cookies of the profile, of every site.
func (b *browser) cookies() []*network.Cookie {
	b.t.Helper()
	var cookies []*network.Cookie
	b.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		c := chromedp.FromContext(ctx)
		result, err := cdp.Call(ctx, c.Browser, storage.GetCookies, storage.GetCookiesParams{BrowserContextID: c.BrowserContextID})
		cookies = result.Cookies
		return err
	}))
	return cookies
}

// cookiesOf returns the profile's cookies of one host.
func (b *browser) cookiesOf(host string) []*network.Cookie {
	b.t.Helper()
	return slices.DeleteFunc(b.cookies(), func(c *network.Cookie) bool { return c.Domain != host })
}

// forgetProvider deletes the inner provider's cookies, so that the next sign-in shows its
// page again.
func (b *browser) forgetProvider() {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		for _, cookie := range b.cookiesOf(providerHost) {
			if _, err := cdp.Call(ctx, target, network.DeleteCookies, network.DeleteCookiesParams{Name: cookie.Name, Domain: cookie.Domain}); err != nil {
				return err
			}
		}
		return nil
	}))
	if n := len(b.cookiesOf(providerHost)); n != 0 {
		b.t.Fatalf("%d cookies of the provider are left", n)
	}
}

// seen returns everything that the browser has received or stores: the network traffic,
// the page, its storage and the profile's cookies.
func (b *browser) seen() string {
	b.t.Helper()
	b.mu.Lock()
	ids := b.responses
	b.mu.Unlock()
	var bodies []string
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		for _, id := range ids {
			body, err := cdp.Call(ctx, target, network.GetResponseBody, network.GetResponseBodyParams{RequestID: id})
			if err == nil { // the browser drops the bodies of former pages
				bodies = append(bodies, string(body.Body))
			}
		}
		return nil
	}))
	page := eval[string](b, `(async () => {
		const bases = indexedDB.databases ? JSON.stringify(await indexedDB.databases()) : '';
		const caches_ = JSON.stringify(await caches.keys());
		return [document.documentElement.outerHTML, document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage),
			bases, caches_, location.href, document.referrer, window.name].join('\n');
	})()`)
	all := append(bodies, page)
	for _, cookie := range b.cookies() {
		all = append(all, cookie.Name+"="+cookie.Value)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(append(all, b.texts...), "\n")
}
