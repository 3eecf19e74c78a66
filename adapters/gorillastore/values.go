package gorillastore

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
)

// errUndecodable means that a row opens but its values do not decode.
var errUndecodable = errors.New("gorillastore: the values of the session do not decode: register their types with gob.Register")

// encode encodes values as gorilla's own stores do.
func encode(values map[any]any) ([]byte, error) {
	var buffer bytes.Buffer
	if err := gob.NewEncoder(&buffer).Encode(values); err != nil {
		return nil, fmt.Errorf("gorillastore: the values of the session do not encode: register the types of keys and values with gob.Register: %w", err)
	}
	return buffer.Bytes(), nil
}

func decode(payload []byte) (map[any]any, error) {
	values := map[any]any{}
	if err := gob.NewDecoder(bytes.NewReader(payload)).Decode(&values); err != nil {
		return nil, fmt.Errorf("%w: %w", errUndecodable, err)
	}
	return values, nil
}
