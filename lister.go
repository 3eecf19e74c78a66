package usersession

import (
	"cmp"
	"context"
	"database/sql"
	"iter"
	"math"

	"example.com/usersession/bff"
)

// UserSessions implements [bff.UserSessionLister].
func (s *GormStore) UserSessions(ctx context.Context, query bff.UserSessionsQuery) iter.Seq2[bff.UserSession, error] {
	return func(yield func(bff.UserSession, error) bool) {
		after := int64(math.MaxInt64)
		if query.OldestFirst {
			after = math.MinInt64
		}
		if query.PageSize < 1 {
			query.PageSize = bff.DefaultPageSize
		}
		for {
			var page []bff.UserSession
			err := s.run(ctx, reads, "list user sessions", func() (err error) {
				page, after, err = s.listPage(ctx, query, after)
				return err
			})
			if err != nil {
				yield(bff.UserSession{}, err)
				return
			}
			for _, session := range page {
				if !yield(session, nil) {
					return
				}
			}
			if len(page) < query.PageSize {
				return
			}
		}
	}
}

// listPage reads a whole page, so that no rows are open while the caller uses the page.
// It returns the page and the id after which the next page begins.
func (s *GormStore) listPage(ctx context.Context, query bff.UserSessionsQuery, after int64) ([]bff.UserSession, int64, error) {
	order := newestFirst
	if query.OldestFirst {
		order = oldestFirst
	}
	way := s.conn.wayToRead(ctx)
	statement, named := s.sql.read[way].page[order], []string{query.PartitionKey}
	if query.SubjectID != "" {
		statement, named = s.sql.read[way].pageBySubject[order], append(named, query.SubjectID)
	}
	if !storable(query.PartitionKey, cmp.Or(query.SubjectID, "any")) {
		return nil, after, nil
	}
	page := make([]bff.UserSession, 0, min(query.PageSize, bff.DefaultPageSize))
	last := after
	scanner := newScanner(query.PartitionKey, way)
	scanner.into[len(scanner.into)-1] = &last
	args := append(s.conn.dialect.identityArgs(named...), after, s.now(), query.PageSize)
	err := s.conn.eachRow(ctx, statement, args, func(rows *sql.Rows) error {
		err := scanner.scan(rows)
		page = append(page, scanner.session)
		return err
	})
	if err != nil {
		return nil, after, err
	}
	return page, last, nil
}
