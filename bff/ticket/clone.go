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
		c := make(cloner, 0, 8)
		t.Claims = c.value(t.Claims).(map[string]any)
	}
	return t
}

// A cloner copies claims. It has the addresses of the maps and slices that it is in the middle
// of copying: a claim that contains itself is not copied, and [Seal] refuses it.
type cloner []uintptr

func (c *cloner) value(v any) any {
	switch typed := v.(type) {
	case nil, bool, string, json.Number, time.Time,
		int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
		return v
	case map[string]any:
		if !c.enter(v) {
			return v
		}
		copied := make(map[string]any, len(typed))
		for name, value := range typed {
			copied[name] = c.value(value)
		}
		c.leave()
		return copied
	case []any:
		if !c.enter(v) {
			return v
		}
		copied := make([]any, len(typed))
		for i, value := range typed {
			copied[i] = c.value(value)
		}
		c.leave()
		return copied
	default:
		return reopened(v)
	}
}

// enter notes that the map or slice v is being copied, until leave. It reports false for a nil
// v and for one that is being copied already.
func (c *cloner) enter(v any) bool {
	value := reflect.ValueOf(v)
	if value.IsNil() {
		return false
	}
	at := value.Pointer()
	if value.Len() == 0 { // empty slices may share their address
		at = 0
	} else if slices.Contains(*c, at) {
		return false
	}
	*c = append(*c, at)
	return true
}

func (c *cloner) leave() { *c = (*c)[:len(*c)-1] }

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
