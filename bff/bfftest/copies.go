package bfftest

import (
	"bytes"

	"example.com/usersession/bff"
)

func copiesTopic() topic {
	return topic{name: "copies", tests: []test{
		{"create keeps a copy", createKeepsCopy},
		{"update keeps a copy", updateKeepsCopy},
		{"update with ReplaceRivals keeps a copy", takeOverKeepsCopy},
		{"replace keeps a copy", replaceKeepsCopy},
		{"get hands out a copy", getHandsOutCopy},
		{"get by filter hands out copies", listHandsOutCopies},
	}}
}

// shout changes the bytes in place, and what lies behind them in the same array.
func shout(content []byte) {
	for i := range content {
		content[i] = '!'
	}
	for i, rest := 0, content[len(content):cap(content)]; i < len(rest); i++ {
		rest[i] = '!'
	}
}

// wantUntouched checks that the ticket is what it was when it was written.
func (f *fixture) wantUntouched(why string, s bff.UserSession, want string) {
	f.Helper()
	if got := f.get(s).Ticket; string(got) != want {
		f.Errorf("%s changed the ticket in the store to %s, want %q", why, describeTicket(got), want)
	}
}

func createKeepsCopy(f *fixture) {
	s := session("key-1", ticket([]byte("as written")))
	f.create(s)
	shout(s.Ticket)
	f.wantUntouched("changing the bytes that were passed to CreateUserSession", s, "as written")
}

func updateKeepsCopy(f *fixture) {
	s := session("key-1")
	f.create(s)
	s.Ticket = []byte("as updated")
	f.update(s)
	shout(s.Ticket)
	f.wantUntouched("changing the bytes that were passed to UpdateUserSession", s, "as updated")
}

func takeOverKeepsCopy(f *fixture) {
	rival, s := session("key-1", sessionID("sid")), session("key-2", sessionID("sid"), ticket([]byte("as updated")))
	f.create(rival, session("key-2"))
	f.mustTakeOver(s)
	shout(s.Ticket)
	f.wantUntouched("changing the bytes that were passed to UpdateUserSession with ReplaceRivals", s, "as updated")
}

func replaceKeepsCopy(f *fixture) {
	s := session("key-1", ticket([]byte("as written")))
	f.replace(s)
	shout(s.Ticket)
	f.wantUntouched("changing the bytes that were passed to ReplaceUserSession", s, "as written")
}

func getHandsOutCopy(f *fixture) {
	s := session("key-1", ticket([]byte("as written")))
	f.create(s)
	one, two := f.get(s), f.get(s)
	shout(one.Ticket)
	if !bytes.Equal(two.Ticket, s.Ticket) {
		f.Error("two calls of GetUserSession handed out the same bytes")
	}
	f.wantUntouched("changing the bytes that GetUserSession returned", s, "as written")
}

func listHandsOutCopies(f *fixture) {
	s, other := session("key-1", ticket([]byte("as written"))), session("key-2", ticket([]byte("as written")))
	f.create(s, other)
	for _, listed := range f.list(shop, bySubject(alice)) {
		shout(listed.Ticket)
	}
	f.wantUntouched("changing the bytes that GetUserSessions returned", s, "as written")
	f.wantUntouched("changing the bytes that GetUserSessions returned", other, "as written")
	for _, listed := range f.list(shop, bySubject(alice)) {
		f.wantTicket("GetUserSessions", listed, []byte("as written"))
	}
}
