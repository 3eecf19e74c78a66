package bff

import (
	"cmp"
	"slices"
	"time"
)

// An inMemoryRow holds one session of an [InMemoryStore]. The id and the session's key
// never change. Every other field is guarded by the store's lock.
type inMemoryRow struct {
	id      int64
	session UserSession
	removed bool
}

func (r *inMemoryRow) live(now time.Time) bool {
	return r.session.Expires.IsZero() || r.session.Expires.After(now)
}

// copy returns a copy that the caller may change without changing the row.
func (r *inMemoryRow) copy() UserSession {
	session := r.session
	session.Ticket = copyTicket(session.Ticket)
	return session
}

func copyTicket(ticket []byte) []byte { return append([]byte(nil), ticket...) }

func oldestFirst(rows []*inMemoryRow) []*inMemoryRow {
	slices.SortFunc(rows, func(a, b *inMemoryRow) int { return cmp.Compare(a.id, b.id) })
	return rows
}

// An inMemoryPartition indexes the rows of one partition by key, session id and subject
// id. A nil inMemoryPartition is a partition without rows.
type inMemoryPartition struct {
	keys       map[string]*inMemoryRow
	sessionIDs map[string]*inMemoryRow
	subjects   map[string]map[*inMemoryRow]struct{}
}

func newInMemoryPartition() *inMemoryPartition {
	return &inMemoryPartition{
		keys:       map[string]*inMemoryRow{},
		sessionIDs: map[string]*inMemoryRow{},
		subjects:   map[string]map[*inMemoryRow]struct{}{},
	}
}

func (p *inMemoryPartition) withKey(key string) *inMemoryRow {
	if p == nil {
		return nil
	}
	return p.keys[key]
}

func (p *inMemoryPartition) withSessionID(sessionID string) *inMemoryRow {
	if p == nil {
		return nil
	}
	return p.sessionIDs[sessionID] // "" is not indexed
}

// conflicting returns the rows that have the session's key or its session id: none, one
// or two.
func (p *inMemoryPartition) conflicting(session UserSession) []*inMemoryRow {
	var rows []*inMemoryRow
	if row := p.withKey(session.Key); row != nil {
		rows = append(rows, row)
	}
	if row := p.withSessionID(session.SessionID); row != nil && !slices.Contains(rows, row) {
		rows = append(rows, row)
	}
	return rows
}

// matching returns the rows that are equal in every field that the filter sets, in no
// order.
func (p *inMemoryPartition) matching(filter UserSessionsFilter) []*inMemoryRow {
	if p == nil {
		return nil
	}
	if filter.SessionID != "" {
		row := p.sessionIDs[filter.SessionID]
		if row == nil || filter.SubjectID != "" && row.session.SubjectID != filter.SubjectID {
			return nil
		}
		return []*inMemoryRow{row}
	}
	return rowsOf(p.subjects[filter.SubjectID])
}

func rowsOf(set map[*inMemoryRow]struct{}) []*inMemoryRow {
	rows := make([]*inMemoryRow, 0, len(set))
	for row := range set {
		rows = append(rows, row)
	}
	return rows
}

// write writes the updated values to a row of the partition.
func (p *inMemoryPartition) write(row *inMemoryRow, update UserSessionUpdate) {
	p.unindex(row)
	row.session.SubjectID = update.SubjectID
	row.session.SessionID = update.SessionID
	if !update.Created.IsZero() {
		row.session.Created = stored(update.Created)
	}
	row.session.Renewed = stored(update.Renewed)
	row.session.Expires = stored(update.Expires)
	row.session.Ticket = copyTicket(update.Ticket)
	row.session.Version++
	p.index(row)
}

// index enters the row in the maps of the partition.
func (p *inMemoryPartition) index(row *inMemoryRow) {
	p.keys[row.session.Key] = row
	if row.session.SessionID != "" {
		p.sessionIDs[row.session.SessionID] = row
	}
	if row.session.SubjectID == "" {
		return
	}
	subject := p.subjects[row.session.SubjectID]
	if subject == nil {
		subject = map[*inMemoryRow]struct{}{}
		p.subjects[row.session.SubjectID] = subject
	}
	subject[row] = struct{}{}
}

// unindex removes the row from the maps of the partition.
func (p *inMemoryPartition) unindex(row *inMemoryRow) {
	delete(p.keys, row.session.Key)
	if row.session.SessionID != "" {
		delete(p.sessionIDs, row.session.SessionID)
	}
	subject := p.subjects[row.session.SubjectID]
	delete(subject, row)
	if len(subject) == 0 {
		delete(p.subjects, row.session.SubjectID)
	}
}

// replaceRows removes the conflicting rows and adds the session, which must be valid.
// The caller holds the lock.
func (s *InMemoryStore) replaceRows(conflicts []*inMemoryRow, session UserSession) {
	for _, row := range conflicts {
		s.remove(row)
	}
	session.Created = stored(session.Created)
	session.Renewed = stored(session.Renewed)
	session.Expires = stored(session.Expires)
	session.Ticket = copyTicket(session.Ticket)
	session.Version = 1
	s.lastID++
	partition := s.partitions[session.PartitionKey]
	if partition == nil {
		partition = newInMemoryPartition()
		s.partitions[session.PartitionKey] = partition
	}
	partition.index(&inMemoryRow{id: s.lastID, session: session})
}

// remove removes a row from the store. The caller holds the lock.
func (s *InMemoryStore) remove(row *inMemoryRow) {
	partition := s.partitions[row.session.PartitionKey]
	partition.unindex(row)
	if len(partition.keys) == 0 {
		delete(s.partitions, row.session.PartitionKey)
	}
	row.removed = true
}

// rowsToList returns the rows that a listing visits, in the order of the listing.
func (s *InMemoryStore) rowsToList(query UserSessionsQuery) []*inMemoryRow {
	s.mu.RLock()
	var rows []*inMemoryRow
	if partition := s.partitions[query.PartitionKey]; partition != nil {
		if query.SubjectID != "" {
			rows = rowsOf(partition.subjects[query.SubjectID])
		} else {
			for _, row := range partition.keys {
				rows = append(rows, row)
			}
		}
	}
	s.mu.RUnlock()
	oldestFirst(rows) // by ids, which never change
	if !query.OldestFirst {
		slices.Reverse(rows)
	}
	return rows
}

// readPage returns copies, without tickets, of the rows that the query still selects.
func (s *InMemoryStore) readPage(query UserSessionsQuery, rows []*inMemoryRow) []UserSession {
	now := s.now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	var page []UserSession
	for _, row := range rows {
		if row.removed || !row.live(now) || query.SubjectID != "" && row.session.SubjectID != query.SubjectID {
			continue
		}
		session := row.session
		session.Ticket = nil
		page = append(page, session)
	}
	return page
}
