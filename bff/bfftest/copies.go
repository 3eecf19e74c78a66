package bfftest

import (
	"bytes"

	"example.com/usersession/bff"
)

func copiesTopic() topic {
	return topic{name: "copies", tests: []test{
		{"create stores a copy of the ticket", createKeepsCopy},
		{"update stores a copy of the ticket", updateKeepsCopy},
		{"update with ReplaceRivals stores a copy of the ticket", takeOverKeepsCopy},
		{"replace stores a copy of the ticket", replaceKeepsCopy},
		{"get returns a copy of the ticket", getReturnsCopy},
		{"get by filter returns copies of the tickets", listReturnsCopies},
	}}
}

// overwrite overwrites the bytes in place, up to the capacity of the slice.
func overwrite(content []byte) {
	for i := range content {
		content[i] = '!'
	}
	for i, rest := 0, content[len(content):cap(content)]; i < len(rest); i++ {
		rest[i] = '!'
	}
}

// wantTicketUnchanged checks that the ticket in the store is still the wanted one.
func (f *fixture) wantTicketUnchanged(why string, s bff.UserSession, want string) {
	f.Helper()
	if got := f.get(s).Ticket; string(got) != want {
		f.Errorf("%s changed the ticket in the store to %s, want %q", why, describeTicket(got), want)
	}
}

func createKeepsCopy(f *fixture) {
	s := session("key-1", ticket([]byte("as written")))
	f.create(s)
	overwrite(s.Ticket)
	f.wantTicketUnchanged("changing the bytes that were passed to CreateUserSession", s, "as written")
}

func updateKeepsCopy(f *fixture) {
	s := session("key-1")
	f.create(s)
	s.Ticket = []byte("as updated")
	f.update(s)
	overwrite(s.Ticket)
	f.wantTicketUnchanged("changing the bytes that were passed to UpdateUserSession", s, "as updated")
}

func takeOverKeepsCopy(f *fixture) {
	rival, s := session("key-1", sessionID("sid")), session("key-2", sessionID("sid"), ticket([]byte("as updated")))
	f.create(rival, session("key-2"))
	f.mustTakeOver(s)
	overwrite(s.Ticket)
	f.wantTicketUnchanged("changing the bytes that were passed to UpdateUserSession with ReplaceRivals", s, "as updated")
}

func replaceKeepsCopy(f *fixture) {
	s := session("key-1", ticket([]byte("as written")))
	f.replace(s)
	overwrite(s.Ticket)
	f.wantTicketUnchanged("changing the bytes that were passed to ReplaceUserSession", s, "as written")
}

func getReturnsCopy(f *fixture) {
	s := session("key-1", ticket([]byte("as written")))
	f.create(s)
	one, two := f.get(s), f.get(s)
	overwrite(one.Ticket)
	if !bytes.Equal(two.Ticket, s.Ticket) {
		f.Error("two calls of GetUserSession returned the same slice")
	}
	f.wantTicketUnchanged("changing the bytes that GetUserSession returned", s, "as written")
}

func listReturnsCopies(f *fixture) {
	s, other := session("key-1", ticket([]byte("as written"))), session("key-2", ticket([]byte("as written")))
	f.create(s, other)
	for _, listed := range f.list(shop, bySubject(alice)) {
		overwrite(listed.Ticket)
	}
	f.wantTicketUnchanged("changing the bytes that GetUserSessions returned", s, "as written")
	f.wantTicketUnchanged("changing the bytes that GetUserSessions returned", other, "as written")
	for _, listed := range f.list(shop, bySubject(alice)) {
		f.wantTicket("GetUserSessions", listed, []byte("as written"))
	}
}
