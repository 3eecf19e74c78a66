package serverside

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// wrappedWriter is a ResponseWriter of an application's own.
type wrappedWriter struct{ http.ResponseWriter }

func (w wrappedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// opaqueWriter hides what it wraps.
type opaqueWriter struct{ http.ResponseWriter }

// serve runs the handler behind the middleware on a real server.
func serve(t *testing.T, http2 bool, handler http.Handler) *http.Response {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = http2
	server.StartTLS()
	t.Cleanup(server.Close)
	response, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// TestSignIn_ResponseBegun: a sign-in whose cookie would not reach the browser fails. It
// leaves no session, and the old session goes on.
func TestSignIn_ResponseBegun(t *testing.T) {
	for name, begin := range map[string]func(w http.ResponseWriter){
		"WriteHeader": func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) },
		"Write":       func(w http.ResponseWriter) { _, _ = w.Write([]byte("x")) },
		"WriteString": func(w http.ResponseWriter) { _, _ = io.WriteString(w, "x") },
		"ReadFrom":    func(w http.ResponseWriter) { _, _ = io.Copy(w, io.LimitReader(strings.NewReader("xy"), 1)) },
		"Flush":       func(w http.ResponseWriter) { w.(http.Flusher).Flush() },
		"controller":  func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() },
		"wrapped":     func(w http.ResponseWriter) { _ = http.NewResponseController(wrappedWriter{w}).Flush() },
		"opaque":      func(w http.ResponseWriter) { _, _ = opaqueWriter{w}.Write([]byte("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			p := &provider{}
			b := newTestBFF(t, func(c *Config) { c.Revoker = p })
			br := b.browser()
			br.signIn(as("alice", "old"))
			response := br.visit(func(w http.ResponseWriter, r *http.Request) {
				begin(w)
				if _, err := b.SignIn(opaqueWriter{w}, r, as("bob", "new")); !errors.Is(err, errResponseBegun) {
					t.Errorf("SignIn: %v", err)
				}
				if session, _ := FromContext(r.Context()); session.SubjectID != "alice" {
					t.Errorf("the request is signed in as %q", session.SubjectID)
				}
			})
			b.settle()
			if cookies := response.Cookies(); len(cookies) > 0 {
				t.Errorf("cookies: %v", cookies)
			}
			if rows := b.store.rows(t, "bob"); len(rows) > 0 {
				t.Errorf("%d sessions are left", len(rows))
			}
			br.want("alice")
			if b.tally.started != 1 {
				t.Errorf("%d sessions started", b.tally.started)
			}
			if len(p.revoked) != 1 {
				t.Errorf("revoked: %q", p.revoked)
			}
		})
	}
}

// TestSignIn_ResponseBeginsMeanwhile: http.TimeoutHandler answers while the store is slow.
func TestSignIn_ResponseBeginsMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBFF(t)
		answered, done := make(chan struct{}), make(chan struct{})
		b.store.on("replace", func() { <-answered })
		handler := http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(done)
			r = r.WithContext(context.WithoutCancel(r.Context())) // else the store fails
			if _, err := b.SignIn(w, r, alice()); !errors.Is(err, errResponseBegun) {
				t.Errorf("SignIn: %v", err)
			}
		}), time.Millisecond, "too late")
		w := httptest.NewRecorder()
		b.Middleware(handler).ServeHTTP(w, b.browser().request("/"))
		close(answered)
		<-done
		b.settle()
		if rows := b.store.rows(t, "alice"); len(rows) > 0 || w.Code != http.StatusServiceUnavailable {
			t.Errorf("status %d, and %d sessions are left", w.Code, len(rows))
		}
	})
}

// TestSignIn_ResponseNotBegun: informational responses and headers do not begin a response.
func TestSignIn_ResponseNotBegun(t *testing.T) {
	for name, http2 := range map[string]bool{"HTTP/1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			b := newTestBFF(t)
			response := serve(t, http2, b.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Link", "</style.css>; rel=preload; as=style")
				w.WriteHeader(http.StatusEarlyHints)
				if err := w.(http.Pusher).Push("/style.css", nil); !errors.Is(err, http.ErrNotSupported) { // as the client wants
					t.Errorf("Push: %v", err)
				}
				if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
					t.Errorf("SetWriteDeadline: %v", err)
				}
				if _, err := b.SignIn(w, r, alice()); err != nil {
					t.Errorf("SignIn: %v", err)
				}
			})))
			if len(response.Cookies()) != 1 || (response.ProtoMajor == 2) != http2 {
				t.Errorf("HTTP/%d, cookies %v", response.ProtoMajor, response.Cookies())
			}
		})
	}
}

