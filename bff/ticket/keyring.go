package ticket

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// KeySize is the length of a key in bytes (AES-256).
const KeySize = 32

// headerSize is the length of Tink's prefix: a version byte and the key id, big-endian.
const headerSize = 5

// tinkVersion is the first byte of a ciphertext of a Tink key with output prefix TINK.
const tinkVersion = 0x01

// purposeInfo precedes the name of the purpose in HKDF's info.
const purposeInfo = "example.com/usersession key purpose v1\x00"

// maxDerivedRings bounds how many derived rings a ring remembers. The names of purposes
// are constants, so that a program has only a few.
const maxDerivedRings = 64

// A Key is an AES-256 key with an id. Every ciphertext names the id of its key. A Key
// never prints its secret.
type Key struct {
	id uint32
	// material is nil in the zero Key. It is a function because fmt prints the
	// contents of a struct or a pointer whose Format method it cannot call, as in a
	// struct that has a Key in an unexported field; of a function it prints the
	// address.
	material func() keyMaterial
}

type keyMaterial struct {
	aead   cipher.AEAD
	secret [KeySize]byte
}

// NewKey returns a key made of 32 random bytes, which it copies. The id is derived from
// the bytes, so that the same key has the same id on every host.
//
// A secret of another length, or whose bytes are all equal, is an error. The error does
// not quote the secret.
func NewKey(secret []byte) (Key, error) {
	sum := sha256.Sum256(append([]byte("example.com/usersession key id v1\x00"), secret...))
	id := binary.BigEndian.Uint32(sum[:])
	if id == 0 { // Tink reserves 0
		id = 1
	}
	return NewKeyWithID(id, secret)
}

// NewKeyWithID is [NewKey] with an id of the caller's choice, such as the id of the key
// in a Tink keyset. The id must not be 0.
func NewKeyWithID(id uint32, secret []byte) (Key, error) {
	if len(secret) != KeySize {
		return Key{}, fmt.Errorf("ticket: the key has %d bytes, want %d random bytes", len(secret), KeySize)
	}
	if id == 0 {
		return Key{}, errors.New("ticket: the key's id is 0")
	}
	allEqual := true
	for _, b := range secret {
		allEqual = allEqual && b == secret[0]
	}
	if allEqual {
		return Key{}, errors.New("ticket: the key is not random: all of its bytes are equal")
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return Key{}, errors.New("ticket: the key is not usable")
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return Key{}, errors.New("ticket: the key is not usable")
	}
	material := keyMaterial{aead, [KeySize]byte(secret)}
	return Key{id, func() keyMaterial { return material }}, nil
}

func (k Key) aead() cipher.AEAD { return k.material().aead }

// forPurpose returns a key with the same id whose secret is derived from k's secret and
// the purpose (HKDF-SHA256, RFC 5869, without salt: the secret is random already).
func (k Key) forPurpose(purpose string) Key {
	material := k.material()
	secret, err := hkdf.Key(sha256.New, material.secret[:], nil, purposeInfo+purpose, KeySize)
	if err != nil {
		panic(fmt.Sprintf("ticket: deriving a key: %v", err)) // only for a longer key
	}
	derived, err := NewKeyWithID(k.id, secret)
	if err != nil {
		panic(err) // 32 derived bytes that are all equal
	}
	return derived
}

// ID returns the key's id. The id is not secret: it is in the header of every ciphertext.
func (k Key) ID() uint32 { return k.id }

// Format implements [fmt.Formatter]. It prints only the id.
func (k Key) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "key{id %d}", k.id) }

// LogValue implements [slog.LogValuer]. It logs only the id.
func (k Key) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("key{id %d}", k.id)) }

// A KeyRing is the default [Protector]: AES-256-GCM with a random nonce. Its primary key
// seals, and any of its keys opens. A KeyRing is immutable and safe for concurrent use.
// Make it with [NewKeyRing] or [ParseKeyRing]: a nil or zero KeyRing has no key, neither seals
// nor opens, and is refused by [CheckProtector].
//
// A ciphertext consists of 0x01, the key id in four bytes (big-endian), the nonce (12
// bytes), the encrypted plaintext and the tag (16 bytes).
type KeyRing struct {
	primary Key
	keys    map[uint32]Key
	derived *derivedRings
}

// derivedRings are the rings that a ring has derived, by purpose.
type derivedRings struct {
	mu        sync.Mutex
	byPurpose map[string]*KeyRing
}

// NewKeyRing returns a ring that seals with primary and opens with any of the keys. Two
// keys with the same id, or a zero [Key], are an error.
func NewKeyRing(primary Key, others ...Key) (*KeyRing, error) {
	r := &KeyRing{primary: primary, keys: make(map[uint32]Key), derived: &derivedRings{}}
	for _, k := range append([]Key{primary}, others...) {
		if k.material == nil {
			return nil, errors.New("ticket: a key is the zero Key: make it with NewKey")
		}
		if _, ok := r.keys[k.id]; ok {
			return nil, fmt.Errorf("ticket: two keys have the id %d", k.id)
		}
		r.keys[k.id] = k
	}
	return r, nil
}

