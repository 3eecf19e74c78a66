package ticket

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"time"
)

// Clone returns a copy that shares nothing with t. A claim whose type is not one of
// encoding/json's (a []string, a struct) becomes the value that it has after [Seal] and
// [Open]. A claim that [Seal] refuses stays as it is, and may be shared.
func (t Ticket) Clone() Ticket {
	t.Properties = maps.Clone(t.Properties)
	if t.Claims != nil {
		c := cloner{outer: make([]uintptr, 0, maxOuter)}
		t.Claims = c.value(t.Claims).(map[string]any)
	}
	return t
}

// maxOuter is the number of maps and slices around a claim that a cloner notes without a map.
const maxOuter = 8

// A cloner copies claims. It has the addresses of the maps and slices that it is in the middle
// of copying: a claim that contains itself is not copied, and [Seal] refuses it.
type cloner struct {
	outer []uintptr // the outermost ones
	inner map[uintptr]struct{}
}

// value returns a copy of a claim, or the claim itself if it cannot be copied.
func (c *cloner) value(v any) any {
	switch typed := v.(type) {
	case nil, bool, string, json.Number, time.Time,
		int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
		return v
	case map[string]any:
		at, ok := c.enter(v)
		if !ok {
			return v
		}
		copied := make(map[string]any, len(typed))
		for name, value := range typed {
			copied[name] = c.value(value)
		}
		c.leave(at)
		return copied
	case []any:
		at, ok := c.enter(v)
		if !ok {
			return v
		}
		copied := make([]any, len(typed))
		for i, value := range typed {
			copied[i] = c.value(value)
		}
		c.leave(at)
		return copied
	default:
		return reopened(v)
	}
}

// enter notes that the map or slice v is being copied, until leave. It reports false if v is nil
// or is being copied already.
func (c *cloner) enter(v any) (at uintptr, ok bool) {
	value := reflect.ValueOf(v)
	if value.IsNil() {
		return 0, false
	}
	if value.Len() == 0 { // empty slices may share their address
		return 0, true
	}
	at = value.Pointer()
	if _, inside := c.inner[at]; inside || slices.Contains(c.outer, at) {
		return 0, false
	}
	switch {
	case len(c.outer) < maxOuter:
		c.outer = append(c.outer, at)
	case c.inner == nil:
		c.inner = map[uintptr]struct{}{at: {}}
	default:
		c.inner[at] = struct{}{}
	}
	return at, true
}

func (c *cloner) leave(at uintptr) {
	if _, inside := c.inner[at]; inside {
		delete(c.inner, at)
	} else if at != 0 {
		c.outer = c.outer[:len(c.outer)-1]
	}
}

// reopened returns the value that a claim has after it was sealed and opened, or the claim
// itself if [Seal] refuses it.
func reopened(v any) any {
	data, err := json.Marshal(v)
	if err != nil || checkOpens(data, 0) != nil {
		return v
	}
	var decoded any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if d.Decode(&decoded) != nil {
		return v
	}
	return decoded
}
