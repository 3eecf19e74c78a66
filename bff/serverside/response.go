package serverside

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

var errResponseBegun = errors.New("the response has begun, so that it cannot set the cookie any more")

// A response notes that the response to a request has begun: a cookie can no longer be set.
// It belongs to the request's state, which SignIn finds even if handlers have wrapped the
// [http.ResponseWriter] or run behind [http.TimeoutHandler].
type response struct {
	http.ResponseWriter
	begun atomic.Bool
}

// writer returns a ResponseWriter that passes everything on to w. It is an [http.Flusher]
// and an [http.Hijacker] if w is, or a writer that w unwraps to. Other features are reached
// by [http.ResponseController].
func (res *response) writer(w http.ResponseWriter) http.ResponseWriter {
	res.ResponseWriter = w
	flush, hijack := supports[http.Flusher](w), supports[http.Hijacker](w)
	switch {
	case flush && hijack:
		return flushHijackResponse{flushResponse{res}}
	case flush:
		return flushResponse{res}
	case hijack:
		return hijackResponse{res}
	default:
		return res
	}
}

// supports reports whether w is a T, or unwraps to one.
func supports[T any](w http.ResponseWriter) bool {
	for {
		if _, ok := w.(T); ok {
			return true
		}
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		w = wrapper.Unwrap()
	}
}

// Unwrap is for [http.ResponseController].
func (res *response) Unwrap() http.ResponseWriter { return res.ResponseWriter }

// WriteHeader does not count informational responses, after which the header still follows.
func (res *response) WriteHeader(status int) {
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		res.begun.Store(true)
	}
	res.ResponseWriter.WriteHeader(status)
}

func (res *response) Write(p []byte) (int, error) {
	res.begun.Store(true)
	return res.ResponseWriter.Write(p)
}

func (res *response) WriteString(text string) (int, error) {
	res.begun.Store(true)
	return io.WriteString(res.ResponseWriter, text)
}

// ReadFrom lets the server use sendfile.
func (res *response) ReadFrom(r io.Reader) (int64, error) {
	res.begun.Store(true)
	return io.Copy(res.ResponseWriter, r)
}

// FlushError is for [http.ResponseController].
func (res *response) FlushError() error {
	err := http.NewResponseController(res.ResponseWriter).Flush()
	if !errors.Is(err, http.ErrNotSupported) {
		res.begun.Store(true)
	}
	return err
}

// Push implements [http.Pusher], whose error says that the connection has no server push.
func (res *response) Push(target string, opts *http.PushOptions) error {
	if pusher, ok := res.ResponseWriter.(http.Pusher); ok {
		return pusher.Push(target, opts)
	}
	return http.ErrNotSupported
}

func (res *response) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(res.ResponseWriter).Hijack()
	if err == nil {
		res.begun.Store(true)
	}
	return conn, rw, err
}

// These types hold one pointer, so that an interface stores them without an allocation.
type (
	flushResponse       struct{ *response }
	hijackResponse      struct{ *response }
	flushHijackResponse struct{ flushResponse }
)

func (w flushResponse) Flush() { _ = w.FlushError() }

func (w hijackResponse) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

func (w flushHijackResponse) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

// checkResponse returns an error if the response to the request has begun. Without the
// middleware it cannot know and returns nil.
func (s *Sessions) checkResponse(ctx context.Context) error {
	if st := s.outermost().state(ctx); st != nil && st.response.begun.Load() {
		return errResponseBegun
	}
	return nil
}
