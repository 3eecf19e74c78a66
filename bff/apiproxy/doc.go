// Package apiproxy passes a page's calls on to an API, with the access token of the user's
// session: the browser has a cookie, the API gets a bearer token, and neither sees the other's.
//
//	api, err := apiproxy.New(apiproxy.Config{Sessions: sessions, Target: "https://api.internal/v1"})
//	...
//	mux.Handle("/api/", api) // behind sessions.Middleware
//
// GET /api/orders/7?full=1 becomes GET https://api.internal/v1/orders/7?full=1.
//
// # What passes
//
// Request and response headers pass by allow list: content types, conditional requests,
// ranges, caching, tracing. The browser's cookies and its Authorization never reach the API.
// The API's cookies, its security headers and its informational responses (1xx) never reach
// the browser, so that the BFF's own headers stay. A shared cache may not store an answer:
// Cache-Control becomes private, or no-store if the API says nothing. Paths are passed on as
// they were escaped, except that a path with a segment ".." is refused.
//
// # What a page must send
//
// Every call needs the header X-CSRF: 1 and the page's own origin, see
// [example.com/usersession/bff/serverside.AntiForgery]. A WebSocket cannot send the header: it
// is refused, unless [Config.WebSockets] allows it, and then its Origin must be the BFF's.
//
// # Answers of the proxy itself
//
// The proxy's own answers are JSON with an error code: 401 signed_out, or sign_in_again if the
// session goes on but the provider gives no more tokens; 403 for a call of another site; 404 for
// a path outside of the API; 502 api_unreachable; 503 try_again if the session cannot be read or
// the provider cannot be reached.
//
// The session is read when a call begins. A stream or a WebSocket that is open when the session
// is revoked stays open until it ends by itself.
package apiproxy
