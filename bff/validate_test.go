package bff_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"example.com/usersession/bff"
)

var noon = time.Date(2026, time.June, 15, 12, 0, 0, 0, time.UTC)

func validSession() bff.UserSession {
	return bff.UserSession{
		PartitionKey: "shop", Key: "key", SubjectID: "alice", SessionID: "sid",
		Created: noon, Renewed: noon, Expires: noon.Add(time.Hour), Ticket: []byte("ticket"),
	}
}

func TestSessionValidate_InvalidField(t *testing.T) {
	for _, test := range []struct {
		field  string
		change func(*bff.UserSession)
	}{
		{"PartitionKey", func(s *bff.UserSession) { s.PartitionKey = " shop" }},
		{"PartitionKey", func(s *bff.UserSession) { s.PartitionKey = strings.Repeat("é", 201) }},
		{"Key", func(s *bff.UserSession) { s.Key = "" }},
		{"Key", func(s *bff.UserSession) { s.Key = "key\n" }},
		{"SessionID", func(s *bff.UserSession) { s.SubjectID = "" }},
		{"SubjectID", func(s *bff.UserSession) { s.SubjectID = "ali\x00ce" }},
		{"SessionID", func(s *bff.UserSession) { s.SessionID = "sid\xff" }},
		{"SessionID", func(s *bff.UserSession) { s.SessionID = strings.Repeat("🙂", 101) }},
		{"SessionID", func(s *bff.UserSession) { s.SessionID = strings.Repeat("\U00010000", 101) }}, // the first surrogate pair
		{"SessionID", func(s *bff.UserSession) { s.SessionID = " " }},
		{"Created", func(s *bff.UserSession) { s.Created = time.Time{} }},
		{"Created", func(s *bff.UserSession) { s.Created = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{"Renewed", func(s *bff.UserSession) { s.Renewed = time.Time{} }},
		{"Renewed", func(s *bff.UserSession) { s.Renewed = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{"Expires", func(s *bff.UserSession) { s.Expires = time.Time{}.Add(time.Nanosecond) }},
		{"Expires", func(s *bff.UserSession) { s.Expires = time.Date(12_000, 1, 1, 0, 0, 0, 0, time.UTC) }},
	} {
		s := validSession()
		test.change(&s)
		err := s.Validate()
		if !errors.Is(err, bff.ErrInvalidSession) || !strings.Contains(err.Error(), ": "+test.field+" ") {
			t.Errorf("Validate with an invalid %s: got error %v, want ErrInvalidSession with the name of the field", test.field, err)
		}
	}
}

func TestSessionValidate_ValidSession(t *testing.T) {
	for name, change := range map[string]func(*bff.UserSession){
		"every field":           func(*bff.UserSession) {},
		"the empty partition":   func(s *bff.UserSession) { s.PartitionKey = "" },
		"no subject id":         func(s *bff.UserSession) { s.SubjectID, s.SessionID = "", "" },
		"no session id":         func(s *bff.UserSession) { s.SessionID = "" },
		"no expiry":             func(s *bff.UserSession) { s.Expires = time.Time{} },
		"no ticket":             func(s *bff.UserSession) { s.Ticket = nil },
		"200 code units":        func(s *bff.UserSession) { s.Key = strings.Repeat("é", 200) },
		"100 surrogate pairs":   func(s *bff.UserSession) { s.Key = strings.Repeat("🙂", 100) },
		"white space inside":    func(s *bff.UserSession) { s.SubjectID = "alice \t\n smith" },
		"the first microsecond": func(s *bff.UserSession) { s.Created = time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC) },
		"the last microsecond":  func(s *bff.UserSession) { s.Expires = time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC) },
	} {
		s := validSession()
		change(&s)
		if err := s.Validate(); err != nil {
			t.Errorf("Validate with %s: %v", name, err)
		}
	}
}

func TestUpdateValidate_Created(t *testing.T) {
	s := validSession()
	for at, wantErr := range map[time.Time]bool{
		noon: false,
		{}:   false, // keeps the stored time
		time.Time{}.In(time.FixedZone("east", 1)):     false,
		time.Time{}.Add(time.Nanosecond):              true,
		time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC): true,
	} {
		update := bff.UserSessionUpdate{SubjectID: s.SubjectID, Created: at, Renewed: noon}
		if err := update.Validate(); errors.Is(err, bff.ErrInvalidSession) != wantErr {
			t.Errorf("Validate of an update with Created %v: got error %v, want ErrInvalidSession: %v", at, err, wantErr)
		}
		s.Created = at
		if err := s.Validate(); errors.Is(err, bff.ErrInvalidSession) != (wantErr || at.IsZero()) {
			t.Errorf("Validate of a session with Created %v: got error %v", at, err)
		}
	}
}

func TestFilterValidate(t *testing.T) {
	for filter, want := range map[bff.UserSessionsFilter]error{
		{}:                                       bff.ErrInvalidFilter,
		{SubjectID: " ", SessionID: "\t\u00a0"}:  bff.ErrInvalidFilter,
		{SubjectID: "alice"}:                     nil,
		{SessionID: "sid"}:                       nil,
		{SubjectID: "alice", SessionID: "sid"}:   nil,
		{SubjectID: "alice", SessionID: " "}:     nil, // matches nothing
		{SubjectID: "\x00"}:                      nil, // likewise
		{SubjectID: strings.Repeat("a", 10_000)}: nil, // likewise
	} {
		if err := filter.Validate(); !errors.Is(err, want) {
			t.Errorf("Validate of %+.30q: got error %v, want %v", filter, err, want)
		}
	}
}

// refusals returns every text that an error of Validate can have. None of them contains a
// value.
func refusals() []string {
	var all []string
	for _, field := range []string{"PartitionKey", "Key", "SubjectID", "SessionID"} {
		for _, problem := range []string{
			"is empty", "is not valid UTF-8", "contains a NUL", "is longer than 200 UTF-16 code units", "begins or ends with white space",
		} {
			all = append(all, fmt.Sprintf("invalid user session: %s %s", field, problem))
		}
	}
	all = append(all, "invalid user session: SessionID is set, but SubjectID is empty")
	for _, field := range []string{"Created", "Renewed", "Expires"} {
		for _, problem := range []string{"is not set", "is not within the years 1 to 9999"} {
			all = append(all, fmt.Sprintf("invalid user session: %s %s", field, problem))
		}
	}
	return all
}

// FuzzValidate checks that the store keeps every valid session exactly, that databases can
// hold its values, and that the store refuses every invalid session.
func FuzzValidate(f *testing.F) {
	f.Add("shop", "key", "alice", "sid", noon.Unix(), int64(123_456_789), noon.Unix())
	f.Add("", strings.Repeat("🙂", 100), "alice smith", "", int64(-62135596800), int64(1000), int64(253402300799))
	f.Add(" ", "key\x00", "ali\xffce", strings.Repeat("é", 201), int64(-62135596800), int64(999), int64(253402300800))
	f.Add("shop", "key", "", "", int64(-62135596800), int64(0), noon.Unix())
	f.Add("shop", "key", "", "sid", noon.Unix(), int64(0), noon.Unix())
	f.Add("\u00a0", "\u2003key", "alice\u0085", "\ufeff", int64(1)<<62, int64(-1), -int64(1)<<62)
	refusals := refusals()
	f.Fuzz(func(t *testing.T, partitionKey, key, subjectID, sessionID string, created, nanoseconds, expires int64) {
		s := bff.UserSession{
			PartitionKey: partitionKey, Key: key, SubjectID: subjectID, SessionID: sessionID,
			Created: time.Unix(created, nanoseconds), Renewed: time.Unix(created, 0), Expires: time.Unix(expires, nanoseconds),
			Ticket: []byte(key + "\x00" + sessionID),
		}
		err := s.Validate()
		keyErr := bff.UserSessionKey{PartitionKey: partitionKey, Key: key}.Validate()
		update := bff.UserSessionUpdate{SubjectID: subjectID, SessionID: sessionID, Created: s.Created, Renewed: s.Renewed, Expires: s.Expires}
		createdIsSet := !s.Created.IsZero() // only an update may leave it out
		if (err == nil) != (keyErr == nil && createdIsSet && update.Validate() == nil) {
			t.Fatalf("Validate returned %v for the session, %v for its key and %v for an update to its values", err, keyErr, update.Validate())
		}
		store := bff.NewInMemoryStore(bff.WithClock(func() time.Time { return time.Time{} }))
		if createErr := store.CreateUserSession(t.Context(), s); (createErr == nil) != (err == nil) {
			t.Fatalf("Validate returned %v, but CreateUserSession returned %v", err, createErr)
		}
		got, getErr := store.GetUserSession(t.Context(), bff.UserSessionKey{PartitionKey: partitionKey, Key: key})
		if err != nil {
			if !errors.Is(err, bff.ErrInvalidSession) || !slices.Contains(refusals, err.Error()) {
				t.Errorf("Validate returned an unknown error: %q", err)
			}
			if !errors.Is(getErr, bff.ErrSessionNotFound) {
				t.Errorf("GetUserSession of a refused session: got error %v, want ErrSessionNotFound", getErr)
			}
			return
		}
		if getErr != nil {
			t.Fatalf("GetUserSession: %v", getErr)
		}
		wantStorable(t, got)
		wantExactly(t, got, s)
	})
}

// wantStorable checks that databases can hold the values. It does not share code with
// Validate.
func wantStorable(t *testing.T, s bff.UserSession) {
	t.Helper()
	for _, value := range []string{s.PartitionKey, s.Key, s.SubjectID, s.SessionID} {
		if units := len(utf16.Encode([]rune(value))); units > 200 {
			t.Errorf("%q was accepted with %d UTF-16 code units", value, units)
		}
		if !utf8.ValidString(value) || strings.Contains(value, "\x00") || strings.TrimFunc(value, unicode.IsSpace) != value {
			t.Errorf("%q was accepted", value)
		}
	}
	if s.Key == "" || s.SubjectID == "" && s.SessionID != "" {
		t.Error("an empty key, or a session id without a subject id, was accepted")
	}
	for _, at := range []time.Time{s.Created, s.Renewed, s.Expires} {
		if at.Location() != time.UTC || !at.Equal(at.Truncate(time.Microsecond)) || at.Year() < 1 || at.Year() > 9999 {
			t.Errorf("%v was accepted", at)
		}
	}
	if s.Created.IsZero() || s.Renewed.IsZero() {
		t.Error("a missing time was accepted")
	}
}

func wantExactly(t *testing.T, got, want bff.UserSession) {
	t.Helper()
	want.Created = want.Created.UTC().Truncate(time.Microsecond)
	want.Renewed = want.Renewed.UTC().Truncate(time.Microsecond)
	want.Expires = want.Expires.UTC().Truncate(time.Microsecond)
	want.Version = 1
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("GetUserSession returned\n%+v, want\n%+v", got, want)
	}
}
