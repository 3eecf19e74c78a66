package devprovider

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

// signingKey signs ID tokens and logout tokens with ES256. It implements op.SigningKey.
type signingKey struct {
	private *ecdsa.PrivateKey
	id      string
}

// SignatureAlgorithm implements op.SigningKey.
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }

// Key implements op.SigningKey.
func (k signingKey) Key() any { return k.private }

// ID implements op.SigningKey. It is derived from the public key.
func (k signingKey) ID() string { return k.id }

// publicKey is the public half of a key, which the provider publishes at its jwks_uri.
type publicKey struct{ of signingKey }

func (k publicKey) ID() string                         { return k.of.id }
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return k.of.SignatureAlgorithm() }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return &k.of.private.PublicKey }

// keyFile reads the key from a PEM file. If there is no such file, keyFile makes a new key
// and writes it. Without a path, the new key is in memory only. A file without a P-256 key
// is an error.
func keyFile(path string) (signingKey, error) {
	if path == "" {
		key, _, err := newKey()
		return key, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, text, err := newKey()
		if err != nil {
			return signingKey{}, err
		}
		return key, writeKey(path, text)
	}
	if err != nil {
		return signingKey{}, fmt.Errorf("devprovider: reading the signing key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return signingKey{}, fmt.Errorf("devprovider: the signing key file %s has no PEM block: repair or remove it", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return signingKey{}, fmt.Errorf("devprovider: the signing key file %s has no P-256 key: repair or remove it", path)
	}
	return named(key)
}

// newKey returns a new key and its PEM text.
func newKey() (signingKey, []byte, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return signingKey{}, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return signingKey{}, nil, err
	}
	key, err := named(private)
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

// writeKey makes the file. If another process has made it meanwhile, that is an error.
func writeKey(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("devprovider: writing the signing key: %w", err)
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("devprovider: writing the signing key: %w", err)
	}
	return nil
}

// named returns the key with its id.
func named(key *ecdsa.PrivateKey) (signingKey, error) {
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return signingKey{}, err
	}
	sum := sha256.Sum256(der)
	return signingKey{key, base64.RawURLEncoding.EncodeToString(sum[:12])}, nil
}
