package ticket

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestReadV1_ReadsWhatIsWritten: encoding/json, which takes several times as long, reads only what
// encodeV1 does not write. TestDecode_AsEncodingJSON compares the values.
func TestReadV1_ReadsWhatIsWritten(t *testing.T) {
	odd := every()
	odd.SubjectID, odd.Issuer = "世 界 and more", "a \"quoted\" \\ <word>\n"
	odd.Properties = map[string]string{"": "", "世": " ", "\\": "\"", "a": "\x00"}
	odd.Claims = map[string]any{
		"list": []any{[]any{}, []any{"a", true, false, nil}, map[string]any{}}, "true": true, "false": false, "null": nil,
		"numbers": []any{0, -1, 1.5, -1e30, 1e-9, json.Number("0.25"), json.Number("1E+5"), json.Number("2e5"), json.Number("10"), json.Number("123456789012345678901")},
		"text":    []any{"", "a}", "]", `"{[`, `\`, `\"`, "世 界", "\x7f"}, "deep": nested(maxFastNesting-2, false),
	}
	tickets := map[string]Ticket{"nothing": {}, "every field": every(), "odd values": odd}
	for number, name := range fieldNames {
		var ticket Ticket
		if s := ticket.stringField(number); s != nil {
			*s = "x"
		}
		if at := ticket.timeField(number); at != nil {
			*at = noon
		}
		tickets["field "+name] = ticket
	}
	for name, ticket := range tickets {
		data, err := encode(ticket, EncodingV1)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, ok := readV1(data[1:]); !ok {
			t.Errorf("%s: encoding/json must read %s", name, data[1:])
		}
		if ticket.Claims == nil {
			continue
		}
		claims, err := json.Marshal(ticket.Claims)
		if err != nil {
			t.Fatal(err)
		}
		r := jsonReader{text: string(claims)}
		if got, ok := r.claims(0); !ok || !r.ended() {
			t.Errorf("%s: encoding/json must read %s", name, claims)
		} else if again, _ := json.Marshal(got); string(again) != string(claims) {
			t.Errorf("%s: read %s, want %s", name, again, claims)
		}
	}
}

// TestIsPlain_EveryCharacter has every ASCII character at every place of a text.
func TestIsPlain_EveryCharacter(t *testing.T) {
	for c := range 256 {
		plain := ' ' <= c && c < 0x80 && c != '\\'
		if c == '"' {
			continue // a text without a quotation mark
		}
		for length := range 18 {
			for at := range length {
				for _, others := range []byte{' ', '[', ']', '0', 0x7f} {
					text := []byte(strings.Repeat(string(rune(others)), length))
					text[at] = byte(c)
					if isPlain(string(text)) != plain {
						t.Fatalf("isPlain(%q) = %t", text, !plain)
					}
				}
			}
		}
	}
}
