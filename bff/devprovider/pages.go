package devprovider

import (
	"embed"
	"html/template"
	"net/http"
	"slices"
	"time"
)

//go:embed pages
var files embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"clock": func(t time.Time) string { return t.UTC().Format("15:04:05 UTC") },
}).ParseFS(files, "pages/*.html"))

func (p *Provider) css(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, files, "pages/provider.css")
}

func (p *Provider) show(w http.ResponseWriter, status int, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = pages.ExecuteTemplate(w, name, data) // fails only if the browser has gone
}

// front sends the page with the sessions and the logout tokens that were sent.
func (p *Provider) front(w http.ResponseWriter, _ *http.Request) {
	deliveries := p.storage.sent()
	slices.Reverse(deliveries)
	p.show(w, http.StatusOK, "front.html", map[string]any{
		"Sessions": p.storage.list(), "Deliveries": deliveries, "Applications": p.applications(),
	})
}

// applications returns the addresses of the clients' first pages, as far as they are known.
func (p *Provider) applications() []string {
	var addresses []string
	for _, c := range p.cfg.Clients {
		if len(c.PostLogoutRedirectURIs) > 0 {
			addresses = append(addresses, c.PostLogoutRedirectURIs[0])
		}
	}
	return addresses
}

// endOne ends the session that the form names.
func (p *Provider) endOne(w http.ResponseWriter, r *http.Request) {
	p.leave(w, r, []string{r.PostFormValue("sid")}, "/")
}

// choose sends the sign-in page. A request that needs none goes on to the client.
func (p *Provider) choose(w http.ResponseWriter, r *http.Request) {
	id := r.FormValue("request")
	pending, ok := p.storage.pending(id)
	switch {
	case !ok:
		p.expired(w)
	case pending.Done():
		p.resume(w, r, id)
	case pending.refused:
		p.refuse(w, r, pending)
	default:
		p.show(w, http.StatusOK, "signin.html", map[string]any{"Request": id, "Users": p.cfg.Users, "Client": pending.clientID})
	}
}

// chosen signs in the user that the form names, and redirects to the client.
func (p *Provider) chosen(w http.ResponseWriter, r *http.Request) {
	id, device := r.PostFormValue("request"), ""
	if p.cfg.DeviceName != nil {
		device = p.cfg.DeviceName(r.UserAgent())
	}
	former := p.browserSession(r)
	sid, ok := p.storage.signIn(id, r.PostFormValue("user"), device, former)
	if !ok {
		p.expired(w)
		return
	}
	if former != "" && former != sid {
		p.storage.end(r.Context(), former) // the browser's session was another user's
	}
	p.setCookie(w, sid)
	p.resume(w, r, id)
}

func (p *Provider) expired(w http.ResponseWriter) {
	p.show(w, http.StatusBadRequest, "signin.html", map[string]any{"Expired": true, "Applications": p.applications()})
}

// fail sends a page with an error of the protocol that cannot be sent to the client.
func (p *Provider) fail(w http.ResponseWriter, status int, message string) {
	p.show(w, status, "error.html", message)
}
