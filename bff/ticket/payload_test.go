package ticket

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/usersession/bff"
)

// foreign hides the type of a key ring, as a Protector with a tracer around it would.
type foreign struct{ Protector }

// protectors are the two kinds: a key ring, and a Protector of another type.
func protectors(t testing.TB) map[string]Protector {
	return map[string]Protector{"key ring": ring(t, 1), "foreign protector": foreign{ring(t, 1)}}
}

func TestSealBytes_RoundTrip(t *testing.T) {
	for name, p := range protectors(t) {
		t.Run(name, func(t *testing.T) {
			for _, payload := range [][]byte{nil, {0}, []byte("gob of a session library"), bytes.Repeat([]byte("x"), 1<<20)} {
				sealed, err := SealBytes(p, binding, payload)
				if err != nil {
					t.Fatal(err)
				}
				got, err := OpenBytes(p, binding, sealed)
				if err != nil || !bytes.Equal(got, payload) {
					t.Errorf("%d bytes: got %d bytes, %v", len(payload), len(got), err)
				}
				if len(payload) > 1 && bytes.Contains(sealed, payload) {
					t.Error("the sealed payload contains the plaintext")
				}
			}
		})
	}
}

func TestSealBytes_BoundToRow(t *testing.T) {
	for name, p := range protectors(t) {
		t.Run(name, func(t *testing.T) {
			sealed, err := SealBytes(p, binding, []byte("payload"))
			if err != nil {
				t.Fatal(err)
			}
			for _, other := range []Binding{
				{"other", "k1", "alice", "s1"}, {"app", "k2", "alice", "s1"}, {"app", "k1", "bob", "s1"},
				{"app", "k1", "alice", "s2"}, {"app", "k1", "", ""}, {},
			} {
				if got, err := OpenBytes(p, other, sealed); !errors.Is(err, ErrUnreadable) || got != nil {
					t.Errorf("%v: got %q, %v", other, got, err)
				}
			}
		})
	}
}

// A payload that has the encoding of a ticket must not open as a ticket.
func TestSealBytes_NeverOpensAsTicket(t *testing.T) {
	plaintext, err := encode(full(), EncodingV1)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range protectors(t) {
		t.Run(name, func(t *testing.T) {
			payload, err := SealBytes(p, binding, plaintext)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Open(p, binding, payload); !errors.Is(err, ErrUnreadable) {
				t.Errorf("Open of a payload: %v", err)
			}
			sealed, err := Seal(p, binding, full())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := OpenBytes(p, binding, sealed); !errors.Is(err, ErrUnreadable) {
				t.Errorf("OpenBytes of a ticket: %v", err)
			}
		})
	}
}

