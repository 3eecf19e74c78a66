package ticket

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
)

var encodings = []Encoding{EncodingV1, EncodingV2}

// every returns a ticket with a value in every field.
func every() Ticket {
	t := full()
	t.AccessTokenObtained, t.IDTokenIssuedAt = noon.Add(time.Nanosecond), noon.Add(-time.Second)
	t.SetRefreshClaim("claim")
	return t
}

// sealedV2 is every(), sealed for binding under key(1) as EncodingV2.
const sealedV2 = "01c8b74fbb182ea9c7c5f600844da82d44372fbb9c3d35afa846fa63fefa0c2278e247c6a9488e4b622049f2ac4fb0282bb3173cbc0d322fcfc8de2894accc4a641e12ccceaa8cd2ea02b6c55c8f828095cf0a6c18f369667f6a980c37f8de98513fcc3c08ca6ea982adbc2e58b3c53054546c29a3d3f8c84bdbbd080dfeb99c49d8a5faa53f98809f5ebc1558581db6caff59dacbbadbd88f9d726bf3210a1618959ee56bd3264539ab25aed0a56f1b336342a48c7d6ca536b07bfe15810ad3c3a6e88e6c4586efbfceeef294d4be49cb262012384758c997e5de004fdb61e85627185e0730be1cca8511110b4c9682a7761bcb7e7f0e8e1552d4dad0903c46b6e70f9e6aac99171899ee30a4cd36e5518c92ff21b8a1b4d0f8de3c73080d7e28571578723d4062cc58a401efbfee5c9d64e48836d324f9f190f951ef083c49d677acff27fe34c8ad97a7554170639b68fa774878"

// Tickets in EncodingV2 must open with every later release.
func TestOpen_Version2(t *testing.T) {
	data, err := hex.DecodeString(sealedV2)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Open(ring(t, 2, 1), binding, data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, every()) {
		t.Error("the opened ticket has other values")
	}
	opened, err := ring(t, 1).Decrypt(data, binding.associatedData(ticketPurpose))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := encode(every(), EncodingV2); err != nil || !bytes.Equal(again, opened) {
		t.Errorf("the ticket is now encoded as %x, %v, want %x", again, err, opened)
	}
}

// TestSeal_WritesVersion1: in this release, hosts of the release before can read every new ticket.
func TestSeal_WritesVersion1(t *testing.T) {
	r := ring(t, 1)
	sealed, err := Seal(r, binding, full())
	if err != nil {
		t.Fatal(err)
	}
	plaintext, err := r.Decrypt(sealed, binding.associatedData(ticketPurpose))
	if err != nil || plaintext[0] != byte(EncodingV1) {
		t.Errorf("the encoding is %d, %v", plaintext[0], err)
	}
	var w wire
	if err := json.Unmarshal(plaintext[1:], &w); err != nil || w.AccessToken != full().AccessToken {
		t.Errorf("not the JSON of the release before: %v", err)
	}
}

func TestSealAs_UnknownEncoding(t *testing.T) {
	for _, e := range []Encoding{0, 3, 255} {
		if _, err := SealAs(ring(t, 1), binding, full(), e); err == nil {
			t.Errorf("sealed as %d", e)
		}
	}
}

// wants returns what a ticket must be after it was encoded and decoded: an empty map is nil.
func wants(t Ticket) Ticket {
	if len(t.Claims) == 0 {
		t.Claims = nil
	}
	if len(t.Properties) == 0 {
		t.Properties = nil
	}
	return t
}

func TestEncodings_RoundTrip(t *testing.T) {
	tickets := map[string]Ticket{
		"nothing": {}, "full": full(), "every field": every(), "empty maps": {Claims: map[string]any{}, Properties: map[string]string{}},
		"an empty name": {Properties: map[string]string{"": "", "a": ""}},
		"text":          {Issuer: "世\u2028<&>\"\\\n\x00\u007f\ufffd", Properties: map[string]string{"世<": "\\\""}},
		"long": {AccessToken: strings.Repeat("a", 300_000), Claims: map[string]any{"roles": nested(150, true)},
			Properties: map[string]string{"p": strings.Repeat("b", 70_000)}},
		"times": {Issued: time.Date(0, 1, 1, 0, 0, 0, 1, time.UTC), Expires: time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)},
	}
	// One ticket for each field alone.
	for number := range fieldNames {
		var t Ticket
		if s := t.stringField(number); s != nil {
			*s = "x"
		}
		if at := t.timeField(number); at != nil {
			*at = noon
		}
		tickets["field "+fieldNames[number]] = t
	}
	for name, ticket := range tickets {
		t.Run(name, func(t *testing.T) {
			for _, e := range encodings {
				data, err := encode(ticket, e)
				if err != nil {
					t.Fatal(err)
				}
				if data[0] != byte(e) {
					t.Errorf("the first byte is %d, want %d", data[0], e)
				}
				got, err := decode(data)
				if err != nil || !reflect.DeepEqual(got, wants(ticket)) {
					t.Errorf("encoding %d: another ticket, %v", e, err)
				}
			}
		})
	}
}

