package bfftest

import "example.com/usersession/bff"

func partitionTopic() topic {
	return topic{name: "partition", tests: []test{
		{"two partitions can have the same key", partitionsShareKey},
		{"two partitions can have the same session id", partitionsShareSessionID},
		{"update stays within its partition", partitionUpdate},
		{"delete stays within its partition", partitionDelete},
		{"get by filter stays within its partition", partitionLists},
		{"delete by filter stays within its partition", partitionDeletes},
		{"the empty partition key names a partition of its own", emptyPartition},
		{"a partition without sessions matches no filter", unknownPartition},
		{"replace stays within its partition", partitionReplace},
		{"ReplaceRivals stays within its partition", partitionRivals},
		{"delete of a version stays within its partition", partitionDeleteVersion},
		{"anonymous sessions stay within their partition", partitionAnonymous},
	}}
}

func partitionsShareKey(f *fixture) {
	one, two := session("key-1"), session("key-1", partition(admin), subject(bob), sessionID("sid-2"))
	f.create(one, two)
	f.wantStored(1, one, two)
}

func partitionsShareSessionID(f *fixture) {
	one, two := session("key-1", sessionID("sid")), session("key-2", sessionID("sid"), partition(admin))
	three := session("key-3", sessionID("sid-3"), partition("third"))
	f.create(one, two, three)
	three.SessionID = "sid"
	f.update(three)
	f.wantStored(1, one, two)
	f.wantStored(2, three)
	f.wantListed(shop, bySessionID("sid"), one)
	f.wantListed(admin, bySessionID("sid"), two)
	f.wantListed("third", bySessionID("sid"), three)
}

// twins returns two sessions that differ only in their partition.
func twins() (inShop, inAdmin bff.UserSession) {
	return session("key-1"), session("key-1", partition(admin))
}

func partitionUpdate(f *fixture) {
	inShop, inAdmin := twins()
	f.create(inShop, inAdmin)
	inShop.Ticket = []byte("another ticket")
	f.update(inShop)
	f.wantStored(2, inShop)
	f.wantStored(1, inAdmin)
}

func partitionDelete(f *fixture) {
	inShop, inAdmin := twins()
	f.create(inShop, inAdmin)
	f.delete(inShop)
	f.wantAbsent(inShop)
	f.wantStored(1, inAdmin)
}

func partitionLists(f *fixture) {
	inShop, inAdmin := twins()
	f.create(inShop, inAdmin)
	for _, filter := range []bff.UserSessionsFilter{
		bySubject(alice),
		bySessionID(inShop.SessionID),
		{SubjectID: alice, SessionID: inShop.SessionID},
	} {
		f.wantListed(shop, filter, inShop)
		f.wantListed(admin, filter, inAdmin)
	}
}

func partitionDeletes(f *fixture) {
	for _, filter := range []bff.UserSessionsFilter{
		bySubject(alice),
		bySessionID("sid-of-key-1"),
		{SubjectID: alice, SessionID: "sid-of-key-1"},
	} {
		inShop, inAdmin := twins()
		f.create(inShop, inAdmin)
		f.deleteAll(shop, filter, 1)
		f.wantAbsent(inShop)
		f.wantStored(1, inAdmin)
		f.delete(inAdmin)
	}
}

func emptyPartition(f *fixture) {
	nowhere, inShop := session("key-1", partition("")), session("key-1")
	f.create(nowhere, inShop)
	f.wantListed("", bySubject(alice), nowhere)
	f.wantListed("", bySessionID(nowhere.SessionID), nowhere)
	nowhere.Ticket = []byte("another ticket")
	f.update(nowhere)
	f.wantStored(2, nowhere)
	f.wantStored(1, inShop)
	f.wantError("CreateUserSession with a live key in the empty partition",
		f.store.CreateUserSession(f.Context(), nowhere), bff.ErrSessionExists)
	f.wantError("CreateUserSession with a live session id in the empty partition",
		f.store.CreateUserSession(f.Context(), session("key-2", partition(""), sessionID(nowhere.SessionID))), bff.ErrSessionExists)
	f.deleteAll("", bySubject(alice), 1)
	f.wantAbsent(nowhere)
	f.wantStored(1, inShop)
}

func unknownPartition(f *fixture) {
	inShop := session("key-1")
	f.create(inShop)
	for _, other := range []string{"", admin, "shop-2", "sho"} {
		f.wantListed(other, bySubject(alice))
		f.deleteAll(other, bySubject(alice), 0)
	}
	f.wantStored(1, inShop)
}

func partitionReplace(f *fixture) {
	inShop, inAdmin := twins()
	f.create(inShop, inAdmin)
	fresh := session("key-2", sessionID(inShop.SessionID))
	f.replace(fresh)
	f.wantAbsent(inShop)
	f.wantStored(1, fresh, inAdmin)
}

func partitionRivals(f *fixture) {
	inShop, inAdmin := twins()
	elsewhere := session("key-1", partition(""))
	f.create(inShop, inAdmin, elsewhere, session("key-2", anonymous))
	signedIn := session("key-2", sessionID(inShop.SessionID))
	f.mustTakeOver(signedIn)
	f.wantAbsent(inShop)
	f.wantStored(2, signedIn)
	f.wantStored(1, inAdmin, elsewhere)
	f.create(session("key-3", sessionID("sid-3")))
	inAdmin.SessionID = "sid-3" // no other session in admin has it
	f.mustTakeOver(inAdmin)
	f.wantStored(2, inAdmin)
	f.wantStored(1, session("key-3", sessionID("sid-3")))
}

func partitionDeleteVersion(f *fixture) {
	inShop, inAdmin := twins()
	f.create(inShop, inAdmin)
	f.deleteVersion(inShop, 1, 1)
	f.wantAbsent(inShop)
	f.wantStored(1, inAdmin)
	f.deleteVersion(inShop, 1, 0)
	for _, other := range []string{"", "SHOP", "sho"} {
		f.deleteVersion(session("key-1", partition(other)), 1, 0)
	}
	f.wantStored(1, inAdmin)
}

func partitionAnonymous(f *fixture) {
	inShop, inAdmin := session("key-1", anonymous), session("key-1", anonymous, partition(admin))
	f.create(inShop, inAdmin)
	inShop.Ticket = []byte("another ticket")
	f.update(inShop)
	f.wantStored(2, inShop)
	f.wantStored(1, inAdmin)
	f.delete(inAdmin)
	f.wantStored(2, inShop)
	f.wantAbsent(inAdmin)
}
