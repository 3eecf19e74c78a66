package bfftest

import (
	"fmt"
	"strings"

	"example.com/usersession/bff"
)

func identityTopic() topic {
	return topic{name: "identity", tests: []test{
		{"case differs", caseDiffers},
		{"composed and decomposed letters differ", compositionDiffers},
		{"letters that collations treat as equal differ", collationsDiffer},
		{"invisible characters differ", invisibleCharactersDiffer},
		{"digits and look-alikes differ", lookAlikesDiffer},
		{"delete of a version compares keys exactly", deleteVersionComparesExactly},
		{"ReplaceRivals compares session ids exactly", rivalsCompareExactly},
		{"wildcards and quotes are plain data", wildcardsArePlain},
		{"text of every kind is kept exactly", textIsKept},
		{"values of the maximum length are kept", longestAreKept},
		{"values over the maximum length are refused", tooLongAreRefused},
		{"NUL is refused", nulIsRefused},
		{"invalid UTF-8 is refused", invalidUTF8IsRefused},
		{"white space at either end is refused", outerSpaceIsRefused},
		{"an empty key is refused", emptyIsRefused},
		{"a refused update writes nothing", refusedUpdateWritesNothing},
		{"get of an invalid key is not found", getInvalidKey},
		{"delete of an invalid key counts 0", deleteInvalidKey},
		{"delete of a version of an invalid key counts 0", deleteVersionOfInvalidKey},
		{"update of an invalid key is refused", updateInvalidKey},
		{"an invalid value in a filter matches nothing", invalidFilterValue},
	}}
}

// wantDistinct checks, for each of the four identities, that the store treats the values
// as different.
func (f *fixture) wantDistinct(values ...string) {
	f.Helper()
	f.wantDistinctPartitions(values)
	f.wantDistinctKeys(values)
	f.wantDistinctSubjects(values)
	f.wantDistinctSessionIDs(values)
}

func (f *fixture) wantDistinctPartitions(values []string) {
	f.Helper()
	var all []bff.UserSession
	for i, value := range values {
		all = append(all, session("key", partition(value), sessionID("sid"), ticket([]byte{byte(i)})))
	}
	f.create(all...)
	for _, s := range all {
		f.wantStored(1, s)
		f.wantListed(s.PartitionKey, bySubject(alice), s)
	}
	for _, s := range all {
		f.deleteAll(s.PartitionKey, bySessionID("sid"), 1)
		f.wantAbsent(s)
	}
}

func (f *fixture) wantDistinctKeys(values []string) {
	f.Helper()
	var all []bff.UserSession
	for i, value := range values {
		all = append(all, session(value, partition("keys"), sessionID(fmt.Sprint("sid-", i))))
	}
	f.create(all...)
	for i, s := range all {
		f.update(s)
		f.wantStored(2, s)
		f.delete(s)
		f.wantAbsent(s)
		f.wantListed("keys", bySubject(alice), all[i+1:]...)
	}
}

func (f *fixture) wantDistinctSubjects(values []string) {
	f.Helper()
	var all []bff.UserSession
	for i, value := range values {
		all = append(all, session(fmt.Sprint("key-", i), partition("subjects"), subject(value)))
	}
	f.create(all...)
	for _, s := range all {
		f.wantListed("subjects", bySubject(s.SubjectID), s)
		f.deleteAll("subjects", bySubject(s.SubjectID), 1)
	}
}

func (f *fixture) wantDistinctSessionIDs(values []string) {
	f.Helper()
	var all []bff.UserSession
	for i, value := range values {
		all = append(all, session(fmt.Sprint("key-", i), partition("session ids"), sessionID(value)))
	}
	f.create(all...)
	for i, s := range all {
		f.wantListed("session ids", bySessionID(s.SessionID), s)
		f.deleteAll("session ids", bySessionID(s.SessionID), 1)
		f.wantListed("session ids", bySubject(alice), all[i+1:]...)
	}
}

// wantKept checks, for each of the four identities, that the store returns the value
// exactly and finds the session by it.
func (f *fixture) wantKept(value string) {
	f.Helper()
	s := session(value, partition(value), subject(value), sessionID(value))
	f.create(s)
	f.wantStored(1, s)
	for _, filter := range []bff.UserSessionsFilter{
		bySubject(value), bySessionID(value), {SubjectID: value, SessionID: value},
	} {
		f.wantListed(value, filter, s)
	}
	f.update(s)
	f.wantStored(2, s)
	f.delete(s)
	f.wantAbsent(s)
}