func TestEncodings_RefuseTheSame(t *testing.T) {
	for name, ticket := range map[string]Ticket{
		"invalid UTF-8 in a token":           {AccessToken: "secret\xff"},
		"invalid UTF-8 in a claim":           {Claims: map[string]any{"a": "secret\xff"}},
		"invalid UTF-8 in a claim of JSON":   {Claims: map[string]any{"a": json.RawMessage("\"secret\xff\"")}},
		"invalid UTF-8 in a property":        {Properties: map[string]string{"a": "secret\xff"}},
		"invalid UTF-8 in a property's name": {Properties: map[string]string{"secret\xff": ""}},
		"a year of five digits":              {Expires: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"a year before 0":                    {Issued: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)},
		"a claim that JSON lacks":            {Claims: map[string]any{"secret": math.Inf(1)}},
		"claims nested too deeply":           {Claims: map[string]any{"a": nested(maxNesting-1, false)}},
	} {
		for _, e := range encodings {
			if _, err := encode(ticket, e); !errors.Is(err, bff.ErrInvalidSession) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: encoding %d: %v", name, e, err)
			}
		}
	}
}

// TestDecode_NewerFields: a field that a later release adds is skipped.
func TestDecode_NewerFields(t *testing.T) {
	for _, e := range encodings {
		data, err := encode(every(), e)
		if err != nil {
			t.Fatal(err)
		}
		if e == EncodingV1 {
			data = bytes.Replace(data, []byte("{"), []byte(`{"new":{"a":[1]},`), 1)
		} else {
			data = append(data, 200, 3, 'n', 'e', 'w')
		}
		if got, err := decode(data); err != nil || !reflect.DeepEqual(got, every()) {
			t.Errorf("encoding %d: another ticket, %v", e, err)
		}
	}
}

// The row is anonymous, so that the check of the subject cannot refuse the ticket.
func TestOpen_UnknownEncoding(t *testing.T) {
	r, anonymous := ring(t, 1), Binding{PartitionKey: "app", Key: "k1"}
	for _, plaintext := range []string{"", "\x00", "\x00{}", "\x03{}", "\xff{}", "{}"} {
		sealed, err := r.Encrypt([]byte(plaintext), anonymous.associatedData(ticketPurpose))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Open(r, anonymous, sealed); !errors.Is(err, ErrUnreadable) || !reflect.DeepEqual(got, Ticket{}) {
			t.Errorf("%q: %v, %v", plaintext, got, err)
		}
	}
}

func TestDecode_MalformedVersion2(t *testing.T) {
	for name, data := range map[string]string{
		"a number alone":            "\x01",
		"a length alone":            "\x01\x05",
		"a length of six bytes":     "\x01\x81\x80\x80\x80\x80\x00a",
		"a content cut short":       "\x01\x05abcd",
		"a huge length":             "\x05\xff\xff\xff\xff\x0f",
		"a length without an end":   "\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"the number 0":              "\x00\x01a",
		"a field twice":             "\x01\x01a\x01\x01a",
		"fields in another order":   "\x02\x01a\x01\x01a",
		"an empty field":            "\x01\x00",
		"invalid UTF-8":             "\x01\x01\xff",
		"a short time":              "\x06\x01a",
		"a time out of range":       "\x06\x0c\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
		"too many nanoseconds":      "\x06\x0c\x00\x00\x00\x00\x00\x00\x00\x01\x3b\x9a\xca\x00",
		"claims that are no JSON":   "\x04\x01a",
		"claims that are no object": "\x04\x04null",
		"claims cut in a number":    "\x04\x06{\"a\":1",
		"claims cut before a value": "\x04\x05{\"a\":",
		"claims cut in a list":      "\x04\x08{\"a\":[1}",
		"claims with a lone minus":  "\x04\x08{\"a\":[-}",
		"claims with more behind":   "\x04\x03{}1",
		"a property without value":  "\x0c\x02\x01a",
		"a property of no UTF-8":    "\x0c\x04\x01a\x01\xff",
		"a property cut short":      "\x0c\x02\x09a",
	} {
		if got, err := decode([]byte("\x02" + data)); !errors.Is(err, ErrUnreadable) || !reflect.DeepEqual(got, Ticket{}) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDecode_HostileLengthsAllocateNothing: no length in the data is the size of an allocation.
func TestDecode_HostileLengthsAllocateNothing(t *testing.T) {
	data := []byte("\x02\x05\xff\xff\xff\xff\x0f")
	if bytes := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = decode(data)
		}
	}).AllocedBytesPerOp(); bytes > 1000 {
		t.Errorf("%d bytes were allocated", bytes)
	}
}

