package usersession

import "context"

// DeleteExpiredSessions implements [bff.UserSessionStoreCleanup].
func (s *GormStore) DeleteExpiredSessions(ctx context.Context) (deleted int64, err error) {
	err = s.run(ctx, "delete expired sessions", func() error {
		result := s.db(ctx).Exec(s.sql.cleanup, s.now())
		deleted = result.RowsAffected
		return result.Error
	})
	return deleted, err
}
