package bfftest

import (
	"bytes"
	"math/rand/v2"

	"example.com/usersession/bff"
)

func ticketsTopic() topic {
	return topic{name: "tickets", tests: []test{
		{"a nil and an empty ticket are equivalent", emptyTickets},
		{"every byte value is kept", everyByteIsKept},
		{"bytes that resemble text, SQL or escapes are kept", ambiguousBytesAreKept},
		{"a ticket of 1 MB is kept", megabyteIsKept},
		{"update can enlarge, shrink and clear a ticket", updateResizesTicket},
	}}
}

// wantTickets checks that the store returns each ticket unchanged, for every operation
// that writes a ticket and every operation that reads one.
func (f *fixture) wantTickets(tickets ...[]byte) {
	f.Helper()
	for _, content := range tickets {
		written := []bff.UserSession{session("created", ticket(content)), session("updated", ticket(content))}
		f.create(written[0], session("updated"))
		f.update(written[1])
		if _, ok := f.replacer(); ok {
			written = append(written, session("replaced", ticket(content)))
			f.replace(written[2])
		}
		for _, s := range written {
			f.wantTicket("GetUserSession", f.get(s), content)
		}
		for _, s := range f.list(shop, bySubject(alice)) {
			f.wantTicket("GetUserSessions", s, content)
		}
		f.delete(written...)
	}
}

func (f *fixture) wantTicket(what string, got bff.UserSession, want []byte) {
	f.Helper()
	if !bytes.Equal(got.Ticket, want) {
		f.Errorf("%s of the session %s: the ticket is %s, want %s", what, got.Key, describeTicket(got.Ticket), describeTicket(want))
	}
}

func emptyTickets(f *fixture) {
	f.wantTickets(nil, []byte{})
}

func everyByteIsKept(f *fixture) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
		f.wantTickets(all[i : i+1])
	}
	f.wantTickets(all, bytes.Repeat(all, 16))
}

func ambiguousBytesAreKept(f *fixture) {
	f.wantTickets(
		[]byte("spaces   "), []byte("  in front"), []byte("NULs\x00\x00\x00"), []byte("\x00"), []byte(" "), []byte("\r\n"),
		[]byte("NULL"), []byte("null"), []byte("{}"), []byte(`\x00ff`), []byte(`\\\'"`), []byte("'; --"), []byte("0x414243"),
		[]byte("\xff\xfe\xfd"), []byte("\xc3\x28"), []byte("\xef\xbb\xbfmark"), []byte("é🙂"), []byte("?@x$1%s{{.}}"))
}

// randomTicket returns bytes that do not compress. They are the same in every run.
func randomTicket(size int) []byte {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content) // never fails
	return content
}

func megabyteIsKept(f *fixture) {
	f.wantTickets(randomTicket(1<<20), bytes.Repeat([]byte{0}, 1<<20))
	// Databases change how they store bytes at about these sizes.
	f.wantTickets(randomTicket(255), randomTicket(256), randomTicket(4000), randomTicket(8000), randomTicket(8001), randomTicket(65_535), randomTicket(65_536))
}

func updateResizesTicket(f *fixture) {
	s := session("key-1")
	f.create(s)
	for i, size := range []int{1 << 20, 10, 1 << 20, 0, 100_000, 0} {
		s.Ticket = randomTicket(size)
		f.update(s)
		f.wantStored(int64(i+2), s)
	}
}
