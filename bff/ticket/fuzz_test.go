package ticket

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

func FuzzOpen(f *testing.F) {
	r := ring(f, 1, 2)
	good, err := hex.DecodeString(sealedV1) // the same in every process of the fuzzer
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(good[:headerSize])
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := Open(r, binding, data)
		if err == nil != bytes.Equal(data, good) {
			t.Errorf("Open: %v", err)
		}
		if err != nil && !errors.Is(err, ErrUnreadable) {
			t.Errorf("the error does not wrap ErrUnreadable: %v", err)
		}
		NeedsReseal(r, data)
	})
}

func FuzzParseKeyRing(f *testing.F) {
	f.Add("1:AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=,\n# c\n")
	f.Add("::,")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseKeyRing(text)
		if (r == nil) == (err == nil) {
			t.Error("neither a ring nor an error, or both")
		}
	})
}
