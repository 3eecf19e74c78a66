package ticket

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// ParseKeyRing returns a ring of the keys in a text. The text contains one or more entries of
// the form
//
//	BASE64
//	ID:BASE64
//
// separated by line breaks, commas or spaces. The first entry is the primary key. BASE64 is
// 32 bytes in any of the base64 alphabets, with or without padding. ID is a decimal number
// from 1 to 4294967295; by default it is derived from the key. A line that begins with # is a
// comment.
//
// A text without a key is an error. The error for an invalid key has the key's number and
// does not quote the key.
func ParseKeyRing(text string) (*KeyRing, error) {
	var keys []Key
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, entry := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
			k, err := parseKey(entry)
			if err != nil {
				return nil, fmt.Errorf("%w (key number %d)", err, len(keys)+1)
			}
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("ticket: there is no key: make a key with openssl rand -base64 32")
	}
	return NewKeyRing(keys[0], keys[1:]...)
}

// parseKey reads a key in the form "id:base64" or "base64".
func parseKey(entry string) (Key, error) {
	number, encoded, hasID := strings.Cut(entry, ":")
	if !hasID {
		encoded = entry
	}
	secret, err := decodeBase64(encoded)
	if err != nil {
		return Key{}, errors.New("ticket: the key is not base64")
	}
	if !hasID {
		return NewKey(secret)
	}
	id, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return Key{}, errors.New("ticket: the key's id is not a number from 1 to 4294967295")
	}
	return NewKeyWithID(uint32(id), secret)
}

func decodeBase64(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	return base64.RawStdEncoding.DecodeString(s)
}

// KeyRingFromFile returns a ring of the keys in a file, in the form that [ParseKeyRing]
// describes. A file is refused if every user of the machine may read, write or execute it, except
// on Windows, where the mode does not tell this. A secret that Kubernetes mounts needs
// defaultMode: 0440. [InsecureKeyRingFromFile] accepts every file.
func KeyRingFromFile(path string) (*KeyRing, error) { return keyRingFromFile(path, true) }

// InsecureKeyRingFromFile is [KeyRingFromFile] for a file whose mode cannot be changed. Every user
// of the machine who can read the file can open all tickets.
func InsecureKeyRingFromFile(path string) (*KeyRing, error) { return keyRingFromFile(path, false) }

// keyRingFromFile reads the keys in a file. If private is set, it refuses a file that every user of the
// machine has access to.
func keyRingFromFile(path string, private bool) (*KeyRing, error) {
	text, err := readKeys(path, private)
	if err != nil {
		return nil, fmt.Errorf("ticket: reading the keys: %w", err)
	}
	r, err := ParseKeyRing(string(text))
	if err != nil {
		return nil, fmt.Errorf("%w in file %s", err, path)
	}
	return r, nil
}

// readKeys reads the file. It looks at the mode of the file that it has opened.
func readKeys(path string, private bool) (text []byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); private && mode&0o007 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("the mode of %s is %#o, so that every user of the machine has access to the keys: chmod 0400 (or 0440, defaultMode: 0440 for a secret that Kubernetes mounts)", path, mode)
	}
	return io.ReadAll(file)
}

// KeyRingFromEnv returns a ring of the keys in an environment variable, in the form that
// [ParseKeyRing] describes. It is an error if the variable is not set.
func KeyRingFromEnv(name string) (*KeyRing, error) {
	text, ok := os.LookupEnv(name)
	if !ok {
		return nil, fmt.Errorf("ticket: the environment variable %s is not set", name)
	}
	r, err := ParseKeyRing(text)
	if err != nil {
		return nil, fmt.Errorf("%w in environment variable %s", err, name)
	}
	return r, nil
}
