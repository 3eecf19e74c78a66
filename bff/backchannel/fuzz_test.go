package backchannel

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/internal/logoutnote"
)

const form = "application/x-www-form-urlencoded"

// storedSessions are the rows of FuzzHandler's store.
func storedSessions() []bff.UserSession {
	var rows []bff.UserSession
	for _, r := range [][3]string{
		{"shop", "alice", "s1"}, {"shop", "alice", "s2"}, {"shop", "alice", "local-1"}, {"shop", "alice", ""}, {"shop", "bob", "s3"},
		{"shop", "", ""}, {"shop", bff.SubjectIDOf(longSubject), "s4"}, {"other", "alice", "s1"},
	} {
		rows = append(rows, bff.UserSession{
			PartitionKey: r[0], Key: strings.Join(r[:], " ") + ".", SubjectID: r[1], SessionID: r[2],
			Created: now, Renewed: now, Expires: now.Add(time.Hour),
		})
	}
	return rows
}

var longSubject = strings.Repeat("a", bff.MaxIdentityLength+1)

// FuzzHandler checks a logout from the posted form to the store. In the form, TOKEN stands for the
// token with the header and the claims, and FORGED for the same token with another signature. A
// request deletes the rows that the contract of [ForStore] says, and none if it is refused.
func FuzzHandler(f *testing.F) {
	const body = "logout_token=TOKEN"
	for _, changes := range []map[string]any{
		nil, {"sid": nil}, {"sub": nil}, {"sub": nil, "sid": "s3"}, {"sub": "bob"}, {"sub": longSubject, "sid": nil}, {"sid": "local-1"},
		{"sid": ""}, {"nonce": "n"}, {"sub": " ", "sid": nil}, {"sub": "\x00"}, {"sid": longSubject}, {"aud": []string{"a", "b"}, "iat": float64(now.Unix()) + 0.5},
	} {
		claims := goodClaims()
		maps.Copy(claims, changes)
		maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
		data, err := json.Marshal(claims)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(form, body, goodHeader, string(data), false)
		f.Add(form, body, goodHeader, string(data), true)
	}
	good := claimsJSON(f, nil)
	for _, posted := range []string{
		"logout_token=FORGED", "logout_token=TOKEN&logout_token=TOKEN", "logout_token=FORGED&logout_token=TOKEN", "a=%zz&logout_token=TOKEN",
		"a=b;logout_token=TOKEN", "logout_token=TOKEN&logout_token=", "%6Cogout_token=TOKEN&state=x", "logout_token=%00TOKEN", "LOGOUT_TOKEN=TOKEN", "",
	} {
		f.Add(form, posted, goodHeader, good, false)
	}
	f.Add("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=logout_token\r\n\r\nTOKEN\r\n--x--", goodHeader, good, false)
	f.Add(form+"; charset=utf-8", body, goodHeader, good, false)
	f.Add(form, body, `{"alg":"RS256","typ":"JWT"}`, `{"iat":1e400}`, false)
	f.Add(form, body, `{`, `{"events":{"a":{}},"events":null}`, true)
	f.Add(form, body, `{"alg":"RS256","typ":"application/LOGOUT+jwt"}`, `{"sub":"bob",`+good[1:], true)

	f.Fuzz(func(t *testing.T, contentType, body, header, claims string, all bool) {
		store := bff.NewInMemoryStore(bff.WithClock(clock))
		rows := storedSessions()
		for _, row := range rows {
			if err := store.CreateUserSession(t.Context(), row); err != nil {
				t.Fatal(err)
			}
		}
		h := newHandler(t, ForStore(store, "shop", issuer), func(c *Config) {
			c.BackchannelLogoutAllUserSessions, c.Replay = all, StoreReplayMemory{Store: store, Clock: clock}
		})
		tk := raw(header, claims)
		posted := strings.NewReplacer("TOKEN", tk, "FORGED", strings.TrimSuffix(tk, "signed")+"forged").Replace(body)
		send := func() int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/bff/backchannel", strings.NewReader(posted))
			r.Header.Set("Content-Type", contentType)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
		deleted := func() (keys []string) {
			for _, row := range rows {
				if _, err := store.GetUserSession(t.Context(), bff.UserSessionKey{PartitionKey: row.PartitionKey, Key: row.Key}); err != nil {
					keys = append(keys, row.Key)
				}
			}
			return keys
		}

		status := send()
		gone := deleted()
		var want []string
		switch status {
		case http.StatusOK:
			if parsed, err := url.ParseQuery(posted); err != nil || !slices.Equal(parsed["logout_token"], []string{tk}) {
				t.Errorf("%q was accepted", posted)
			}
			want = namedBy(t, rows, header, claims, all)
		case http.StatusBadRequest:
		default:
			t.Errorf("status %d", status)
		}
		if !slices.Equal(gone, want) {
			t.Errorf("status %d: the logout of %s deleted %q, want %q", status, claims, gone, want)
		}
		if again := send(); again != http.StatusBadRequest || !slices.Equal(deleted(), gone) {
			t.Errorf("the second time: status %d, deleted are %q", again, deleted())
		}
	})
}

// namedBy returns the keys of the rows that a logout token deletes, in order. It does not share
// code with the package, and fails the test for a token that is not a logout token.
func namedBy(t *testing.T, rows []bff.UserSession, header, claims string, all bool) (keys []string) {
	t.Helper()
	decode := func(text string) (members map[string]any) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&members); err != nil || d.More() {
			t.Fatalf("%s was accepted: %v", text, err)
		}
		return members
	}
	number := func(claim any) float64 {
		n, _ := claim.(json.Number)
		value, _ := n.Float64()
		return value
	}
	h, c := decode(header), decode(claims)
	typ, _ := h["typ"].(string)
	alg, _ := h["alg"].(string)
	jti, _ := c["jti"].(string)
	events, _ := c["events"].(map[string]any)
	_, isEvent := events[eventName].(map[string]any)
	_, hasNonce := c["nonce"]
	issued, expires := number(c["iat"]), number(c["exp"])
	sub, hasSub := c["sub"].(string)
	sid, hasSID := c["sid"].(string)
	at := float64(now.Unix())
	if !strings.HasSuffix(strings.ToLower(typ), "logout+jwt") || strings.TrimSpace(alg) == "" || strings.EqualFold(alg, "none") || jti == "" ||
		!isEvent || hasNonce || c["iss"] != issuer || issued < at-11*60-1 || issued > at+60 || expires <= at-60 || !hasSub && !hasSID ||
		hasSub && strings.TrimSpace(sub) == "" || hasSID && strings.TrimSpace(sid) == "" {
		t.Fatalf("%s %s was accepted", header, claims)
	}
	if all && !hasSub {
		for _, row := range rows {
			if row.PartitionKey == "shop" && row.SessionID == sid {
				sub, hasSub = row.SubjectID, true
			}
		}
		if !hasSub {
			return nil
		}
	}
	for _, row := range rows {
		ofUser := hasSub && row.SubjectID == bff.SubjectIDOf(sub)
		if row.PartitionKey == "shop" && (row.SubjectID != "" && ofUser && (all || !hasSID || row.SessionID == sid || logoutnote.Local(row.SessionID)) ||
			!hasSub && row.SessionID == sid) {
			keys = append(keys, row.Key)
		}
	}
	return keys
}
