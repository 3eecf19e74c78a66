package usersession

import (
	"context"
	"time"

	"gorm.io/gorm/logger"
)

// A discreetLogger passes on what GORM logs of the store's statements without their
// parameters and without the database's error texts, both of which hold keys and
// tickets.
type discreetLogger struct {
	logger.Interface
	discreet func(error) error
}

func (l discreetLogger) LogMode(level logger.LogLevel) logger.Interface {
	return discreetLogger{l.Interface.LogMode(level), l.discreet}
}

// ParamsFilter implements [gorm.io/gorm.ParamsFilter].
func (l discreetLogger) ParamsFilter(_ context.Context, sql string, _ ...any) (string, []any) {
	return sql, nil
}

func (l discreetLogger) Trace(ctx context.Context, begin time.Time, statement func() (string, int64), err error) {
	l.Interface.Trace(ctx, begin, statement, l.discreet(err))
}

// discreetErr returns what a log may say of an error: nothing if the store deals with
// it, by trying again or with an error of package bff.
func (s *GormStore) discreetErr(err error) error {
	if err == nil || s.isDuplicate(err) || s.isRetryable(err) {
		return nil
	}
	return &databaseError{text: "usersession: " + describe(err), cause: err}
}