// TestDecode_ValuesKeepNoTokens: a value that an application keeps must not keep the rest of
// the plaintext in memory. The strings of a decoded ticket are not parts of one another.
func TestDecode_ValuesKeepNoTokens(t *testing.T) {
	ticket := every()
	ticket.AccessToken = strings.Repeat("a", 1<<20)
	for _, e := range encodings {
		data, err := encode(ticket, e)
		if err != nil {
			t.Fatal(err)
		}
		var kept []any
		before := heap()
		for range 50 {
			decoded, err := decode(data)
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, decoded.Issuer, decoded.SubjectID, decoded.SessionID, decoded.RefreshToken, decoded.IDToken,
				decoded.Claims, decoded.Properties, decoded.RefreshClaim())
		}
		if grown := heap() - before; grown > 10<<20 {
			t.Errorf("encoding %d: the values of 50 tickets keep %d MB in memory", e, grown>>20)
		}
		runtime.KeepAlive(kept)
	}
}

// heap returns the size of the reachable objects.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// wantAsEncodingJSON compares the result of decode for EncodingV1 with that of encoding/json.
func wantAsEncodingJSON(t *testing.T, data []byte) {
	t.Helper()
	got, err := decode(append([]byte{byte(EncodingV1)}, data...))
	var w wire
	slowErr := readJSON(data, &w)
	if (err == nil) != (slowErr == nil) {
		t.Fatalf("%q: decode: %v, encoding/json: %v", data, err, slowErr)
	}
	if err != nil {
		return
	}
	again := wire{
		got.Issuer, got.SubjectID, got.SessionID, got.Claims, got.AccessToken, got.AccessTokenExpires, got.AccessTokenObtained,
		got.RefreshToken, got.RefreshTokenExpires, got.IDToken, got.IDTokenIssuedAt, got.Properties, got.Issued, got.Expires, got.refreshClaim,
	}
	for _, at := range []*time.Time{
		&w.AccessTokenExpires, &w.AccessTokenObtained, &w.RefreshTokenExpires, &w.IDTokenIssuedAt, &w.Issued, &w.Expires,
	} {
		*at = at.UTC()
	}
	if !reflect.DeepEqual(again, w) {
		t.Fatalf("%q: decode: %#v, encoding/json: %#v", data, again, w)
	}
}

