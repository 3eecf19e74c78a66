package ticket

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
)

// KeySize is the length of a key in bytes (AES-256).
const KeySize = 32

// headerSize is Tink's prefix: a version byte and the key id, big-endian.
const headerSize = 5

// tinkVersion is the first byte of what a Tink key with output prefix TINK seals.
const tinkVersion = 0x01

// A Key is one AES-256 key with the id by which tickets refer to it. It never prints
// its secret.
type Key struct {
	id   uint32
	aead cipher.AEAD
}

// NewKey makes a key of 32 random bytes. Its id is derived from them, so that one key
// has one id everywhere.
func NewKey(secret []byte) (Key, error) {
	sum := sha256.Sum256(append([]byte("example.com/usersession key id v1\x00"), secret...))
	id := binary.BigEndian.Uint32(sum[:])
	if id == 0 { // Tink's way of saying "no id"
		id = 1
	}
	return NewKeyWithID(id, secret)
}

// NewKeyWithID makes a key of 32 random bytes with an id of the caller's choice, which
// is the Tink keyset's when a team comes from Tink.
func NewKeyWithID(id uint32, secret []byte) (Key, error) {
	if len(secret) != KeySize {
		return Key{}, fmt.Errorf("ticket: the key has %d bytes, want %d random ones", len(secret), KeySize)
	}
	if id == 0 {
		return Key{}, errors.New("ticket: the key's id is 0")
	}
	same := true
	for _, b := range secret {
		same = same && b == secret[0]
	}
	if same {
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
	return Key{id, aead}, nil
}

// ID returns the key's id. It is not secret: it stands at the head of every ticket.
func (k Key) ID() uint32 { return k.id }

// Format implements [fmt.Formatter]. It prints the id and nothing else.
func (k Key) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "key{id %d}", k.id) }

// LogValue implements [slog.LogValuer]. It logs the id and nothing else.
func (k Key) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("key{id %d}", k.id)) }

// A KeyRing is the default [Protector]: AES-256-GCM with a random nonce, one primary
// key that seals and any number that open. It is immutable and safe for concurrent use.
//
// A ciphertext is 0x01, the key id in four bytes (big-endian), the nonce (12), the
// encrypted ticket and the tag (16).
type KeyRing struct {
	primary Key
	keys    map[uint32]Key
}

// NewKeyRing makes a ring that seals with primary and opens with any of the keys. The
// keys' ids must differ.
func NewKeyRing(primary Key, others ...Key) (*KeyRing, error) {
	r := &KeyRing{primary: primary, keys: make(map[uint32]Key)}
	for _, k := range append([]Key{primary}, others...) {
		if k.aead == nil {
			return nil, errors.New("ticket: a key is the zero Key: make it with NewKey")
		}
		if _, ok := r.keys[k.id]; ok {
			return nil, fmt.Errorf("ticket: two keys have the id %d", k.id)
		}
		r.keys[k.id] = k
	}
	return r, nil
}

// InsecureRandomKeyRing makes a ring with a key that lives as long as the process: after
// a restart, and on any other host, its tickets are no sessions. It is for development
// and tests.
func InsecureRandomKeyRing() *KeyRing {
	secret := make([]byte, KeySize)
	_, _ = rand.Read(secret) // never fails: it ends the program instead
	k, err := NewKey(secret)
	if err != nil {
		panic(err) // 32 equal random bytes
	}
	return &KeyRing{primary: k, keys: map[uint32]Key{k.id: k}}
}

// Encrypt implements [Protector] with the primary key.
func (r *KeyRing) Encrypt(plaintext, associatedData []byte) ([]byte, error) {
	out := make([]byte, headerSize, headerSize+len(plaintext)+r.primary.aead.Overhead())
	out[0] = tinkVersion
	binary.BigEndian.PutUint32(out[1:], r.primary.id)
	return r.primary.aead.Seal(out, nil, plaintext, associatedData), nil
}

// Decrypt implements [Protector] with the key that the ciphertext names. Its errors
// wrap [ErrUnreadable].
func (r *KeyRing) Decrypt(ciphertext, associatedData []byte) ([]byte, error) {
	if len(ciphertext) < headerSize+r.primary.aead.Overhead() {
		return nil, fmt.Errorf("%w: it is too short", ErrUnreadable)
	}
	if ciphertext[0] != tinkVersion {
		return nil, fmt.Errorf("%w: it was sealed by something else", ErrUnreadable)
	}
	id := binary.BigEndian.Uint32(ciphertext[1:])
	k, ok := r.keys[id]
	if !ok {
		return nil, fmt.Errorf("%w: the key with id %d is not in the ring", ErrUnreadable, id)
	}
	plaintext, err := k.aead.Open(nil, nil, ciphertext[headerSize:], associatedData)
	if err != nil {
		return nil, fmt.Errorf("%w: it was changed, or belongs to another row", ErrUnreadable)
	}
	return plaintext, nil
}

// NeedsReseal implements [Rotator].
func (r *KeyRing) NeedsReseal(ciphertext []byte) bool {
	return len(ciphertext) >= headerSize && ciphertext[0] == tinkVersion &&
		binary.BigEndian.Uint32(ciphertext[1:]) != r.primary.id
}

// Format implements [fmt.Formatter]. It prints the ids and no key.
func (r *KeyRing) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, r.describe()) }

// LogValue implements [slog.LogValuer]. It logs the ids and no key.
func (r *KeyRing) LogValue() slog.Value { return slog.StringValue(r.describe()) }

func (r *KeyRing) describe() string {
	if r == nil {
		return "key ring{}"
	}
	return fmt.Sprintf("key ring{primary %d, %d keys}", r.primary.id, len(r.keys))
}
