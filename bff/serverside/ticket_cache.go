package serverside

import (
	"bytes"
	"container/list"
	"sync"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

const (
	// maxRememberedTicket is the maximum size of a sealed ticket that is remembered.
	maxRememberedTicket = 128 << 10
	// rememberedBytesPerSession times the size of a ticketCache is the maximum size of all
	// sealed tickets in it.
	rememberedBytesPerSession = 16 << 10
)

// A ticketCache remembers opened tickets, one for each session, so that a ticket is decrypted
// and decoded again only if its row has changed. It returns a ticket only for the sealed bytes and
// the binding from which the ticket was opened: with a Protector whose keys never change,
// [ticket.Open] would return the same ticket. The nil ticketCache remembers nothing.
//
// When it is full, it forgets the tickets that were used least recently. When it remembers a
// ticket, and when [Sessions.Run] asks it to, it forgets the tickets that were not used for the
// idle timeout.
type ticketCache struct {
	size     int
	maxBytes int64
	idle     time.Duration

	mu     sync.Mutex
	byKey  map[string]*list.Element // of rememberedTicket
	recent *list.List               // the most recently used ticket is at the front
	bytes  int64
}

// A rememberedTicket is never changed, except for used, which the cache's lock guards.
type rememberedTicket struct {
	binding ticket.Binding
	sealed  []byte
	ticket  ticket.Ticket
	used    time.Time
}

// newTicketCache returns a cache for the configuration, which must have its defaults.
func newTicketCache(c Config) *ticketCache {
	if c.TicketCacheSize <= 0 {
		return nil
	}
	return &ticketCache{
		size: c.TicketCacheSize, idle: c.IdleTimeout, byKey: map[string]*list.Element{}, recent: list.New(),
		maxBytes: max(maxRememberedTicket, rememberedBytesPerSession*min(int64(c.TicketCacheSize), 1<<40)),
	}
}

// get returns the opened ticket of a row. The caller must not change its claims and properties.
//
// The comparison need not take constant time: the sealed bytes are no secret for an attacker who
// writes rows, and a row with the same bytes and binding opens without the cache, too.
func (c *ticketCache) get(row bff.UserSession) (ticket.Ticket, bool) {
	if c == nil {
		return ticket.Ticket{}, false
	}
	c.mu.Lock()
	var found *rememberedTicket
	if e := c.byKey[row.Key]; e != nil {
		found = e.Value.(*rememberedTicket)
	}
	c.mu.Unlock()
	if found == nil || found.binding != ticket.BindingOf(row) || !bytes.Equal(found.sealed, row.Ticket) {
		return ticket.Ticket{}, false
	}
	return found.ticket, true
}

// remember notes that the session is in use at now, and remembers its ticket.
func (c *ticketCache) remember(opened *openedSession, now time.Time) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byKey[opened.row.Key]; e != nil {
		known := e.Value.(*rememberedTicket)
		if known.binding == ticket.BindingOf(opened.row) && bytes.Equal(known.sealed, opened.row.Ticket) {
			known.used = now
			c.recent.MoveToFront(e)
			return
		}
		c.drop(e)
	}
	if len(opened.row.Ticket) > maxRememberedTicket {
		return
	}
	t := &rememberedTicket{
		binding: ticket.BindingOf(opened.row), sealed: bytes.Clone(opened.row.Ticket), ticket: opened.ticket, used: now,
	}
	c.byKey[opened.row.Key] = c.recent.PushFront(t)
	c.bytes += int64(len(t.sealed))
	for c.recent.Len() > c.size || c.bytes > c.maxBytes {
		c.drop(c.recent.Back())
	}
	c.dropUnused(now)
}

// forgetUnused forgets the tickets that were not used for the idle timeout.
func (c *ticketCache) forgetUnused(now time.Time) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropUnused(now)
}

// dropUnused is forgetUnused with the lock held.
func (c *ticketCache) dropUnused(now time.Time) {
	for last := c.recent.Back(); last != nil && now.Sub(last.Value.(*rememberedTicket).used) > c.idle; last = c.recent.Back() {
		c.drop(last)
	}
}

// forget forgets the ticket of the session with the key.
func (c *ticketCache) forget(key string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byKey[key]; e != nil {
		c.drop(e)
	}
}

// forgetMatching forgets the tickets of the sessions that match the filter, which must be valid.
func (c *ticketCache) forgetMatching(filter bff.UserSessionsFilter) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.byKey {
		of := e.Value.(*rememberedTicket).binding
		if (filter.SubjectID == "" || filter.SubjectID == of.SubjectID) && (filter.SessionID == "" || filter.SessionID == of.SessionID) {
			c.drop(e)
		}
	}
}

// drop forgets a ticket. The caller holds the lock.
func (c *ticketCache) drop(e *list.Element) {
	t := c.recent.Remove(e).(*rememberedTicket)
	delete(c.byKey, t.binding.Key)
	c.bytes -= int64(len(t.sealed))
}
