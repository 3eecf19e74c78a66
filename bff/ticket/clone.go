package ticket

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"time"
)

// Clone returns a copy that shares nothing with t. A claim whose type is not one of
// encoding/json's (a []string, a struct) becomes the value that it has after [Seal] and
// [Open]. A claim that [Seal] refuses stays as it is, and may be shared.
func (t Ticket) Clone() Ticket {
	t.Properties = maps.Clone(t.Properties)
	if t.Claims != nil {
		t.Claims = cloner{}.value(t.Claims).(map[string]any)
	}
	return t
}

// A cloner copies claims. It knows the maps and slices that it is in the middle of
// copying: a claim that contains itself is not copied, and [Seal] refuses it.
type cloner map[uintptr]struct{}

func (c cloner) value(v any) any {
	switch v := v.(type) {
	case nil, bool, string, json.Number, time.Time,
		int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
		return v
	case map[string]any:
		leave, ok := c.enter(v)
		if !ok {
			return v
		}
		defer leave()
		copied := make(map[string]any, len(v))
		for name, value := range v {
			copied[name] = c.value(value)
		}
		return copied
	case []any:
		leave, ok := c.enter(v)
		if !ok {
			return v
		}
		defer leave()
		copied := make([]any, len(v))
		for i, value := range v {
			copied[i] = c.value(value)
		}
		return copied
	default:
		return reopened(v)
	}
}

// enter notes that the map or slice v is being copied. It reports false for a nil v and
// for one that is being copied already.
func (c cloner) enter(v any) (leave func(), ok bool) {
	value := reflect.ValueOf(v)
	if value.IsNil() {
		return nil, false
	}
	at := value.Pointer()
	if value.Len() == 0 { // empty slices may share their address
		return func() {}, true
	}
	if _, inside := c[at]; inside {
		return nil, false
	}
	c[at] = struct{}{}
	return func() { delete(c, at) }, true
}

// reopened returns the value that a claim has after it was sealed and opened, or the claim
// itself if [Seal] refuses it.
func reopened(v any) any {
	data, err := json.Marshal(v)
	if err != nil || checkOpens(data) != nil {
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