// TestSignOut_ResponseBegun: the session ends, although the browser keeps the cookie.
func TestSignOut_ResponseBegun(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	br.visit(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "bye")
		if err := b.SignOut(w, r); err != nil {
			t.Error(err)
		}
	})
	b.wantEnded(EndSignOut, 1)
	br.want("")
}

// TestMiddleware_Hijack: a hijacked response has begun.
func TestMiddleware_Hijack(t *testing.T) {
	b := newTestBFF(t)
	response := serve(t, false, b.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if _, err := b.SignIn(w, r, alice()); !errors.Is(err, errResponseBegun) {
			t.Errorf("SignIn: %v", err)
		}
		_, _ = rw.WriteString("HTTP/1.1 204 No Content\r\n\r\n")
		_ = rw.Flush()
	})))
	if response.StatusCode != http.StatusNoContent {
		t.Errorf("status %d", response.StatusCode)
	}
}

// flushing, hijacking, pushing and reading are writers with one feature each.
type (
	flushing  struct{ http.ResponseWriter }
	hijacking struct{ http.ResponseWriter }
	pushing   struct{ http.ResponseWriter }
	both      struct {
		http.ResponseWriter
		http.Flusher
		http.Hijacker
	}
)

func (flushing) Flush() {}
func (hijacking) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, errors.New("hijacking fails")
}
func (pushing) Push(target string, _ *http.PushOptions) error { return errors.New("pushed " + target) }

// TestMiddleware_WriterFeatures: handlers see the features of the server's writer, also
// through writers that only unwrap to it, and no others.
func TestMiddleware_WriterFeatures(t *testing.T) {
	plainWriter := opaqueWriter{httptest.NewRecorder()}
	for name, test := range map[string]struct {
		writer        http.ResponseWriter
		flush, hijack bool
	}{
		"none":                   {plainWriter, false, false},
		"Flusher":                {flushing{plainWriter}, true, false},
		"Hijacker":               {hijacking{plainWriter}, false, true},
		"both":                   {both{plainWriter, flushing{}, hijacking{}}, true, true},
		"Flusher behind Unwrap":  {wrappedWriter{flushing{plainWriter}}, true, false},
		"Hijacker behind Unwrap": {wrappedWriter{wrappedWriter{hijacking{plainWriter}}}, false, true},
		"Flusher hidden":         {opaqueWriter{flushing{plainWriter}}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			outer, inner := newTestBFF(t), newTestBFF(t)
			outer.Middleware(inner.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				flusher, flush := w.(http.Flusher)
				hijacker, hijack := w.(http.Hijacker)
				if flush != test.flush || hijack != test.hijack {
					t.Errorf("Flusher %v, Hijacker %v", flush, hijack)
				}
				if hijack {
					if _, _, err := hijacker.Hijack(); err == nil || err.Error() != "hijacking fails" {
						t.Errorf("Hijack: %v", err)
					}
				}
				if err := http.NewResponseController(w).Flush(); errors.Is(err, http.ErrNotSupported) != !test.flush {
					t.Errorf("Flush: %v", err)
				}
				if begun := inner.checkResponse(r.Context()) != nil; begun != test.flush {
					t.Errorf("the response has begun: %v", begun)
				}
				if flush {
					flusher.Flush()
				}
			}))).ServeHTTP(test.writer, inner.browser().request("/"))
		})
	}
	b := newTestBFF(t)
	b.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := w.(http.Pusher).Push("/a", nil); err == nil || err.Error() != "pushed /a" {
			t.Errorf("Push: %v", err)
		}
	})).ServeHTTP(pushing{plainWriter}, b.browser().request("/"))
}

// TestMiddleware_ReadFrom: io.Copy reaches the server's ReaderFrom, for sendfile.
func TestMiddleware_ReadFrom(t *testing.T) {
	b := newTestBFF(t)
	w := &readingWriter{ResponseRecorder: httptest.NewRecorder()}
	b.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n, err := io.Copy(w, io.LimitReader(strings.NewReader("text"), 3)); n != 3 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})).ServeHTTP(w, b.browser().request("/"))
	if w.read != 3 || w.Body.String() != "tex" {
		t.Errorf("%d bytes by ReadFrom, body %q", w.read, w.Body)
	}
}

type readingWriter struct {
	*httptest.ResponseRecorder
	read int64
}

func (w *readingWriter) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(w.ResponseRecorder, r)
	w.read += n
	return n, err
}

// writerSink keeps the compiler from removing a call.
var writerSink http.ResponseWriter

// TestMiddleware_WriterAllocations: the writer costs no allocation of its own.
func TestMiddleware_WriterAllocations(t *testing.T) {
	st := &requestState{}
	var server http.ResponseWriter = both{httptest.NewRecorder(), flushing{}, hijacking{}}
	if n := testing.AllocsPerRun(100, func() { writerSink = st.response.writer(server) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
