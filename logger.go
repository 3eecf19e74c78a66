package usersession

import (
	"context"
	"time"

	"gorm.io/gorm/logger"
)

// A discreetLogger passes on what GORM logs of the store's statements without their
// parameters and without a database's error texts, both of which hold keys and
// tickets.
type discreetLogger struct {
	logger.Interface
	// expected reports an error that the store deals with itself, and that is
	// nobody's concern.
	expected func(error) bool
}

func (l discreetLogger) LogMode(level logger.LogLevel) logger.Interface {
	return discreetLogger{l.Interface.LogMode(level), l.expected}
}

// ParamsFilter implements [gorm.io/gorm.ParamsFilter].
func (l discreetLogger) ParamsFilter(_ context.Context, sql string, _ ...any) (string, []any) {
	return sql, nil
}

func (l discreetLogger) Trace(ctx context.Context, begin time.Time, statement func() (string, int64), err error) {
	if err != nil {
		if l.expected(err) {
			err = nil
		} else {
			err = &databaseError{operation: "statement", cause: err}
		}
	}
	l.Interface.Trace(ctx, begin, statement, err)
}
