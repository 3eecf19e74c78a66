package relyingparty

import (
	"encoding/json"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// defaultTokenLife is the life of an access token whose expires_in is not a positive number.
const defaultTokenLife = time.Minute

// withWholeSeconds returns the body of a token answer, which is JSON or a form. It makes
// expires_in a positive whole number, and leaves a body without expires_in unchanged. The oauth2
// package refuses an answer whose expires_in is a fraction or a text, and the tokens would be
// lost, because the code or the refresh token is used by then. A token with expires_in 0 would
// never expire.
func withWholeSeconds(body []byte) []byte {
	const name = "expires_in"
	var answer map[string]json.RawMessage
	if json.Unmarshal(body, &answer) == nil {
		raw, sent := answer[name]
		if !sent || string(raw) == "null" {
			return body
		}
		text := string(raw)
		if quoted := ""; json.Unmarshal(raw, &quoted) == nil {
			text = quoted
		}
		answer[name] = json.RawMessage(seconds(text))
		if changed, err := json.Marshal(answer); err == nil {
			return changed
		}
		return body
	}
	if form, err := url.ParseQuery(string(body)); err == nil && form.Has(name) {
		form.Set(name, seconds(form.Get(name)))
		return []byte(form.Encode())
	}
	return body
}

// seconds returns the whole seconds of an expires_in. Less than a second counts as a second.
func seconds(text string) string {
	var number json.Number // refuses what ParseFloat accepts besides: Inf, NaN, hexadecimal
	if json.Unmarshal([]byte(text), &number) != nil || strings.Contains(text, `"`) {
		number = "0"
	}
	life, _ := number.Float64() // a number that is too large is infinite
	if !(life > 0) {
		life = defaultTokenLife.Seconds()
	}
	return strconv.Itoa(int(min(max(life, 1), math.MaxInt32)))
}
