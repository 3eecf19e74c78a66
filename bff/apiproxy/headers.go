package apiproxy

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// requestHeaders are the headers of a call that reach the API.
var requestHeaders = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition",
	"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range",
	"Cache-Control", "Pragma", "Prefer", "Idempotency-Key", "Last-Event-Id",
	"Traceparent", "Tracestate", "X-Request-Id", "X-Correlation-Id",
}

// websocketHeaders reach the API with a WebSocket.
var websocketHeaders = map[string]bool{
	"Connection": true, "Upgrade": true, "Sec-Websocket-Key": true, "Sec-Websocket-Version": true,
	"Sec-Websocket-Protocol": true, "Sec-Websocket-Extensions": true,
}

// responseHeaders are the headers of an answer that reach the browser. Upgrade and the
// Sec-WebSocket headers are part of an answer with status 101.
var responseHeaders = []string{
	"Content-Type", "Content-Length", "Content-Encoding", "Content-Language", "Content-Disposition", "Content-Range",
	"Accept-Ranges", "Accept-Patch", "Etag", "Last-Modified", "Cache-Control", "Expires", "Age", "Date", "Vary",
	"Location", "Link", "Retry-After", "Allow", "Preference-Applied", "Deprecation", "Sunset", "Warning",
	"Ratelimit", "Ratelimit-Policy", "Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset", "X-Total-Count",
	"X-Request-Id", "X-Correlation-Id", "Server-Timing",
	"Connection", "Upgrade", "Sec-Websocket-Accept", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions",
}

// allowedHeaders returns the set of the headers, in canonical form. It refuses headers that must
// never pass.
func allowedHeaders(builtIn, more []string) (map[string]bool, error) {
	allowed := make(map[string]bool, len(builtIn)+len(more))
	for _, name := range builtIn {
		allowed[name] = true
	}
	for _, name := range more {
		name = http.CanonicalHeaderKey(name)
		switch name {
		case "", "Cookie", "Set-Cookie", "Authorization", "Proxy-Authorization", "Clear-Site-Data":
			return nil, fmt.Errorf("apiproxy: RequestHeaders or ResponseHeaders has %q, a header that must not pass", name)
		}
		allowed[name] = true
	}
	return allowed, nil
}

var errSwitched = errors.New("the API has switched to a protocol that the call did not ask for")

// modifyResponse keeps the allowed headers of an answer.
func (p *Proxy) modifyResponse(response *http.Response) error {
	if asked := response.Request.Header.Get("Upgrade"); response.StatusCode == http.StatusSwitchingProtocols &&
		(asked == "" || !strings.EqualFold(response.Header.Get("Upgrade"), asked)) {
		return apiError{errSwitched}
	}
	location := response.Header.Get("Location")
	for name := range response.Header {
		if !p.response[name] {
			delete(response.Header, name)
		}
	}
	response.Trailer = nil
	response.Header.Set("Cache-Control", privateCacheControl(response.Header.Values("Cache-Control")))
	if location != "" {
		response.Header.Set("Location", p.location(response, location))
	}
	return nil
}

// privateCacheControl returns the Cache-Control of an answer that is for one user: a shared cache must
// not store it, since the browser's request has no Authorization (RFC 9111, section 3.5).
func privateCacheControl(values []string) string {
	kept := []string{"private"}
	directives, ok := splitList(strings.Join(values, ","))
	if !ok {
		return "no-store"
	}
	for _, directive := range directives {
		name, _, _ := strings.Cut(strings.ToLower(directive), "=")
		switch name {
		case "", "public", "private", "s-maxage", "proxy-revalidate":
		case "no-store":
			return "no-store"
		default:
			kept = append(kept, directive)
		}
	}
	if len(kept) == 1 && len(values) == 0 {
		return "no-store"
	}
	return strings.Join(kept, ", ")
}

// splitList splits the value of a header at its commas, except within quoted strings (RFC 9110,
// section 5.6). It reports false if a quoted string does not end.
func splitList(value string) (elements []string, ok bool) {
	begin, quoted := 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && c == ',':
			elements = append(elements, strings.TrimSpace(value[begin:i]))
			begin = i + 1
		}
	}
	return append(elements, strings.TrimSpace(value[begin:])), !quoted
}

// location returns the Location that the browser gets for a redirect of the API: an address below
// the proxy's prefix if the redirect stays within the API.
func (p *Proxy) location(response *http.Response, location string) string {
	to, err := response.Request.URL.Parse(location)
	if err != nil || to.Scheme != p.target.Scheme || to.Host != p.target.Host {
		return location
	}
	base := strings.TrimSuffix(p.target.EscapedPath(), "/") + "/"
	rest, ok := strings.CutPrefix(to.EscapedPath(), base)
	if !ok {
		return location
	}
	here := url.URL{Path: p.cfg.Prefix, RawQuery: to.RawQuery, Fragment: to.Fragment}
	if decoded, err := url.PathUnescape(rest); err == nil {
		here.Path, here.RawPath = p.cfg.Prefix+decoded, p.cfg.Prefix+rest
	}
	text := here.String()
	if strings.HasPrefix(text, "//") { // a browser would read the next segment as a host
		return "/." + text
	}
	return text
}
