package scsstore

import (
	"fmt"
	"reflect"
	"time"

	"github.com/alexedwards/scs/v2"

	"example.com/usersession/bff/adapter"
)

// hiddenPrefix begins the name of the entry that names where values come from.
const hiddenPrefix = "__usersession."

// An origin is the value of the hidden entry: the session that was loaded.
type origin struct {
	codec  *codec
	loaded *adapter.Session
	// undecodable says that the inner codec has refused the payload.
	undecodable bool
}

// Format prints nothing of the session: the application may print all values.
func (o *origin) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "session{redacted}") }

// MarshalText is Format for encoders.
func (o *origin) MarshalText() ([]byte, error) { return []byte("session{redacted}"), nil }

// A codec passes the origin of the values from the store to the values, and back. It leaves
// the encoding to the codec that the manager had before.
type codec struct {
	inner    scs.Codec
	identify func(map[string]any) adapter.Identity
	manager  *scs.SessionManager
}

// Encode implements [scs.Codec].
func (c *codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	e := envelope{saved: true}
	visible := make(map[string]any, len(values))
	undecodable := false
	for name, value := range values {
		switch o, hidden := value.(*origin); {
		case !hidden:
			visible[name] = value
		case o.codec == c: // and not of another manager
			e.origins = append(e.origins, o.loaded)
			undecodable = undecodable || o.undecodable
		}
	}
	if len(e.origins) == 1 && (undecodable && len(visible) == 0 ||
		c.manager.IdleTimeout > 0 && c.same(e.origins[0], deadline, visible)) {
		e.unchanged, e.payload = true, e.origins[0].Payload
	} else {
		payload, err := c.inner.Encode(deadline, visible)
		if err != nil {
			return nil, err
		}
		e.payload = payload
	}
	e.identity = c.identify(visible)
	return e.bytes()
}

// same reports whether the loaded session has these values. The values are compared and not
// their encodings, because gob encodes a map in any order.
func (c *codec) same(loaded *adapter.Session, deadline time.Time, values map[string]any) bool {
	was, former, err := c.inner.Decode(loaded.Payload)
	return err == nil && was.Equal(deadline) &&
		(len(former) == 0 && len(values) == 0 || reflect.DeepEqual(former, values))
}

// Decode implements [scs.Codec]. Values that the inner codec refuses are empty, since an error
// would come back at each request of the browser. Unless the application puts values into the
// session, they are kept: another host may have the codec or the types that they need.
func (c *codec) Decode(b []byte) (time.Time, map[string]any, error) {
	e, err := openEnvelope(b)
	if err != nil {
		return time.Time{}, nil, err
	}
	deadline, values, err := c.inner.Decode(e.payload)
	if err != nil {
		deadline, values = time.Now().Add(c.manager.Lifetime).UTC(), nil
	}
	if values == nil {
		values = map[string]any{}
	}
	for _, loaded := range e.origins {
		values[hiddenPrefix+adapter.NewSecret()[:16]] = &origin{c, withPayload(loaded, e.payload), err != nil}
	}
	return deadline, values, nil
}
