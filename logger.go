package usersession

import (
	"context"
	"time"

	"gorm.io/gorm/logger"
)

// A discreetLogger passes on GORM's log of the store's statements without parameters
// and without the database's error texts, since both contain keys and tickets.
type discreetLogger struct {
	logger.Interface
	loggedErr func(error) error // the error to log in place of a database's
}

func (l discreetLogger) LogMode(level logger.LogLevel) logger.Interface {
	return discreetLogger{l.Interface.LogMode(level), l.loggedErr}
}

// ParamsFilter implements [gorm.io/gorm.ParamsFilter].
func (l discreetLogger) ParamsFilter(_ context.Context, sql string, _ ...any) (string, []any) {
	return sql, nil
}

func (l discreetLogger) Trace(ctx context.Context, begin time.Time, statement func() (string, int64), err error) {
	l.Interface.Trace(ctx, begin, statement, l.loggedErr(err))
}
