package serverside

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/usersession/bff"
)

// TestUserSessions_Changes: sessions of more than a page are read one by one. A session that ends
// meanwhile is left out, and after an error there is no list.
func TestUserSessions_Changes(t *testing.T) {
	end := func(b *testBFF) {
		key := bff.UserSessionKey{PartitionKey: "app", Key: b.store.rows(b.t, "alice")[1].Key}
		if n, err := b.store.InMemoryStore.DeleteUserSession(context.Background(), key); n != 1 || err != nil {
			b.t.Errorf("%d, %v", n, err)
		}
	}
	for name, test := range map[string]struct {
		sessions int
		prepare  func(b *testBFF)
		want     []int // the sessions, the first two and the number of all
		err      error
	}{
		"a page":             {bff.DefaultPageSize, func(*testBFF) {}, []int{0, 1, bff.DefaultPageSize}, nil},
		"more":               {bff.DefaultPageSize + 1, func(*testBFF) {}, []int{0, 1, bff.DefaultPageSize + 1}, nil},
		"more, one ends":     {bff.DefaultPageSize + 1, func(b *testBFF) { b.store.on("get", func() { end(b) }) }, []int{0, 2, bff.DefaultPageSize}, nil},
		"more, a read fails": {bff.DefaultPageSize + 1, func(b *testBFF) { b.store.onNth(3, "get", func() { b.store.breakDown("get") }) }, nil, errDown},
		"the list fails":     {3, func(b *testBFF) { b.store.breakDown("list") }, nil, errDown},
		"the read of the tickets fails": {3, func(b *testBFF) {
			fail := func() { b.store.breakDown("list", "get") }
			b.store.onNth(2, "list", fail)
			b.store.on("get", fail)
		}, nil, errDown},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBFF(t)
			br := b.browser()
			for i := range test.sessions {
				br = b.browser()
				br.signIn(as("alice", fmt.Sprint(i)))
			}
			br.visit(func(_ http.ResponseWriter, r *http.Request) {
				test.prepare(b)
				sessions, err := b.UserSessions(r.Context(), "alice")
				if test.err != nil {
					if sessions != nil || !errors.Is(err, test.err) || !strings.HasPrefix(err.Error(), "serverside: listing sessions: ") {
						t.Errorf("%d sessions, %v", len(sessions), err)
					}
					return
				}
				var got []string
				for _, s := range sessions {
					got = append(got, s.SessionID)
				}
				if err != nil || len(got) != test.want[2] || !slices.Equal(got[:2], []string{fmt.Sprint(test.want[0]), fmt.Sprint(test.want[1])}) {
					t.Errorf("%d sessions: %q, %v", len(got), got, err)
				}
				for i, s := range sessions {
					if s.Current != (i == len(sessions)-1) || s.Claims["name"] != "Alice" {
						t.Errorf("session %d: %+v", i, s)
					}
				}
			})
		})
	}
}
