package ticket

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
)

// nested returns a value that is nested depth times in arrays or in objects.
func nested(depth int, objects bool) any {
	var v any = "end"
	for range depth {
		if objects {
			v = map[string]any{"n": v}
		} else {
			v = []any{v}
		}
	}
	return v
}

func TestSeal_ClaimsThatWouldNotOpen(t *testing.T) {
	type profile struct{ Name string }
	cyclic := map[string]any{}
	cyclic["self"], cyclic["again"] = cyclic, cyclic
	list := []any{1, nil}
	list[1] = list
	for name, claim := range map[string]any{
		"invalid UTF-8":               "secret\xff",
		"invalid UTF-8 in a name":     map[string]any{"secret\xff": 1},
		"invalid UTF-8 in a list":     []any{1, "secret\xff"},
		"invalid UTF-8 in []string":   []string{"secret\xff"},
		"invalid UTF-8 in a struct":   profile{"secret\xff"},
		"invalid UTF-8 in a pointer":  &profile{"secret\xff"},
		"arrays nested 20,000 times":  nested(20_000, false),
		"objects nested 20,000 times": nested(20_000, true),
		"objects nested 9,999 times":  nested(9_999, true),
		"a map that contains itself":  cyclic,
		"a list that contains itself": list,
		"a channel":                   make(chan int),
		"a number that is none":       json.Number("secret"),
	} {
		t.Run(name, func(t *testing.T) {
			c := full()
			c.Claims = map[string]any{"claim": claim}
			for _, e := range encodings {
				_, err := SealAs(ring(t, 1), binding, c.Clone(), e)
				if err == nil {
					t.Fatalf("sealed as %d", e)
				}
				if !errors.Is(err, bff.ErrInvalidSession) || strings.Contains(err.Error(), "secret") {
					t.Errorf("encoding %d: the error is another one, or quotes the claim: %v", e, err)
				}
			}
		})
	}
}

func TestSeal_ClaimsThatOpen(t *testing.T) {
	r := ring(t, 1)
	for name, claim := range map[string]any{
		"the replacement character":       "a \ufffd b",
		"the text of its escape":          `\ufffd`,
		"backslashes before that text":    `\\\ufffd \\ufffd`,
		"quotes and brackets":             `"[{\"`,
		"arrays nested 9,998 times":       nested(9_998, false),
		"objects nested 9,998 times":      nested(9_998, true),
		"a number of 19 digits":           json.Number("1147953659032899585"),
		"an integer of 19 digits":         int64(1147953659032899585),
		"roles":                           []string{"a", "b"},
		"an empty list and an empty name": map[string]any{"": []any{}},
	} {
		t.Run(name, func(t *testing.T) {
			c := full()
			c.Claims = map[string]any{"claim": claim}
			for _, e := range encodings {
				sealed, err := SealAs(r, binding, c, e)
				if err != nil {
					t.Fatal(err)
				}
				opened, err := Open(r, binding, sealed)
				if err != nil {
					t.Fatal(err)
				}
				want, _ := json.Marshal(c.Claims)
				got, _ := json.Marshal(opened.Claims)
				if string(got) != string(want) {
					t.Errorf("encoding %d: opened %.100s, want %.100s", e, got, want)
				}
			}
		})
	}
}

// TestClone_AnyClaimType changes a claim of each kind after Clone, as a caller may.
func TestClone_AnyClaimType(t *testing.T) {
	type profile struct {
		Roles []string `json:"roles"`
	}
	roles, byName, raw := []string{"user"}, map[string]string{"role": "user"}, json.RawMessage(`"user"`)
	deep, list, pointer := map[string][]int{"n": {1}}, [][]string{{"user"}}, &profile{[]string{"user"}}
	c := Ticket{Claims: map[string]any{
		"roles": roles, "map": byName, "raw": raw, "deep": deep, "list": list, "pointer": pointer, "nil": nil,
		"inside": map[string]any{"roles": roles}, "time": time.Unix(0, 0).UTC(),
	}}
	clone := c.Clone()
	before, err := json.Marshal(clone.Claims)
	if err != nil {
		t.Fatal(err)
	}
	roles[0], byName["role"], raw[1], deep["n"][0], list[0][0], pointer.Roles[0] = "admin", "admin", 'X', 2, "admin", "admin"
	after, _ := json.Marshal(clone.Claims)
	if string(after) != string(before) || strings.Contains(string(after), "admin") {
		t.Errorf("the clone has changed: %s, before %s", after, before)
	}
}

// TestClone_IsWhatOpens compares a clone with the ticket after Seal and Open, claim by
// claim of the types that Clone converts.
func TestClone_IsWhatOpens(t *testing.T) {
	r, c := ring(t, 1), full()
	c.Claims = map[string]any{"roles": []string{"a"}, "struct": struct{ N int }{7}, "map": map[string]bool{"b": true}}
	sealed, err := Seal(r, binding, c)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := Open(r, binding, sealed)
	if err != nil {
		t.Fatal(err)
	}
	if clone := c.Clone(); !reflect.DeepEqual(clone.Claims, opened.Claims) {
		t.Errorf("cloned %#v, opened %#v", clone.Claims, opened.Claims)
	}
}

func TestOpen_TimesAndRefreshClaim(t *testing.T) {
	r, c := ring(t, 1), full()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c.AccessTokenObtained, c.IDTokenIssuedAt = at, at.Add(time.Second)
	c.SetRefreshClaim("host-1")
	sealed, err := Seal(r, binding, c)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := Open(r, binding, sealed)
	if err != nil {
		t.Fatal(err)
	}
	if !opened.AccessTokenObtained.Equal(at) || !opened.IDTokenIssuedAt.Equal(at.Add(time.Second)) || opened.RefreshClaim() != "host-1" {
		t.Errorf("opened %v, %v, %q", opened.AccessTokenObtained, opened.IDTokenIssuedAt, opened.RefreshClaim())
	}
}

// TestClone_SharedAndCyclic: a value that is in two places is copied twice, at any depth, and
// the copy of a claim that contains itself ends.
func TestClone_SharedAndCyclic(t *testing.T) {
	for _, depth := range []int{0, maxOuter - 2, maxOuter - 1, maxOuter, 3 * maxOuter} {
		shared := []any{"a"}
		var claim any = map[string]any{"one": shared, "two": []any{shared, map[string]any{"three": shared}}}
		cyclic := map[string]any{"in": claim}
		cyclic["self"], cyclic["again"] = []any{cyclic}, cyclic
		for range depth {
			claim = []any{claim}
		}
		clone := Ticket{Claims: map[string]any{"claim": claim, "cyclic": cyclic}}.Clone().Claims["claim"]
		shared[0] = "changed"
		for range depth {
			clone = clone.([]any)[0]
		}
		if data, _ := json.Marshal(clone); string(data) != `{"one":["a"],"two":[["a"],{"three":["a"]}]}` {
			t.Errorf("depth %d: the clone is %s", depth, data)
		}
		var deep any = cyclic
		for range depth {
			deep = []any{deep}
		}
		cyclic["deep"] = deep
		Ticket{Claims: map[string]any{"deep": deep}}.Clone()
	}
}
