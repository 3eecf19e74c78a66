package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// defaultTokenLife is the life of an access token whose expires_in is not a positive
	// number.
	defaultTokenLife = time.Minute
	maxTokenAnswer   = 1 << 20
)

// wholeSeconds is a transport for the token endpoint. It makes the expires_in of an answer a
// positive whole number. The oauth2 package refuses an answer with a fraction or a text
// there, and the tokens would be lost: the refresh token is used by then. A token with
// expires_in 0 would never expire. An absent expires_in stays absent: the life is unknown.
type wholeSeconds struct{}

// RoundTrip implements http.RoundTripper.
func (wholeSeconds) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || response.StatusCode != http.StatusOK {
		return response, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxTokenAnswer))
	_ = response.Body.Close() // the error of a body that was read does not matter
	if err != nil {
		return nil, err
	}
	body = withWholeSeconds(body)
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	response.Header.Del("Content-Length")
	return response, nil
}

// withWholeSeconds returns the body of a token answer with another expires_in, or the body
// as it is if it has none. The oauth2 package also accepts a form.
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

// seconds returns the whole seconds of an expires_in. Less than a second counts as one.
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
