package serverside

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// discard is a ResponseWriter without allocations.
type discard http.Header

func (d discard) Header() http.Header       { return http.Header(d) }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

// TestAllocs_Request bounds the allocations of a request with a ticket of 3.8 kB of tokens and
// 20 roles, and the store in memory. The bounds are those that were measured, and two more.
func TestAllocs_Request(t *testing.T) {
	tk := alice()
	roles := make([]any, 20)
	for i := range roles {
		roles[i] = fmt.Sprint("department-", i, "-editor")
	}
	tk.Claims = map[string]any{"name": "Alice Example", "email": "alice@example.com", "roles": roles}
	tk.AccessToken, tk.RefreshToken, tk.IDToken = strings.Repeat("a", 1600), strings.Repeat("r", 800), strings.Repeat("i", 1400)
	fromContext := func(_ http.ResponseWriter, r *http.Request) { _, _ = FromContext(r.Context()) }
	for _, test := range []struct {
		name     string
		size     int
		encoding ticket.Encoding
		handler  http.HandlerFunc
		max      float64
	}{
		{"remembered", 0, 0, func(http.ResponseWriter, *http.Request) {}, 14},
		{"remembered, FromContext", 0, 0, fromContext, 21},
		{"not remembered", -1, 0, func(http.ResponseWriter, *http.Request) {}, 54},
		{"not remembered, FromContext", -1, 0, fromContext, 61},
		{"not remembered, EncodingV2, FromContext", -1, ticket.EncodingV2, fromContext, 60},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newTestBFF(t, func(c *Config) {
				c.Store, c.Clock = bff.NewInMemoryStore(), time.Now
				c.TicketCacheSize, c.TicketEncoding = test.size, test.encoding
			})
			br := b.browser()
			br.signIn(tk)
			br.want("alice")
			site, r, w := b.Middleware(test.handler), br.request("/"), discard{}
			allocs := testing.AllocsPerRun(100, func() { site.ServeHTTP(w, r) })
			t.Logf("%v allocations", allocs)
			if allocs > test.max {
				t.Errorf("a request has %v allocations, want at most %v", allocs, test.max)
			}
		})
	}
}
