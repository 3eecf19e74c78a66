package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/entities"
)

// A cleaner is a way to delete expired sessions. Its function returns the number of sessions
// that it deleted, and the number that it selected but another host deleted first. It
// returns both also if the context ends; the end of a round's time is not an error.
type cleaner struct {
	name  string
	clean func(ctx context.Context, db *gorm.DB) (deleted, wasted int64, err error)
}

var (
	oneDelete  = cleaner{"one DELETE", cleanAtOnce}
	entityLoop = cleaner{"entity loop", func(ctx context.Context, db *gorm.DB) (int64, int64, error) {
		return loopOverEntities(ctx, db, deleteEach)
	}}
	entityLoopInTx = cleaner{"entity loop, 100 in a transaction", func(ctx context.Context, db *gorm.DB) (int64, int64, error) {
		return loopOverEntities(ctx, db, deleteTogether)
	}}
)

// storeCleaner is the store's cleanup. The store's log has the number of sessions that it
// selected but another host deleted.
func storeCleaner(c config) cleaner {
	clean := func(ctx context.Context, db *gorm.DB) (deleted, wasted int64, err error) {
		log := &batchLog{}
		options := []usersession.Option{usersession.WithLogger(slog.New(log))}
		if c.batch > 0 {
			options = append(options, usersession.WithCleanupBatchSize(c.batch))
		}
		if c.pause >= 0 {
			options = append(options, usersession.WithCleanupPause(c.pause))
		}
		store, err := usersession.NewGormStore(db, options...)
		if err != nil {
			return 0, 0, err
		}
		deleted, err = store.DeleteExpiredSessions(ctx)
		return deleted, log.wasted.Load(), unlessStopped(ctx, err)
	}
	return cleaner{"DeleteExpiredSessions", clean}
}

// A batchLog is a slog.Handler that adds up the wasted deletes in the store's log of its
// batches.
type batchLog struct{ wasted atomic.Int64 }

func (l *batchLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *batchLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *batchLog) WithGroup(string) slog.Handler            { return l }

func (l *batchLog) Handle(_ context.Context, record slog.Record) error {
	record.Attrs(func(attr slog.Attr) bool {
		switch attr.Key {
		case "picked":
			l.wasted.Add(attr.Value.Int64())
		case "deleted":
			l.wasted.Add(-attr.Value.Int64())
		}
		return true
	})
	return nil
}

// cleanAtOnce deletes all expired sessions in one statement.
func cleanAtOnce(ctx context.Context, db *gorm.DB) (deleted, wasted int64, err error) {
	result := db.WithContext(ctx).Where("expires <= ?", entities.Timestamp{Time: time.Now()}).Delete(&entities.UserSession{})
	return result.RowsAffected, 0, unlessStopped(ctx, result.Error)
}

// loopOverEntities is the loop of the Entity Framework variant: it loads a hundred expired
// entities with their tickets and deletes each of them, until none is left. It stops only
// between two statements, so that its count is exact.
func loopOverEntities(ctx context.Context, db *gorm.DB, remove func(context.Context, *gorm.DB, []entities.UserSession) (int64, error)) (deleted, wasted int64, err error) {
	const size = 100
	db = db.WithContext(context.WithoutCancel(ctx))
	for {
		var expired []entities.UserSession
		err := db.Where("expires <= ?", entities.Timestamp{Time: time.Now()}).Order("id").Limit(size).Find(&expired).Error
		if err != nil {
			return deleted, wasted, err
		}
		removed, err := remove(ctx, db, expired)
		deleted += removed
		if err != nil {
			return deleted, wasted, unlessStopped(ctx, err)
		}
		wasted += int64(len(expired)) - removed
		if len(expired) < size {
			return deleted, wasted, nil
		}
	}
}

// deleteEach deletes the sessions in GORM's default configuration: each delete has its own
// transaction.
func deleteEach(ctx context.Context, db *gorm.DB, expired []entities.UserSession) (deleted int64, err error) {
	for i := range expired {
		if ctx.Err() != nil {
			return deleted, ctx.Err()
		}
		result := db.Delete(&expired[i])
		if result.Error != nil {
			return deleted, result.Error
		}
		deleted += result.RowsAffected
	}
	return deleted, nil
}

// deleteTogether deletes the sessions in one transaction, as Entity Framework's SaveChanges
// does.
func deleteTogether(ctx context.Context, db *gorm.DB, expired []entities.UserSession) (deleted int64, err error) {
	err = db.Transaction(func(tx *gorm.DB) error {
		deleted, err = deleteEach(ctx, tx, expired)
		return err
	})
	if err != nil {
		return 0, err
	}
	return deleted, nil
}

// unlessStopped returns err, or nil if the round's time is up.
func unlessStopped(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errTimeIsUp) {
		return nil
	}
	return err
}

// errTimeIsUp is the cause with which the context of a slow cleaner ends.
var errTimeIsUp = errors.New("time is up")
