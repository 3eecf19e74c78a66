// Package httperror removes from the errors of net/http what another server has sent.
package httperror

import (
	"errors"
	"net/url"
	"strings"
)

// Redacted returns an error of [net/http.Client] for the log. It drops the address, which after a
// redirect may have a query of the other server's. It also drops what net/http quotes of an
// answer that is not valid HTTP, such as a line of the header or the address of a redirect:
// that may be a token.
func Redacted(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	text, _, quotes := strings.Cut(err.Error(), `"`)
	if !quotes {
		return err
	}
	return errors.New(strings.TrimRight(text, " :") + " (redacted)") // wraps nothing: the cause has the quotation
}
