package bff

import "context"

// withCapabilities returns the cache with the optional methods that its store has.
func withCapabilities(c *readCache) ReadCache {
	replacer, replaces := c.store.(UserSessionReplacer)
	deleter, deletes := c.store.(UserSessionVersionDeleter)
	r, d := cachedReplacer{c, replacer}, cachedDeleter{c, deleter}
	l, lists := c.store.(UserSessionLister)        // asks the store, as every list does
	e, cleans := c.store.(UserSessionStoreCleanup) // deletes only sessions that have expired in the cache, too
	type (
		rep = cachedReplacer
		del = cachedDeleter
		lis = UserSessionLister
		cle = UserSessionStoreCleanup
	)
	switch [4]bool{replaces, deletes, lists, cleans} {
	case [4]bool{true, true, true, true}:
		return struct {
			*readCache
			rep
			del
			lis
			cle
		}{c, r, d, l, e}
	case [4]bool{true, true, true, false}:
		return struct {
			*readCache
			rep
			del
			lis
		}{c, r, d, l}
	case [4]bool{true, true, false, true}:
		return struct {
			*readCache
			rep
			del
			cle
		}{c, r, d, e}
	case [4]bool{true, true, false, false}:
		return struct {
			*readCache
			rep
			del
		}{c, r, d}
	case [4]bool{true, false, true, true}:
		return struct {
			*readCache
			rep
			lis
			cle
		}{c, r, l, e}
	case [4]bool{true, false, true, false}:
		return struct {
			*readCache
			rep
			lis
		}{c, r, l}
	case [4]bool{true, false, false, true}:
		return struct {
			*readCache
			rep
			cle
		}{c, r, e}
	case [4]bool{true, false, false, false}:
		return struct {
			*readCache
			rep
		}{c, r}
	case [4]bool{false, true, true, true}:
		return struct {
			*readCache
			del
			lis
			cle
		}{c, d, l, e}
	case [4]bool{false, true, true, false}:
		return struct {
			*readCache
			del
			lis
		}{c, d, l}
	case [4]bool{false, true, false, true}:
		return struct {
			*readCache
			del
			cle
		}{c, d, e}
	case [4]bool{false, true, false, false}:
		return struct {
			*readCache
			del
		}{c, d}
	case [4]bool{false, false, true, true}:
		return struct {
			*readCache
			lis
			cle
		}{c, l, e}
	case [4]bool{false, false, true, false}:
		return struct {
			*readCache
			lis
		}{c, l}
	case [4]bool{false, false, false, true}:
		return struct {
			*readCache
			cle
		}{c, e}
	default:
		return c
	}
}

type cachedReplacer struct {
	cache *readCache
	store UserSessionReplacer
}

func (r cachedReplacer) ReplaceUserSession(ctx context.Context, session UserSession) error {
	defer r.cache.memory.write(affected{key: keyOfSession(session), sessionID: session.SessionID})()
	return r.store.ReplaceUserSession(ctx, session)
}

type cachedDeleter struct {
	cache *readCache
	store UserSessionVersionDeleter
}

func (d cachedDeleter) DeleteUserSessionVersion(ctx context.Context, key UserSessionKey, version int64) (int64, error) {
	defer d.cache.memory.write(affected{key: key})()
	return d.store.DeleteUserSessionVersion(ctx, key, version)
}