// InsecureRandomKeyRing returns a ring with a new random key, for development and tests.
// The key exists only in this process: after a restart, and on every other host, tickets
// sealed with it do not open and their sessions end.
func InsecureRandomKeyRing() *KeyRing {
	secret := make([]byte, KeySize)
	_, _ = rand.Read(secret) // it never returns an error
	k, err := NewKey(secret)
	if err != nil {
		panic(err) // 32 random bytes that are all equal
	}
	r, err := NewKeyRing(k)
	if err != nil {
		panic(err) // not with a single key
	}
	return r
}

// ForPurpose returns a ring for one purpose besides tickets: a link in an e-mail, or a
// cookie of the application's own. Each of its keys is derived from the key of r with the
// same id; its primary key has the id of r's primary key, so that the derived ring rotates
// together with r. Neither r nor the ring of another purpose opens its ciphertexts, and it
// opens none of theirs.
//
// The name should be a constant of the program, and must stay the same for as long as
// ciphertexts of the purpose exist. An empty name is a programming error: ForPurpose
// panics.
//
// A ring remembers the rings that it derived, so that calling ForPurpose before every use
// is cheap.
func (r *KeyRing) ForPurpose(name string) *KeyRing {
	if name == "" {
		panic("ticket: ForPurpose: the name of the purpose is empty")
	}
	if !r.hasKey() {
		return r
	}
	r.derived.mu.Lock()
	defer r.derived.mu.Unlock()
	if derived := r.derived.byPurpose[name]; derived != nil {
		return derived
	}
	derived := &KeyRing{keys: make(map[uint32]Key, len(r.keys)), derived: &derivedRings{}}
	for id, k := range r.keys {
		derived.keys[id] = k.forPurpose(name)
	}
	derived.primary = derived.keys[r.primary.id]
	if r.derived.byPurpose == nil {
		r.derived.byPurpose = make(map[string]*KeyRing)
	}
	if len(r.derived.byPurpose) < maxDerivedRings {
		r.derived.byPurpose[name] = derived
	}
	return derived
}

// hasKey is false for a nil or zero KeyRing.
func (r *KeyRing) hasKey() bool { return r != nil && r.primary.material != nil }

var errNoKey = errors.New("the key ring has no key: make it with ticket.NewKeyRing, KeyRingFromFile or KeyRingFromEnv")

// Encrypt implements [Protector] with the primary key.
func (r *KeyRing) Encrypt(plaintext, associatedData []byte) ([]byte, error) {
	if !r.hasKey() {
		return nil, errNoKey
	}
	aead := r.primary.aead()
	out := make([]byte, headerSize, headerSize+len(plaintext)+aead.Overhead())
	out[0] = tinkVersion
	binary.BigEndian.PutUint32(out[1:], r.primary.id)
	return aead.Seal(out, nil, plaintext, associatedData), nil
}

// Decrypt implements [Protector] with the key whose id is in the ciphertext. The
// plaintext is the caller's own. Its errors wrap [ErrUnreadable] and quote nothing of the
// ciphertext but the key id.
func (r *KeyRing) Decrypt(ciphertext, associatedData []byte) ([]byte, error) {
	if !r.hasKey() {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, errNoKey)
	}
	if len(ciphertext) < headerSize+r.primary.aead().Overhead() {
		return nil, fmt.Errorf("%w: it is too short", ErrUnreadable)
	}
	if ciphertext[0] != tinkVersion {
		return nil, fmt.Errorf("%w: it is not in the format of a key ring", ErrUnreadable)
	}
	id := binary.BigEndian.Uint32(ciphertext[1:])
	k, ok := r.keys[id]
	if !ok {
		return nil, fmt.Errorf("%w: the key with id %d is not in the ring", ErrUnreadable, id)
	}
	plaintext, err := k.aead().Open(nil, nil, ciphertext[headerSize:], associatedData)
	if err != nil {
		return nil, fmt.Errorf("%w: it was changed, or was sealed for another row or purpose", ErrUnreadable)
	}
	return plaintext, nil
}

// NeedsReseal implements [Rotator]: it reports whether the ciphertext has the format of a
// key ring and was sealed under another key than the primary key. The answer is the same
// for the rings that [KeyRing.ForPurpose] returns.
func (r *KeyRing) NeedsReseal(ciphertext []byte) bool {
	return r.hasKey() && len(ciphertext) >= headerSize && ciphertext[0] == tinkVersion &&
		binary.BigEndian.Uint32(ciphertext[1:]) != r.primary.id
}

// Format implements [fmt.Formatter]. It prints the primary key's id and the
// number of keys.
func (r *KeyRing) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, r.describe()) }

// LogValue implements [slog.LogValuer]. It logs the primary key's id and
// the number of keys.
func (r *KeyRing) LogValue() slog.Value { return slog.StringValue(r.describe()) }

func (r *KeyRing) describe() string {
	if r == nil {
		return "key ring{}"
	}
	return fmt.Sprintf("key ring{primary %d, %d keys}", r.primary.id, len(r.keys))
}
