package tinktest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/core/cryptofmt"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"

	"example.com/usersession/bff/ticket"
)

// A tink.AEAD is a Protector.
var _ ticket.Protector = tink.AEAD(nil)

type pair struct {
	id     uint32
	secret []byte
}

func newPair(t *testing.T, id uint32) pair {
	t.Helper()
	secret := make([]byte, ticket.KeySize)
	_, _ = rand.Read(secret)
	return pair{id, secret}
}

// tinkAEAD returns Tink's AEAD of the keys. The first key is the primary key.
func tinkAEAD(t *testing.T, pairs ...pair) tink.AEAD {
	t.Helper()
	params, err := aesgcm.NewParameters(aesgcm.ParametersOpts{
		KeySizeInBytes: ticket.KeySize, IVSizeInBytes: 12, TagSizeInBytes: 16, Variant: aesgcm.VariantTink,
	})
	if err != nil {
		t.Fatal(err)
	}
	manager := keyset.NewManager()
	for i, p := range pairs {
		k, err := aesgcm.NewKey(secretdata.NewBytesFromData(p.secret, insecuresecretdataaccess.Token{}), p.id, params)
		if err != nil {
			t.Fatal(err)
		}
		id, err := manager.AddKey(k)
		if err != nil {
			t.Fatal(err)
		}
		if id != p.id {
			t.Fatalf("Tink gave the key the id %d, want %d", id, p.id)
		}
		if i == 0 {
			if err := manager.SetPrimary(id); err != nil {
				t.Fatal(err)
			}
		}
	}
	handle, err := manager.Handle()
	if err != nil {
		t.Fatal(err)
	}
	a, err := aead.New(handle)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func keyRing(t *testing.T, pairs ...pair) *ticket.KeyRing {
	t.Helper()
	var keys []ticket.Key
	for _, p := range pairs {
		k, err := ticket.NewKeyWithID(p.id, p.secret)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	r, err := ticket.NewKeyRing(keys[0], keys[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestKeyRing_WireFormatCompatibleWithTink(t *testing.T) {
	a, b := newPair(t, 1), newPair(t, 0xfffffffe)
	for _, pairs := range [][]pair{{a}, {b}, {a, b}, {b, a}} {
		ours, theirs := keyRing(t, pairs...), tinkAEAD(t, pairs...)
		for _, plaintext := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("ticket"), 20000)} {
			for _, ad := range [][]byte{nil, []byte("associated data")} {
				for name, way := range map[string][2]ticket.Protector{"ours to Tink": {ours, theirs}, "Tink to ours": {theirs, ours}} {
					sealed, err := way[0].Encrypt(plaintext, ad)
					if err != nil {
						t.Fatal(err)
					}
					if len(sealed) != len(plaintext)+cryptofmt.TinkPrefixSize+12+16 {
						t.Errorf("%s: %d bytes of %d", name, len(sealed), len(plaintext))
					}
					opened, err := way[1].Decrypt(sealed, ad)
					if err != nil || !bytes.Equal(opened, plaintext) {
						t.Errorf("%s: %v", name, err)
					}
					if _, err := way[1].Decrypt(sealed, []byte("other data")); err == nil {
						t.Errorf("%s: opens with other associated data", name)
					}
				}
			}
		}
	}
}

func TestSeal_KeyRingAndTinkOpenEachOther(t *testing.T) {
	p := newPair(t, 77)
	ours, theirs := keyRing(t, p), tinkAEAD(t, p)
	row := ticket.Binding{PartitionKey: "app", Key: "k", SubjectID: "alice", SessionID: "s"}
	for name, way := range map[string][2]ticket.Protector{"ours to Tink": {ours, theirs}, "Tink to ours": {theirs, ours}} {
		sealed, err := ticket.Seal(way[0], row, ticket.Ticket{SubjectID: "alice", SessionID: "s", AccessToken: "token"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := ticket.Open(way[1], row, sealed)
		if err != nil || got.AccessToken != "token" {
			t.Errorf("%s: %v", name, err)
		}
		sealed[len(sealed)-1]++
		if _, err := ticket.Open(way[1], row, sealed); !errors.Is(err, ticket.ErrUnreadable) {
			t.Errorf("%s, tampered: %v", name, err)
		}
	}
}
