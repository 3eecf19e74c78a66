package provider

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/go-jose/go-jose/v4"
)

// Key signs ID tokens and logout tokens with ES256. It implements op.SigningKey. Make one
// with [KeyFile].
type Key struct {
	private *ecdsa.PrivateKey
	id      string
}

// SignatureAlgorithm implements op.SigningKey.
func (k Key) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }

// Key implements op.SigningKey.
func (k Key) Key() any { return k.private }

// ID implements op.SigningKey. It is derived from the public key.
func (k Key) ID() string { return k.id }

// publicKey is the public half of a key, which the provider publishes at its jwks_uri.
type publicKey struct{ of Key }

func (k publicKey) ID() string                         { return k.of.id }
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return k.of.SignatureAlgorithm() }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return &k.of.private.PublicKey }

// KeyFile reads the key from a PEM file. If there is no such file, KeyFile makes a new key
// and writes it. A file without a P-256 key is an error.
//
// The key must survive a restart: otherwise the provider could not verify the ID tokens
// that it has issued, which clients send when they sign out.
func KeyFile(path string) (Key, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newKey(path)
	}
	if err != nil {
		return Key{}, fmt.Errorf("provider: reading the signing key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return Key{}, fmt.Errorf("provider: the signing key file %s has no PEM block: repair or remove it", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return Key{}, fmt.Errorf("provider: the signing key file %s has no P-256 key: repair or remove it", path)
	}
	return named(key)
}

func newKey(path string) (Key, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Key{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Key{}, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return Key{}, fmt.Errorf("provider: writing the signing key: %w", err)
	}
	return named(key)
}

// named returns the key with its id.
func named(key *ecdsa.PrivateKey) (Key, error) {
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return Key{}, err
	}
	sum := sha256.Sum256(der)
	return Key{key, base64.RawURLEncoding.EncodeToString(sum[:12])}, nil
}
