package apiproxy

import (
	"maps"
	"mime"
	"net/http"
	"time"
)

// A finalWriter passes on one answer: the final one, or the switch of protocols. Informational
// answers of the API must not reach the browser, and ReverseProxy clears all headers after an
// informational answer. So ReverseProxy gets the headers of the finalWriter to write to, and the
// BFF's own headers stay.
type finalWriter struct {
	http.ResponseWriter
	header http.Header
	wrote  bool
}

func newFinalWriter(w http.ResponseWriter) *finalWriter {
	return &finalWriter{ResponseWriter: w, header: make(http.Header)}
}

// Unwrap is for [http.ResponseController].
func (w *finalWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Header returns the headers of the answer.
func (w *finalWriter) Header() http.Header { return w.header }

// WriteHeader writes the status of a final answer.
func (w *finalWriter) WriteHeader(status int) {
	if w.wrote || status < http.StatusOK && status != http.StatusSwitchingProtocols {
		return
	}
	w.wrote = true
	maps.Copy(w.ResponseWriter.Header(), w.header)
	if kind, _, err := mime.ParseMediaType(w.header.Get("Content-Type")); err == nil && kind == "text/event-stream" {
		// The server's timeouts must not end a stream.
		controller := http.NewResponseController(w.ResponseWriter)
		_ = controller.SetWriteDeadline(time.Time{})
		_ = controller.SetReadDeadline(time.Time{})
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write writes a part of the body.
func (w *finalWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.ResponseWriter.Write(p)
}