func caseDiffers(f *fixture) {
	f.wantDistinct("casey", "CASEY", "Casey", "é", "É", "я", "Я", "σ", "ς", "Σ")
}

func compositionDiffers(f *fixture) {
	f.wantDistinct("caf\u00e9", "cafe\u0301", "cafe", "\u212b", "\u00c5", "A\u030a", "\uac00", "\u1100\u1161")
}

func collationsDiffer(f *fixture) {
	f.wantDistinct("straße", "strasse", "STRASSE", "æther", "aether", "i", "ı", "İ", "I", "ñ", "n", "ö", "o", "oe", "þ", "th")
}

func invisibleCharactersDiffer(f *fixture) {
	f.wantDistinct("zero", "ze\u200bro", "zero\u200b", "\u200bzero", "ze\u200dro", "\ufeffzero", "ze\u00adro", "zero\ufe0f", "zero\u0001", "ze ro", "ze  ro", "ze\u00a0ro")
}

func lookAlikesDiffer(f *fixture) {
	f.wantDistinct("1", "01", "1.0", "1e0", "+1", "0x1", "１", "²", "2", "a", "а", "ａ", "ﬁ", "fi", "null", "NULL", "true")
}

func wildcardsArePlain(f *fixture) {
	f.wantDistinct("abc", "a_c", "a%", "%", "_", "*", "a*", "[a-z]bc", "'", "''", `"`, `\`, `\\`, `\'`, "?", "@x", "$1", ":x", "--", ";",
		"' OR 1=1 --", "/* */", "{{.}}", "`", "a-c")
}

func textIsKept(f *fixture) {
	for _, value := range []string{
		"x", "two words", "tab\tinside", "line\nbreak", "carriage\r\nreturn", "日本語", "ελληνικά", "עברית", "ไทย",
		"🙂", "👩‍👩‍👧‍👦", "🇩🇪", "e\u0301\u0323", "\U0010ffff", "\ufffd", "\uffff", "\u007f", "\u0001\u001f", "\u202eabc",
		"Ω≈ç√∫", "a\\0b", "0", "-0", "NaN", "#", "&amp;", "<b>", "a/b", "../x", "a|b", "a,b", "a=b&c=d", "%00", "%s", "\\u0000",
	} {
		f.wantKept(value)
	}
}

// longest returns values of exactly [bff.MaxIdentityLength] UTF-16 code units.
func longest() []string {
	return []string{
		strings.Repeat("a", bff.MaxIdentityLength),
		strings.Repeat("é", bff.MaxIdentityLength),
		strings.Repeat("日", bff.MaxIdentityLength),
		strings.Repeat("🙂", bff.MaxIdentityLength/2),
		"a" + strings.Repeat("🙂", bff.MaxIdentityLength/2-1) + "b",
	}
}

func longestAreKept(f *fixture) {
	for _, value := range longest() {
		f.wantKept(value)
	}
	long := strings.Repeat("a", bff.MaxIdentityLength-1)
	f.wantDistinct(long, long+"a", long+"b")
}

// similar returns values that collations, or people, treat as equal.
func similar() []string {
	return []string{"casey", "CASEY", "Casey", "caf\u00e9", "cafe\u0301", "cafe", "straße", "strasse", "zero", "ze\u200bro", "1", "01", "%", "_"}
}

func deleteVersionComparesExactly(f *fixture) {
	f.needVersionDeleter()
	var all []bff.UserSession
	for _, key := range similar() {
		all = append(all, session(key, sessionID("")))
	}
	f.create(all...)
	for i, s := range all {
		f.deleteVersion(s, 1, 1)
		f.wantAbsent(s)
		f.wantListed(shop, bySubject(alice), all[i+1:]...)
	}
}

func rivalsCompareExactly(f *fixture) {
	var rivals []bff.UserSession
	for i, sid := range similar() {
		rivals = append(rivals, session(fmt.Sprint("key-", i), sessionID(sid)))
	}
	f.create(rivals...)
	f.create(session("taker", subject(bob), sessionID("")))
	for i, rival := range rivals {
		f.mustTakeOver(session("taker", subject(bob), sessionID(rival.SessionID)))
		f.wantListed(shop, bySubject(alice), rivals[i+1:]...)
	}
}
