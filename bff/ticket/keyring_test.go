package ticket

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

func TestKeyRing_RotationWithoutDowntime(t *testing.T) {
	// During a deployment there are hosts of two successive steps.
	steps := []*KeyRing{ring(t, 1), ring(t, 1, 2), ring(t, 2, 1), ring(t, 2)}
	seal := func(r *KeyRing) []byte {
		sealed, err := Seal(r, binding, full())
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	for i := range len(steps) - 1 {
		a, b := steps[i], steps[i+1]
		if i+1 == len(steps)-1 {
			a = b // the old key is removed when every ticket is under the new key
		}
		for _, pair := range [][2]*KeyRing{{a, b}, {b, a}, {a, a}, {b, b}} {
			if _, err := Open(pair[1], binding, seal(pair[0])); err != nil {
				t.Errorf("step %d: %v", i+1, err)
			}
		}
	}
	old := seal(steps[0])
	if _, err := Open(steps[3], binding, old); !errors.Is(err, ErrUnreadable) {
		t.Errorf("a ticket under the removed key: %v", err)
	}
	for i, want := range []bool{false, false, true, true} {
		if got := NeedsReseal(steps[i], old); got != want {
			t.Errorf("step %d: NeedsReseal = %t, want %t", i, got, want)
		}
	}
	if NeedsReseal(failing{}, old) || NeedsReseal(steps[2], nil) || NeedsReseal(steps[2], []byte("foreign")) {
		t.Error("NeedsReseal of data that no ring has sealed")
	}
}

func TestNewKey_Validation(t *testing.T) {
	for _, n := range []int{0, 1, 16, 24, 31, 33, 64} {
		_, err := NewKey(make([]byte, n))
		if err == nil || !strings.Contains(err.Error(), strconv.Itoa(n)+" bytes") || !strings.Contains(err.Error(), "32") {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := NewKey(make([]byte, KeySize)); err == nil || !strings.Contains(err.Error(), "not random") {
		t.Errorf("a key of zeros: %v", err)
	}
	if _, err := NewKeyWithID(0, secret(1)); err == nil {
		t.Error("id 0 is accepted")
	}
	a, b := key(t, 1), key(t, 1)
	if a.ID() != b.ID() || a.ID() == key(t, 2).ID() {
		t.Error("the derived id does not depend on the key alone")
	}
	if _, err := NewKeyRing(a, b); err == nil {
		t.Error("two keys with the same id are accepted")
	}
	if _, err := NewKeyRing(Key{}); err == nil {
		t.Error("the zero Key is accepted")
	}
	// A key has a copy of the caller's bytes.
	s := secret(5)
	k, err := NewKey(s)
	if err != nil {
		t.Fatal(err)
	}
	r, _ := NewKeyRing(k)
	sealed, _ := Seal(r, binding, full())
	clear(s)
	if _, err := Open(ring(t, 5), binding, sealed); err != nil {
		t.Error("wiping the secret after NewKey changes the key")
	}
}

func TestParseKeyRing_Texts(t *testing.T) {
	std := base64.StdEncoding.EncodeToString(secret(1))
	url := base64.RawURLEncoding.EncodeToString(secret(2))
	for _, text := range []string{
		std + "\n" + url, " " + std + " , " + url + "\r\n", "# the new one: " + url + "\n" + std + "\n\n  # old\n" + url,
		strconv.FormatUint(uint64(key(t, 1).ID()), 10) + ":" + std + "," + url,
	} {
		r, err := ParseKeyRing(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if r.primary.id != key(t, 1).ID() || len(r.keys) != 2 {
			t.Errorf("%q: %v", text, r)
		}
	}
	short := base64.StdEncoding.EncodeToString(secret(3)[:31])
	for text, want := range map[string]string{
		"": "no key", "# nothing": "no key", short: "31 bytes", std + "," + short: "key number 2",
		"not*base64": "not base64", "x:" + std: "not a number", "4294967296:" + std: "not a number",
		"-1:" + std: "not a number", "0:" + std: "0", std + "," + std: "two keys", ":" + std: "not a number",
		base64.StdEncoding.EncodeToString(append(secret(3), 1)): "33 bytes",
	} {
		_, err := ParseKeyRing(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
			continue
		}
		for _, s := range []string{std, short, "not*base64"} {
			if strings.Contains(err.Error(), s) {
				t.Errorf("the error quotes a key: %v", err)
			}
		}
	}
}

func TestKeyRingFromFileAndEnv(t *testing.T) {
	text := base64.StdEncoding.EncodeToString(secret(1))
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if _, err := KeyRingFromFile(write("good", text+"\n")); err != nil {
		t.Error(err)
	}
	if _, err := KeyRingFromFile(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	_, err := KeyRingFromFile(write("bad", text[:40]))
	if err == nil || !strings.Contains(err.Error(), "bad") || strings.Contains(err.Error(), text[:20]) {
		t.Errorf("bad file: %v", err)
	}
	t.Setenv("TICKET_TEST_KEYS", text)
	if _, err := KeyRingFromEnv("TICKET_TEST_KEYS"); err != nil {
		t.Error(err)
	}
	if _, err := KeyRingFromEnv("TICKET_TEST_NO_KEYS"); err == nil || !strings.Contains(err.Error(), "TICKET_TEST_NO_KEYS") {
		t.Errorf("missing variable: %v", err)
	}
	t.Setenv("TICKET_TEST_KEYS", "")
	if _, err := KeyRingFromEnv("TICKET_TEST_KEYS"); err == nil {
		t.Error("an empty variable is accepted")
	}
}

func TestInsecureRandomKeyRing_DiffersEachTime(t *testing.T) {
	a, b := InsecureRandomKeyRing(), InsecureRandomKeyRing()
	sealed, err := Seal(a, binding, full())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(a, binding, sealed); err != nil {
		t.Error(err)
	}
	if _, err := Open(b, binding, sealed); !errors.Is(err, ErrUnreadable) {
		t.Errorf("another ring opens it: %v", err)
	}
}

func TestKeyRing_TinkWireFormat(t *testing.T) {
	k, err := NewKeyWithID(0x01020304, secret(1))
	if err != nil {
		t.Fatal(err)
	}
	r, _ := NewKeyRing(k)
	sealed, _ := r.Encrypt([]byte("plaintext"), nil)
	if want := 5 + 12 + len("plaintext") + 16; len(sealed) != want {
		t.Errorf("%d bytes, want %d", len(sealed), want)
	}
	if string(sealed[:5]) != "\x01\x01\x02\x03\x04" {
		t.Errorf("header %x", sealed[:5])
	}
	again, _ := r.Encrypt([]byte("plaintext"), nil)
	if string(again) == string(sealed) {
		t.Error("the nonce is not random")
	}
}

func TestKeyRingFromFile_Mode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the mode of a file on Windows does not say who may read it")
	}
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte(base64.StdEncoding.EncodeToString(secret(1))), 0o600); err != nil {
		t.Fatal(err)
	}
	link := path + "-link"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for mode, accepted := range map[os.FileMode]bool{
		0o400: true, 0o600: true, 0o440: true, 0o640: true, 0o660: true, 0o700: true,
		0o444: false, 0o644: false, 0o604: false, 0o602: false, 0o601: false, 0o666: false, 0o777: false,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, link} {
			_, err := KeyRingFromFile(name)
			if (err == nil) != accepted || err != nil && !strings.Contains(err.Error(), "chmod 0400") {
				t.Errorf("mode %#o: %v", mode, err)
			}
			if _, err := InsecureKeyRingFromFile(name); err != nil {
				t.Errorf("mode %#o, insecure: %v", mode, err)
			}
		}
	}
}

// pointerProtector is a Protector of an application.
type pointerProtector struct{ *KeyRing }

// TestCheckProtector_Unusable: a protector without a key is refused, and neither seals, opens nor
// panics.
func TestCheckProtector_Unusable(t *testing.T) {
	for name, p := range map[string]Protector{"nil": nil, "nil ring": (*KeyRing)(nil), "zero ring": &KeyRing{}, "nil pointer": (*pointerProtector)(nil)} {
		if err := CheckProtector(p); err == nil {
			t.Errorf("%s was accepted", name)
		}
		ring, ok := p.(*KeyRing)
		if !ok {
			continue
		}
		if _, err := Seal(ring, Binding{}, Ticket{}); err == nil {
			t.Errorf("%s seals", name)
		}
		if _, err := SealBytes(ring, Binding{}, []byte("x")); err == nil {
			t.Errorf("%s seals bytes", name)
		}
		if _, err := Open(ring, Binding{}, make([]byte, 100)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s opens: %v", name, err)
		}
		if ring.NeedsReseal(make([]byte, 100)) || fmt.Sprint(ring) == "" {
			t.Errorf("%s: NeedsReseal", name)
		}
		_ = ring.ForPurpose("x")
	}
	if err := CheckProtector(InsecureRandomKeyRing()); err != nil {
		t.Error(err)
	}
}

// The printed text of a key or a ring names the key's id, so that an operator sees which key is used.
func TestFormat_NamesKeys(t *testing.T) {
	k, err := NewKeyWithID(7, secret(1))
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewKeyWithID(8, secret(2))
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewKeyRing(k, other)
	if err != nil {
		t.Fatal(err)
	}
	for want, v := range map[string]any{
		"key{id 7}": k, "key ring{primary 7, 2 keys}": r, "key ring{}": (*KeyRing)(nil), "ticket{redacted}": full(),
	} {
		if got := fmt.Sprintf("%v", v); got != want {
			t.Errorf("printed %q, want %q", got, want)
		}
		if got := v.(slog.LogValuer).LogValue().String(); got != want {
			t.Errorf("logged %q, want %q", got, want)
		}
	}
}
