package fiberstore

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
)

var errNoSession = errors.New("fiberstore: the value is not a session of fiber's session middleware: " +
	"this storage is for sessions only, give caches, limiters and CSRF tokens another one")

// decode decodes the values of a session as the session middleware does.
func decode(payload []byte) (map[any]any, error) {
	var values map[any]any
	if err := gob.NewDecoder(bytes.NewReader(payload)).Decode(&values); err != nil {
		return nil, fmt.Errorf("%w (%w)", errNoSession, err)
	}
	return values, nil
}

// unchanged reports whether a loaded session has the identity and the values already. The
// encoding of a map differs from time to time, so it compares the decoded values.
func unchanged(loaded *adapter.Session, state adapter.State, values map[any]any) bool {
	if bff.SubjectIDOf(state.SubjectID) != loaded.SubjectID {
		return false
	}
	local := state.SessionID == "" && strings.HasPrefix(loaded.SessionID, "local-")
	if state.SessionID != loaded.SessionID && !local {
		return false
	}
	if bytes.Equal(loaded.Payload, state.Payload) {
		return true
	}
	former, err := decode(loaded.Payload)
	return err == nil && reflect.DeepEqual(former, values)
}