func TestDecode_AsEncodingJSON(t *testing.T) {
	for _, data := range []string{
		`{}`, `{`, `}`, ``, `null`, `[]`, `{} `, ` {}`, `{}{}`, `{"":""}`, `{"iss":"a","iss":"b"}`, `{"ISS":"a"}`, `{"iss":null}`, `{"iss":1}`,
		`{"clm":{"a":1},"clm":{"b":2}}`, `{"clm":{"a":1,"a":2}}`, `{"clm":null}`, `{"clm":[]}`, `{"clm":{}}`, `{"clm":{]}`, `{"clm":{"a":[1}]}`, `{"clm":{"a":1`, `{"clm":{"a":"b`, `{"clm":{"a":"b\`, `{"clm":{"a":"}"}}`,
		`{"clm":{"a":[],"b":{},"c":[[],[1,[2,3],4],"x"],"d":null,"e":true,"f":false}}`, `{"clm":{"a":[1,]}}`, `{"clm":{"a":[,1]}}`, `{"clm":{"a":1,}}`, `{"clm":{"a"}}`,
		`{"prp":{"a":"b","a":"c"}}`, `{"prp":{"a":1}}`, `{"prp":{"a":null}}`, `{"prp":{},"prp":{"a":"b"}}`, `{"new":1,"iss":"a"}`,
		`{"iat":"2026-11-27T12:00:00Z"}`, `{"iat":"2026-11-27T12:00:00.123456789+01:00"}`, `{"iat":"2026-11-27 12:00:00Z"}`, `{"iat":"2026-11-27T12:00:00,5Z"}`, `{"iat":"9999-12-31T23:59:59-05:00"}`,
		`{"iat":null}`, `{"iat":"2026-11-27T12:00:00\u005a"}`, `{"iat":""}`, `{"iss":"a`, `{"iss":"a\`, `{"iss":"a\"`, `{"iss":"\ud800"}`, `{"iss":"\ud83d\ude00"}`, `{"iss":"\x"}`,
		`{"clm":{"n":[0,-0,1.5,-1e5,1E+5,1e-5,12345678901234567890]}}`, `{"clm":{"n":01}}`, `{"clm":{"n":-}}`, `{"clm":{"n":1.}}`, `{"clm":{"n":.5}}`, `{"clm":{"n":1e}}`, `{"clm":{"n":+1}}`,
		`{"clm":{"n":tru}}`, `{"clm":{"n":nul}}`, `{"clm":` + strings.Repeat(`{"n":`, 200) + `1` + strings.Repeat(`}`, 200) + `}`,
		`{"clm":{"n":` + strings.Repeat(`[`, 11_000) + strings.Repeat(`]`, 11_000) + `}}`, // encoding/json refuses it
		`{"clm":` + strings.Repeat(`{"n":`, 11_000) + `1` + strings.Repeat(`}`, 11_000) + `}`,
	} {
		wantAsEncodingJSON(t, []byte(data))
	}
	for _, c := range "\x00\x01\x1f !\"/[\\]{}\u007fa\u0080\u00bf\u00e9\u00ff" { // at every place of a word
		for length := range 18 {
			text := bytes.Repeat([]byte("a"), length+1)
			for at := range text {
				changed := bytes.Clone(text)
				changed[at] = byte(c)
				wantAsEncodingJSON(t, append(append([]byte(`{"iss":"`), changed...), `","clm":{"a":1}}`...))
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, e := range encodings {
		for _, ticket := range []Ticket{full(), every(), {}, {Claims: map[string]any{"roles": []any{"a", "b"}}}} {
			data, err := encode(ticket, e)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	for _, data := range []string{
		"\x01{\"clm\":{\"a\":[1e999,null]},\"exp\":\"0000-00-00\"}", "\x01{\"ISS\":\"a\",\"iss\":\"b\",\"iss\":\"\\u0000\"}",
		"\x01{\"clm\":{\"a\":1,\"a\":[true,false,[],{}]},\"prp\":{\"\":\"\"}}", "\x01{\"iss\":\"\xff\"}", "\x01{} ", "\x01{\"\":\"\"}", "\x01{\"iss\":\"\\", "\x01 {}", "\x01{\"iat\":null}",
		"\x02\x04\x05{\"a\"}", "\x02\x05\xff\xff\xff\xff\x0f",
	} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		decoded, err := decode(data)
		if err != nil && !errors.Is(err, ErrUnreadable) {
			t.Errorf("the error does not wrap ErrUnreadable: %v", err)
		}
		if len(data) > 0 && data[0] == byte(EncodingV1) {
			wantAsEncodingJSON(t, data[1:])
		}
		if err != nil {
			return
		}
		v1, err1 := encode(decoded, EncodingV1)
		v2, err2 := encode(decoded, EncodingV2)
		if (err1 == nil) != (err2 == nil) {
			t.Fatalf("EncodingV1: %v, EncodingV2: %v", err1, err2)
		}
		if err1 != nil {
			return // a year past 9999 with its offset removed, for example
		}
		for _, again := range [][]byte{v1, v2} {
			got, err := decode(again)
			if err != nil || !reflect.DeepEqual(got, wants(decoded)) {
				t.Errorf("encoding %d: another ticket, %v", again[0], err)
			}
		}
	})
}
