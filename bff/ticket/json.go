package ticket

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// maxFastNesting is the deepest nesting that jsonReader reads.
const maxFastNesting = 100

// A jsonReader reads the JSON that encoding/json writes, with fewer allocations than
// encoding/json, because its strings are parts of text. It returns the same values as
// encoding/json, with numbers as [json.Number]. It reports false for JSON that it does not
// understand, such as JSON with white space; encoding/json then decides.
type jsonReader struct {
	text string
	at   int
	list []any // the values of the arrays that are being read
}

// next consumes c. It reports false if the text goes on with something else.
func (r *jsonReader) next(c byte) bool {
	if r.at < len(r.text) && r.text[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *jsonReader) ended() bool { return r.at == len(r.text) }

// copied consumes an object and returns a reader of a copy of its text. It looks only for the end
// of the object. If there is no end, it consumes nothing, and the reader has no text.
func (r *jsonReader) copied() jsonReader {
	depth := 0
	for i := r.at; i < len(r.text); i++ {
		switch r.text[i] {
		case '"':
			for i++; i < len(r.text) && r.text[i] != '"'; i++ {
				if r.text[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if depth == 0 {
			object := jsonReader{text: strings.Clone(r.text[r.at:min(i+1, len(r.text))])}
			r.at += len(object.text)
			return object
		}
	}
	return jsonReader{}
}

func (r *jsonReader) literal(word string) bool {
	ok := strings.HasPrefix(r.text[r.at:], word)
	if ok {
		r.at += len(word)
	}
	return ok
}

// string consumes a string.
func (r *jsonReader) string() (string, bool) {
	if !r.next('"') {
		return "", false
	}
	begin, ascii := r.at, true
	if length := strings.IndexByte(r.text[r.at:], '"'); length >= 0 && isPlain(r.text[begin:begin+length]) {
		r.at += length + 1
		return r.text[begin : r.at-1], true
	}
	for r.at < len(r.text) {
		switch c := r.text[r.at]; {
		case c == '"':
			s := r.text[begin:r.at]
			r.at++
			return s, ascii || utf8.ValidString(s)
		case c == '\\':
			return r.escaped(begin)
		case c < ' ':
			return "", false
		case c >= utf8.RuneSelf:
			ascii = false
		}
		r.at++
	}
	return "", false
}

// isPlain reports whether a text without quotation marks is the same within a JSON string: ASCII
// without control characters and backslashes. It may report false for some of these texts, too.
func isPlain(s string) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for len(s) >= 8 { // eight characters at a time
		x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		backslash := x ^ '\\'*ones
		if (x|(x-' '*ones)|(backslash-ones))&tops != 0 { // a subtraction sets the top bit of a control character or a backslash
			return false
		}
		s = s[8:]
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= utf8.RuneSelf || s[i] == '\\' {
			return false
		}
	}
	return true
}

// escaped consumes the rest of a string that has escapes and begins at begin.
func (r *jsonReader) escaped(begin int) (s string, ok bool) {
	for ; r.at < len(r.text) && r.text[r.at] != '"'; r.at++ {
		if r.text[r.at] == '\\' {
			r.at++
		}
	}
	if !r.next('"') {
		return "", false
	}
	err := json.Unmarshal([]byte(r.text[begin-1:r.at]), &s)
	return s, err == nil
}

// number consumes a number.
func (r *jsonReader) number() (json.Number, bool) {
	begin := r.at
	digits := func() bool {
		first := r.at
		for r.at < len(r.text) && '0' <= r.text[r.at] && r.text[r.at] <= '9' {
			r.at++
		}
		return r.at > first
	}
	r.next('-')
	if !r.next('0') && !digits() {
		return "", false
	}
	if r.next('.') && !digits() {
		return "", false
	}
	if r.next('e') || r.next('E') {
		if !r.next('+') {
			r.next('-')
		}
		if !digits() {
			return "", false
		}
	}
	return json.Number(r.text[begin:r.at]), true
}

// value consumes any value.
func (r *jsonReader) value(depth int) (any, bool) {
	if r.ended() || depth > maxFastNesting {
		return nil, false
	}
	switch r.text[r.at] {
	case '"':
		return boxed(r.string())
	case '{':
		return boxed(r.claims(depth))
	case '[':
		return boxed(r.array(depth))
	case 't':
		return true, r.literal("true")
	case 'f':
		return false, r.literal("false")
	case 'n':
		return nil, r.literal("null")
	default:
		return boxed(r.number())
	}
}

func boxed[T any](v T, ok bool) (any, bool) { return v, ok }

func (r *jsonReader) array(depth int) ([]any, bool) {
	r.at++
	first := len(r.list)
	for more := !r.next(']'); more; {
		v, ok := r.value(depth + 1)
		if !ok {
			return nil, false
		}
		if r.list == nil {
			r.list = make([]any, 0, 32)
		}
		r.list = append(r.list, v)
		if more = r.next(','); !more && !r.next(']') {
			return nil, false
		}
	}
	values := append(make([]any, 0, len(r.list)-first), r.list[first:]...)
	r.list = r.list[:first]
	return values, true
}

// object consumes an object. It calls member for each member's name, and member consumes the
// value.
func (r *jsonReader) object(member func(name string) bool) bool {
	if !r.next('{') {
		return false
	}
	for more := !r.next('}'); more; {
		name, ok := r.string()
		if !ok || !r.next(':') || !member(name) {
			return false
		}
		if more = r.next(','); !more && !r.next('}') {
			return false
		}
	}
	return true
}

func (r *jsonReader) claims(depth int) (map[string]any, bool) {
	claims := map[string]any{}
	return claims, r.object(func(name string) bool {
		v, ok := r.value(depth + 1)
		claims[name] = v
		return ok
	})
}

func (r *jsonReader) properties() (map[string]string, bool) {
	properties := map[string]string{}
	return properties, r.object(func(name string) bool {
		v, ok := r.string()
		properties[name] = v
		return ok
	})
}

// readClaims reads a JSON object as encoding/json does, with numbers as [json.Number].
func readClaims(text string) (map[string]any, bool) {
	r := jsonReader{text: text}
	if claims, ok := r.claims(0); ok && r.ended() {
		return claims, true
	}
	var claims map[string]any
	err := readJSON([]byte(text), &claims)
	return claims, err == nil && claims != nil
}

var errAfterJSON = errors.New("there is data after the JSON")

// readJSON is [json.Unmarshal] with numbers as [json.Number].
func readJSON(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errAfterJSON
	}
	return nil
}
