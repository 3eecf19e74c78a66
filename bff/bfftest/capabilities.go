package bfftest

import "example.com/usersession/bff"

// replacer returns the store's capability to replace sessions, if it has the capability.
func (f *fixture) replacer() (bff.UserSessionReplacer, bool) {
	r, ok := f.store.(bff.UserSessionReplacer)
	return r, ok
}

// replace adds the sessions with ReplaceUserSession. It must succeed. It skips the test if
// the store cannot replace sessions.
func (f *fixture) replace(sessions ...bff.UserSession) {
	f.Helper()
	r := f.needReplacer()
	for _, s := range sessions {
		if err := r.ReplaceUserSession(f.Context(), s); err != nil {
			f.Fatalf("ReplaceUserSession %s: %v", name(s), err)
		}
	}
}

// needReplacer returns the store's capability to replace sessions, or skips the test.
func (f *fixture) needReplacer() bff.UserSessionReplacer {
	r, ok := f.replacer()
	if !ok {
		f.Skip("the store does not implement bff.UserSessionReplacer")
	}
	return r
}

// versionDeleter returns the store's capability to delete a version, if it has the
// capability.
func (f *fixture) versionDeleter() (bff.UserSessionVersionDeleter, bool) {
	d, ok := f.store.(bff.UserSessionVersionDeleter)
	return d, ok
}

// needVersionDeleter returns the store's capability to delete a version, or skips the
// test.
func (f *fixture) needVersionDeleter() bff.UserSessionVersionDeleter {
	d, ok := f.versionDeleter()
	if !ok {
		f.Skip("the store does not implement bff.UserSessionVersionDeleter")
	}
	return d
}

// needLister skips the test if the store cannot list sessions.
func (f *fixture) needLister() {
	if _, ok := f.store.(bff.UserSessionLister); !ok {
		f.Skip("the store does not implement bff.UserSessionLister")
	}
}

// cleanUp deletes the expired sessions and checks the count. It does nothing for a store
// without cleanup: such a store may remove an expired session at any time.
func (f *fixture) cleanUp(why string, want int64) {
	f.Helper()
	c, ok := f.store.(bff.UserSessionStoreCleanup)
	if !ok {
		return
	}
	got, err := c.DeleteExpiredSessions(f.Context())
	if err != nil {
		f.Fatalf("DeleteExpiredSessions: %v", err)
	}
	if got != want {
		f.Errorf("%s: DeleteExpiredSessions counted %d, want %d", why, got, want)
	}
}
