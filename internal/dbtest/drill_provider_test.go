package dbtest_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// tokenLife is the life of the provider's access tokens.
const tokenLife = 5 * time.Minute

// A drillProvider is the token endpoint of an identity provider. Each refresh token is good
// once, and the answer has the next one. A spent refresh token revokes its whole grant,
// unless it was spent within leeway: then the provider answers as if it were not spent.
type drillProvider struct {
	url string

	mu      sync.Mutex
	latency time.Duration     // between the use of a refresh token and the answer
	leeway  time.Duration     // 0: none
	hold    *heldRefresh      // applies to the next refresh; nil: answer it
	grants  map[string]*grant // by refresh token
	calls   []time.Time       // when each refresh arrived
}

// A grant is the permission of one sign-in, with the tokens that the provider has issued.
type grant struct {
	access  []string // the last one is the latest
	refresh string
	spent   map[string]time.Time
	revoked bool
}

// A heldRefresh is a refresh that the provider never answers.
type heldRefresh struct {
	spend bool          // whether the provider uses the refresh token
	asked chan struct{} // closed when the refresh has arrived
}

// providerAnswer is the JSON of a token endpoint.
type providerAnswer struct {
	AccessToken  string `json:"access_token,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
	ExpiresIn    int    `json:"expires_in,omitempty"`
	Error        string `json:"error,omitempty"`
}

func newDrillProvider(t *testing.T) *drillProvider {
	p := &drillProvider{grants: make(map[string]*grant)}
	server := httptest.NewServer(http.HandlerFunc(p.serveToken))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// signIn begins a grant.
func (p *drillProvider) signIn() (*grant, providerAnswer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := &grant{spent: make(map[string]time.Time)}
	return g, p.issue(g)
}

// issue returns the next tokens of a grant. The caller holds the lock.
func (p *drillProvider) issue(g *grant) providerAnswer {
	g.access = append(g.access, "access-"+rand.Text())
	g.refresh = "refresh-" + rand.Text()
	p.grants[g.refresh] = g
	return providerAnswer{
		AccessToken: g.access[len(g.access)-1], RefreshToken: g.refresh, ExpiresIn: int(tokenLife / time.Second),
	}
}

// serveToken handles a refresh.
func (p *drillProvider) serveToken(w http.ResponseWriter, r *http.Request) {
	token := r.PostFormValue("refresh_token")
	p.mu.Lock()
	p.calls = append(p.calls, time.Now())
	latency, hold := p.latency, p.hold
	p.hold = nil
	var answer providerAnswer
	if hold == nil || hold.spend {
		answer = p.refresh(token)
	}
	p.mu.Unlock()
	if hold != nil {
		close(hold.asked)
		<-r.Context().Done()
		return
	}
	time.Sleep(latency)
	w.Header().Set("Content-Type", "application/json")
	if answer.Error != "" {
		w.WriteHeader(http.StatusBadRequest)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// refresh uses a refresh token. The caller holds the lock.
func (p *drillProvider) refresh(token string) providerAnswer {
	g := p.grants[token]
	if g == nil || g.revoked {
		return providerAnswer{Error: "invalid_grant"}
	}
	if spent, ok := g.spent[token]; ok && time.Since(spent) >= p.leeway {
		g.revoked = true
		return providerAnswer{Error: "invalid_grant"}
	}
	g.spent[token] = time.Now()
	return p.issue(g)
}

// setLatency sets the time between the use of a refresh token and the answer.
func (p *drillProvider) setLatency(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latency = d
}

// setLeeway sets the time for which a spent refresh token is accepted.
func (p *drillProvider) setLeeway(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leeway = d
}

// holdNext makes the provider hold the next refresh.
func (p *drillProvider) holdNext(spend bool) *heldRefresh {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold = &heldRefresh{spend: spend, asked: make(chan struct{})}
	return p.hold
}

// asked returns the times of all refreshes.
func (p *drillProvider) asked() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]time.Time(nil), p.calls...)
}

// state reports whether the grant is revoked, and returns its latest access tokens, the
// newest first.
func (p *drillProvider) state(g *grant) (revoked bool, latest, previous string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(g.access)
	latest = g.access[n-1]
	if n > 1 {
		previous = g.access[n-2]
	}
	return g.revoked, latest, previous
}