// The keys of a ring separate payloads from tickets by themselves, and so does the
// associated data.
func TestSealBytes_SeparatedByKeyAndAssociatedData(t *testing.T) {
	r := ring(t, 1)
	derived := r.ForPurpose(payloadPurpose)
	sealed, err := SealBytes(r, binding, []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Decrypt(sealed, binding.associatedData(payloadPurpose)); !errors.Is(err, ErrUnreadable) {
		t.Errorf("the ring's own key opens a payload: %v", err)
	}
	if _, err := derived.Decrypt(sealed, binding.associatedData(ticketPurpose)); !errors.Is(err, ErrUnreadable) {
		t.Errorf("a payload opens with the associated data of a ticket: %v", err)
	}
	if got, err := derived.Decrypt(sealed, binding.associatedData(payloadPurpose)); err != nil || string(got) != "payload" {
		t.Errorf("got %q, %v", got, err)
	}
}

// payloadV1 is "payload", sealed for binding under key(1).
const payloadV1 = "01c8b74fbbba222a8cfaaa10809a1590472021b5b8126c26f4046e6ca46498a9611f6d95eed5c332"

// Payloads that are sealed today must open with every later release.
func TestOpenBytes_Version1(t *testing.T) {
	sealed, err := hex.DecodeString(payloadV1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenBytes(ring(t, 2, 1), binding, sealed)
	if err != nil || string(got) != "payload" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestOpenBytes_ChangedOrForeignInput(t *testing.T) {
	r := ring(t, 1)
	sealed, err := SealBytes(r, binding, []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(input string, data []byte) {
		t.Helper()
		if got, err := OpenBytes(r, binding, data); !errors.Is(err, ErrUnreadable) || got != nil {
			t.Errorf("%s: got %q, %v", input, got, err)
		}
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		refuse(fmt.Sprintf("byte %d changed", i), changed)
		refuse(fmt.Sprintf("cut to %d bytes", i), sealed[:i])
	}
	refuse("nil", nil)
	refuse("one more byte", append(bytes.Clone(sealed), 0))
	unknown, err := SealBytes(ring(t, 9), binding, []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	refuse("unknown key", unknown)
}

func TestOpenBytes_ProtectorErrors(t *testing.T) {
	p := failing{errors.New("cannot decrypt secret-payload")}
	if _, err := OpenBytes(p, binding, nil); !errors.Is(err, ErrUnreadable) || strings.Contains(err.Error(), "secret") {
		t.Errorf("OpenBytes: %v", err)
	}
	if _, err := SealBytes(p, binding, nil); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("SealBytes: %v", err)
	}
	p = failing{fmt.Errorf("kms: %w: secret", ErrUnavailable)}
	if _, err := OpenBytes(p, binding, nil); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUnreadable) || strings.Contains(err.Error(), "secret") {
		t.Errorf("protector unavailable: %v", err)
	}
}

// keeping returns the same slice from every Decrypt, as a Protector with a cache might.
type keeping struct{ plaintext []byte }

func (k keeping) Encrypt(_, _ []byte) ([]byte, error) { return []byte("sealed"), nil }
func (k keeping) Decrypt(_, _ []byte) ([]byte, error) { return k.plaintext, nil }

func TestOpenBytes_ReturnsCopy(t *testing.T) {
	p := keeping{[]byte("payload")}
	got, err := OpenBytes(p, binding, []byte("sealed"))
	if err != nil {
		t.Fatal(err)
	}
	clear(got)
	if string(p.plaintext) != "payload" {
		t.Error("changing the payload changes the protector's copy")
	}
	r := ring(t, 1)
	sealed, _ := SealBytes(r, binding, []byte("payload"))
	before := bytes.Clone(sealed)
	if got, err = OpenBytes(r, binding, sealed); err != nil {
		t.Fatal(err)
	}
	clear(got)
	if !bytes.Equal(sealed, before) {
		t.Error("changing the payload changes the sealed bytes")
	}
}

func TestNeedsReseal_Payload(t *testing.T) {
	old, rotated := ring(t, 1), ring(t, 2, 1)
	sealed, err := SealBytes(old, binding, []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	if NeedsReseal(old, sealed) || !NeedsReseal(rotated, sealed) {
		t.Error("NeedsReseal of a payload differs from that of a ticket")
	}
	payload, err := OpenBytes(rotated, binding, sealed)
	if err != nil {
		t.Fatal(err)
	}
	if sealed, err = SealBytes(rotated, binding, payload); err != nil || NeedsReseal(rotated, sealed) {
		t.Errorf("sealed again: %v", err)
	}
	if _, err := OpenBytes(ring(t, 2), binding, sealed); err != nil {
		t.Errorf("without the old key: %v", err)
	}
}

// An anonymous session has no subject id; its ticket is still bound to its row.
func TestSeal_AnonymousSession(t *testing.T) {
	row := bff.UserSession{PartitionKey: "app", Key: "k1"}
	r := ring(t, 1)
	sealed, err := Seal(r, BindingOf(row), Ticket{Properties: map[string]string{"cart": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Open(r, BindingOf(row), sealed)
	if err != nil || got.Properties["cart"] != "1" {
		t.Errorf("got %v, %v", got.Properties, err)
	}
	for _, other := range []Binding{binding, {PartitionKey: "app", Key: "k2"}} {
		if _, err := Open(r, other, sealed); !errors.Is(err, ErrUnreadable) {
			t.Errorf("%v: %v", other, err)
		}
	}
	if _, err := Seal(r, binding, Ticket{}); err == nil {
		t.Error("an anonymous ticket is sealed for a user's row")
	}
}

func TestForPurpose_SeparatesPurposes(t *testing.T) {
	r := ring(t, 1)
	rings := []*KeyRing{
		r, r.ForPurpose("a"), r.ForPurpose("b"), r.ForPurpose("a").ForPurpose("b"), r.ForPurpose("ab"),
		ring(t, 2).ForPurpose("a"),
	}
	ad := []byte("the same associated data")
	for i, from := range rings {
		sealed, err := from.Encrypt([]byte("plaintext"), ad)
		if err != nil {
			t.Fatal(err)
		}
		for j, to := range rings {
			if _, err := to.Decrypt(sealed, ad); (err == nil) != (i == j) {
				t.Errorf("ring %d opens the ciphertext of ring %d: %v", j, i, err)
			}
		}
	}
}

func TestForPurpose_KeepsIDsAndPrimary(t *testing.T) {
	r := ring(t, 1, 2, 3)
	derived := r.ForPurpose("a")
	if derived.primary.id != r.primary.id || len(derived.keys) != len(r.keys) {
		t.Errorf("derived %v from %v", derived, r)
	}
	for id := range r.keys {
		if derived.keys[id].id != id {
			t.Errorf("the key %d has the id %d in the derived ring", id, derived.keys[id].id)
		}
	}
	// A derived ring rotates with its ring.
	sealed, _ := ring(t, 2).ForPurpose("a").Encrypt([]byte("plaintext"), nil)
	if got, err := derived.Decrypt(sealed, nil); err != nil || string(got) != "plaintext" {
		t.Errorf("got %q, %v", got, err)
	}
	if !derived.NeedsReseal(sealed) {
		t.Error("a ciphertext under another key than the primary key needs no reseal")
	}
}

// The derived key is HKDF-SHA256 (RFC 5869) of the key, without salt, with purposeInfo and
// the name as info. The expected bytes were computed with another implementation.
func TestForPurpose_DerivedKeyVector(t *testing.T) {
	derived := key(t, 1).forPurpose("test")
	if got := fmt.Sprintf("%x", derived.material().secret); got != "02d93252dd3cb9f9a9e4395306597ac85dabb2db96cd63c31ef95242a785d3f0" {
		t.Errorf("derived key %s", got)
	}
}

func TestForPurpose_EmptyNamePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an empty name does not panic")
		}
	}()
	ring(t, 1).ForPurpose("")
}

func TestForPurpose_ConcurrentAndBounded(t *testing.T) {
	r := ring(t, 1, 2)
	var wg sync.WaitGroup
	got := make([]*KeyRing, 16)
	for i := range got {
		wg.Go(func() { got[i] = r.ForPurpose("a") })
	}
	wg.Wait()
	if len(slices.Compact(got)) != 1 {
		t.Error("the ring derives the same purpose more than once")
	}
	var last *KeyRing
	for i := range 2 * maxDerivedRings {
		last = r.ForPurpose(fmt.Sprint("purpose ", i))
	}
	if n := len(r.derived.byPurpose); n > maxDerivedRings {
		t.Errorf("the ring remembers %d derived rings", n)
	}
	sealed, _ := last.Encrypt([]byte("plaintext"), nil)
	if _, err := r.ForPurpose(fmt.Sprint("purpose ", 2*maxDerivedRings-1)).Decrypt(sealed, nil); err != nil {
		t.Errorf("a purpose that is not remembered: %v", err)
	}
}
