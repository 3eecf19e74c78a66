package relyingparty

import (
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"example.com/usersession/bff/serverside"
)

// maxReturnURL bounds the state parameter, which passes through the provider.
const maxReturnURL = 2048

// mayReturnTo reports whether a return URL of a request is a page of this host. Text that is
// not UTF-8 would grow in the state parameter.
func mayReturnTo(returnURL string) bool {
	return len(returnURL) <= maxReturnURL && utf8.ValidString(returnURL) && serverside.LocalURL(returnURL)
}

// redirect sends the browser to an address as it is. [http.Redirect] would change a path with
// empty segments or dots, also in the part after a #.
func redirect(w http.ResponseWriter, address string) {
	var location strings.Builder
	for _, b := range []byte(address) {
		if b < utf8.RuneSelf {
			location.WriteByte(b)
		} else {
			fmt.Fprintf(&location, "%%%02X", b)
		}
	}
	w.Header().Set("Location", location.String())
	w.WriteHeader(http.StatusSeeOther)
}
