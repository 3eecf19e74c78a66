package ticket

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"time"
	"unicode/utf8"
)

// After its first byte, EncodingV2 is a sequence of fields in ascending order of their numbers.
// A field is its number in one byte, the length of its content (uvarint) and the content:
//
//   - of a string, its bytes, which are UTF-8;
//   - of a time, the seconds since 1970 in 8 bytes and the nanoseconds in 4, big-endian;
//   - of the claims, a JSON object;
//   - of the properties, the name and the value of each property, each as its length (uvarint)
//     and UTF-8.
//
// Empty fields are left out. A reader skips numbers that it does not know.

// fieldNames are the fields by number in EncodingV2, with their names in EncodingV1. A number
// is never used again for something else.
var fieldNames = []string{
	1: "iss", "sub", "sid", "clm", "at", "atx", "ato", "rt", "rtx", "idt", "idi", "prp", "iat", "exp", "rcl",
}

const (
	fieldClaims     = 4
	fieldProperties = 12
)

// stringField returns the string field with the number, or nil.
func (t *Ticket) stringField(number int) *string {
	switch number {
	case 1:
		return &t.Issuer
	case 2:
		return &t.SubjectID
	case 3:
		return &t.SessionID
	case 5:
		return &t.AccessToken
	case 8:
		return &t.RefreshToken
	case 10:
		return &t.IDToken
	case 15:
		return &t.refreshClaim
	default:
		return nil
	}
}

// timeField returns the time field with the number, or nil.
func (t *Ticket) timeField(number int) *time.Time {
	switch number {
	case 6:
		return &t.AccessTokenExpires
	case 7:
		return &t.AccessTokenObtained
	case 9:
		return &t.RefreshTokenExpires
	case 11:
		return &t.IDTokenIssuedAt
	case 13:
		return &t.Issued
	case 14:
		return &t.Expires
	default:
		return nil
	}
}

const timeSize = 12

func encodeV2(t Ticket) ([]byte, error) {
	data := make([]byte, 1, 512+len(t.AccessToken)+len(t.RefreshToken)+len(t.IDToken))
	data[0] = byte(EncodingV2)
	for number := 1; number < len(fieldNames); number++ {
		before := len(data)
		data = append(data, byte(number))
		var err error
		if s, at := t.stringField(number), t.timeField(number); s != nil {
			data, err = appendString(data, *s)
		} else if at != nil {
			data, err = appendTime(data, *at)
		} else if number == fieldClaims {
			data, err = appendClaims(data, t.Claims)
		} else {
			data, err = appendProperties(data, t.Properties)
		}
		if err != nil {
			return nil, err
		}
		if len(data) == before+2 { // the length 0
			data = data[:before]
		}
	}
	return data, nil
}

func appendString(data []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, errNoUTF8
	}
	return append(binary.AppendUvarint(data, uint64(len(s))), s...), nil
}

// appendTime refuses the years that EncodingV1 refuses.
func appendTime(data []byte, t time.Time) ([]byte, error) {
	if t.IsZero() {
		return append(data, 0), nil
	}
	if !hasYear(t.UTC()) {
		return nil, errNoJSON
	}
	data = binary.BigEndian.AppendUint64(append(data, timeSize), uint64(t.Unix()))
	return binary.BigEndian.AppendUint32(data, uint32(t.Nanosecond())), nil
}

func hasYear(t time.Time) bool { return 0 <= t.Year() && t.Year() <= 9999 }

func appendClaims(data []byte, claims map[string]any) ([]byte, error) {
	if len(claims) == 0 {
		return append(data, 0), nil
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return nil, errNoJSON // err may quote a claim's value
	}
	if err := checkOpens(text, 1); err != nil {
		return nil, err
	}
	return append(binary.AppendUvarint(data, uint64(len(text))), text...), nil
}

func appendProperties(data []byte, properties map[string]string) ([]byte, error) {
	var content []byte
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		var err error
		if content, err = appendString(content, name); err == nil {
			content, err = appendString(content, properties[name])
		}
		if err != nil {
			return nil, err
		}
	}
	return append(binary.AppendUvarint(data, uint64(len(content))), content...), nil
}

// decodeV2 decodes the bytes after the first one. It reports false if they are malformed. As in
// readV1, no value keeps another one in memory. Only the claims share one piece of memory, and
// the properties another.
func decodeV2(data []byte) (t Ticket, ok bool) {
	for last := 0; len(data) > 0; {
		number := int(data[0])
		content, rest, ok := cutContent(data[1:])
		if !ok || number <= last || len(content) == 0 {
			return Ticket{}, false
		}
		last, data = number, rest
		if s, at := t.stringField(number), t.timeField(number); s != nil {
			*s, ok = string(content), utf8.Valid(content)
		} else if at != nil {
			*at, ok = readTime(content)
		} else if number == fieldClaims {
			t.Claims, ok = readClaims(string(content))
		} else if number == fieldProperties {
			t.Properties, ok = readProperties(string(content))
		}
		if !ok {
			return Ticket{}, false
		}
	}
	return t, true
}

// cutContent cuts a length and a content of that length off the beginning of data.
func cutContent[T string | []byte](data T) (content, rest T, ok bool) {
	var length uint64
	for i := 0; i < len(data) && i < 5; i++ { // up to 34 GB
		length |= uint64(data[i]&0x7f) << (7 * i)
		if data[i] < 0x80 {
			data = data[i+1:]
			if length > uint64(len(data)) {
				break
			}
			return data[:length], data[length:], true
		}
	}
	return content, rest, false
}

func readTime(content []byte) (time.Time, bool) {
	if len(content) != timeSize {
		return time.Time{}, false
	}
	seconds, nanoseconds := binary.BigEndian.Uint64(content), binary.BigEndian.Uint32(content[8:])
	t := time.Unix(int64(seconds), int64(nanoseconds)).UTC()
	return t, nanoseconds < 1e9 && hasYear(t)
}

func readProperties(content string) (map[string]string, bool) {
	properties := map[string]string{}
	for content != "" {
		name, rest, ok := cutContent(content)
		value, rest, okValue := cutContent(rest)
		if !ok || !okValue || !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, false
		}
		properties[name], content = value, rest
	}
	return properties, true
}
