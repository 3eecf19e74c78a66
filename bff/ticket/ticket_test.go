package ticket

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"
)

// secret returns 32 fixed bytes for each seed.
func secret(seed byte) []byte {
	s := make([]byte, KeySize)
	for i := range s {
		s[i] = seed + byte(i)*7
	}
	return s
}

func key(t testing.TB, seed byte) Key {
	t.Helper()
	k, err := NewKey(secret(seed))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ring(t testing.TB, seeds ...byte) *KeyRing {
	t.Helper()
	var keys []Key
	for _, seed := range seeds {
		keys = append(keys, key(t, seed))
	}
	r, err := NewKeyRing(keys[0], keys[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var (
	noon    = time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC)
	binding = Binding{PartitionKey: "app", Key: "k1", SubjectID: "alice", SessionID: "s1"}
)

func full() Ticket {
	return Ticket{
		Issuer: "https://id.example", SubjectID: "alice", SessionID: "s1",
		Claims: map[string]any{
			"name": "Alice <é&世>", "n": json.Number("12345678901234567890"), "ok": true, "none": nil,
			"groups": []any{"a", map[string]any{"deep": json.Number("1.5")}},
		},
		AccessToken: "secret-access", AccessTokenExpires: noon.Add(time.Hour),
		RefreshToken: "secret-refresh", RefreshTokenExpires: noon.Add(24 * time.Hour),
		IDToken: "secret-id", Properties: map[string]string{"device": "Firefox on Linux"},
		Issued: noon, Expires: noon.Add(12 * time.Hour),
	}
}

func TestOpen_RoundTrip(t *testing.T) {
	for name, want := range map[string]Ticket{"full": full(), "least": {SubjectID: "alice", SessionID: "s1"}} {
		t.Run(name, func(t *testing.T) {
			r := ring(t, 1)
			sealed, err := Seal(r, binding, want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Open(r, binding, sealed)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %#v\nwant %#v", wire{Claims: got.Claims, Properties: got.Properties}, wire{Claims: want.Claims})
			}
		})
	}
}

// sealedV1 is full(), sealed for binding under key(1).
const sealedV1 = "01c8b74fbb4db0b0bb867fb1387971d5882f0b065524afc3357aafebe551b0cde0abd39e3d1bc4ca02a4f4600b8878d7a0fe1aebec68726d37352c92f25e54895381207bd9d3234775181e36c906f39f02cd1bf21d589dd6a1607112147c84dfd87db15cbe323c6dc188fcccc82ce9ee20626bc1bfeac3f9d967a71a489334683d949d7d8d6cd18bde7428fa0d622cb5d0cdd2f87142d3b1bc0e6495cf09f9804950fc5a91fbe949c63e8e466775fafcff1d9779ec734cf406f0a401ba8fbaeb803c0a51b8ae01d0cd4c1bf23e10ec0ca4fdc70eb2b5ec35931c3c6d24dad94109729811c4eede694ff344cce3241903dbeafb1c2f6f9c17fd2ae1b3d7ca4df2e7232109f18344f1e1f27880bb850699185eb678be59d71a2579955e8884f0154b94aa83f695f657f0e6a0b566b49752467f652db8c0681b24dafb1bd54869aa8ef18752427d59f8c867b8600b5450a43d0736e523676ce99cec5318c3f6dc244bedf89995cf7af1d8aea4af7fa50526c8c6ad2855f588c43239c6a5352917daa17ea9b0e32c37890c3b346e2ed9685a0349c996a004efa4e0b0fdbd6dc1e85e47911551ea20196e2dd109593cdfd5204768faaf025331b6490eba0fa42f9f1463ae"

// Tickets that the first release sealed must open with every later release.
func TestOpen_Version1(t *testing.T) {
	data, err := hex.DecodeString(sealedV1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Open(ring(t, 2, 1), binding, data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, full()) {
		t.Error("the opened ticket has other values")
	}
}

func TestOpen_BoundToRow(t *testing.T) {
	r := ring(t, 1)
	sealed, err := Seal(r, binding, full())
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]Binding{
		"partition":  {"other", "k1", "alice", "s1"},
		"key":        {"app", "k2", "alice", "s1"},
		"subject":    {"app", "k1", "bob", "s1"},
		"session id": {"app", "k1", "alice", "s2"},
		"shifted":    {"appk", "1", "alice", "s1"},
		"nothing":    {},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Open(r, other, sealed); !errors.Is(err, ErrUnreadable) {
				t.Errorf("a ticket opens in another row: %v", err)
			}
		})
	}
	t.Run("purpose", func(t *testing.T) {
		foreign, err := r.Encrypt([]byte("\x01{\"sub\":\"alice\",\"sid\":\"s1\"}"), []byte("something else"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(r, binding, foreign); !errors.Is(err, ErrUnreadable) {
			t.Errorf("a ciphertext of the same key for another purpose opens as a ticket: %v", err)
		}
	})
}

func TestBinding_AssociatedDataIsUnambiguous(t *testing.T) {
	seen := make(map[string]Binding)
	parts := []string{"", "a", "aa", "\x00", "a\x00\x00\x00\x01a"}
	for _, p := range parts {
		for _, k := range parts {
			for _, sub := range parts {
				for _, sid := range parts {
					b := Binding{p, k, sub, sid}
					data := string(b.associatedData(ticketPurpose))
					if other, ok := seen[data]; ok {
						t.Fatalf("%q and %q have the same associated data", b, other)
					}
					seen[data] = b
				}
			}
		}
	}
}

func TestOpen_ChangedTruncatedOrForeignInput(t *testing.T) {
	r := ring(t, 1)
	sealed, err := Seal(r, binding, full())
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(what string, data []byte) {
		t.Helper()
		got, err := Open(r, binding, data)
		if !errors.Is(err, ErrUnreadable) {
			t.Errorf("%s: %v", what, err)
		}
		if !reflect.DeepEqual(got, Ticket{}) {
			t.Errorf("%s: returns part of a ticket", what)
		}
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		refuse(fmt.Sprintf("byte %d changed", i), changed)
		refuse(fmt.Sprintf("cut to %d bytes", i), sealed[:i])
	}
	refuse("a byte more", append(bytes.Clone(sealed), 0))
	refuse("nil", nil)
	refuse("text", []byte("eyJhbGciOiJub25lIn0.e30."))
	other, err := Seal(ring(t, 9), binding, full())
	if err != nil {
		t.Fatal(err)
	}
	refuse("unknown key", other)
	for what, plaintext := range map[string]string{
		"empty": "", "unknown version": "\x02{\"sub\":\"alice\",\"sid\":\"s1\"}", "version 0": "\x00{\"sub\":\"alice\",\"sid\":\"s1\"}", "not JSON": "\x01x", "no JSON": "\x01",
		"more JSON": "\x01{\"sub\":\"alice\",\"sid\":\"s1\"}{}", "an array": "\x01[]",
		"another subject": "\x01{\"sub\":\"bob\",\"sid\":\"s1\"}", "another session": "\x01{\"sub\":\"alice\"}",
		"an invalid time": "\x01{\"sub\":\"alice\",\"sid\":\"s1\",\"exp\":\"soon\"}",
	} {
		data, err := r.Encrypt([]byte(plaintext), binding.associatedData(ticketPurpose))
		if err != nil {
			t.Fatal(err)
		}
		refuse(what, data)
	}
}

func TestSeal_RefusesLossyTickets(t *testing.T) {
	for name, change := range map[string]func(*Ticket){
		"another subject": func(c *Ticket) { c.SubjectID = "bob" },
		"another session": func(c *Ticket) { c.SessionID = "" },
		"invalid UTF-8":   func(c *Ticket) { c.AccessToken = "\xff" },
		"bad property":    func(c *Ticket) { c.Properties = map[string]string{"p": "\xff"} },
		"a claim without a JSON form": func(c *Ticket) {
			c.Claims = map[string]any{"secret-claim": func() {}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := full()
			change(&c)
			_, err := Seal(ring(t, 1), binding, c)
			if err == nil {
				t.Fatal("sealed")
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error quotes the ticket: %v", err)
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Encrypt(_, _ []byte) ([]byte, error) { return nil, f.err }
func (f failing) Decrypt(_, _ []byte) ([]byte, error) { return nil, f.err }

func TestOpen_ForeignProtectorErrorsNotQuoted(t *testing.T) {
	p := failing{errors.New("cannot decrypt secret-ticket")}
	_, err := Open(p, binding, nil)
	if !errors.Is(err, ErrUnreadable) || strings.Contains(err.Error(), "secret") {
		t.Errorf("Open: %v", err)
	}
	if _, err = Seal(p, binding, full()); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("Seal: %v", err)
	}
	_, err = Open(failing{fmt.Errorf("kms: %w: secret", ErrUnavailable)}, binding, nil)
	if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUnreadable) || strings.Contains(err.Error(), "secret") {
		t.Errorf("a protector that is not available: %v", err)
	}
}

func TestFormat_TicketsAndKeysNotPrinted(t *testing.T) {
	k := key(t, 1)
	r := ring(t, 1, 2)
	derived := r.ForPurpose("a").primary.material().secret
	forbidden := []string{
		fmt.Sprint(derived), strings.Trim(fmt.Sprint(derived), "[]"), hex.EncodeToString(derived[:]),
		"secret", hex.EncodeToString(secret(1)), base64.StdEncoding.EncodeToString(secret(1)),
		fmt.Sprint(secret(1)), strings.Trim(fmt.Sprint(secret(1)), "[]"),
	}
	var out bytes.Buffer
	for _, v := range []any{full(), new(full()), []Ticket{full()}, k, &k, []Key{k}, r, *r, struct{ R *KeyRing }{r},
		struct{ k Key }{k}, struct{ r KeyRing }{*r}, &struct{ k *Key }{&k}, r.ForPurpose("a"), struct{ r KeyRing }{*r.ForPurpose("a")}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
		data, _ := json.Marshal(v)
		out.Write(data)
	}
	if text := fmt.Sprintf("%v %+v %#v", full(), new(full()), []Ticket{full()}); strings.Contains(text, "Alice") {
		t.Errorf("claims are printed: %s", text)
	}
	// JSON is what a BFF may send to the browser: claims, but no tokens.
	data, err := json.Marshal(full())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte("secret")) {
		t.Errorf("JSON holds a token: %s", data)
	}
	for _, f := range forbidden {
		if i := strings.Index(out.String(), f); i >= 0 {
			t.Errorf("%q is printed: …%s", f, out.String()[max(0, i-80):min(out.Len(), i+80)])
		}
	}
}

func TestTicket_CloneSharesNothing(t *testing.T) {
	a := full()
	b := a.Clone()
	b.Properties["device"] = "changed"
	b.Claims["groups"].([]any)[1].(map[string]any)["deep"] = "changed"
	if !reflect.DeepEqual(a, full()) {
		t.Error("changing the clone changes the original")
	}
}
