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

// A cleaner is a way to delete expired sessions. It returns how many it deleted, and
// how many it had picked when another host deleted them first, also if the context
// ends because the time is up.
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

// storeCleaner is what this module does. What was picked and then deleted by another
// host is told by its log.
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

// A batchLog adds up what the store logs of its batches.
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

// cleanAtOnce is the obvious statement.
func cleanAtOnce(ctx context.Context, db *gorm.DB) (deleted, wasted int64, err error) {
	result := db.WithContext(ctx).Where("expires <= ?", entities.Timestamp{Time: time.Now()}).Delete(&entities.UserSession{})
	return result.RowsAffected, 0, unlessStopped(ctx, result.Error)
}

// loopOverEntities is the loop of the Entity Framework variant: load a hundred expired
// entities, tickets included, and delete each of them; again until there are no more.
// It is stopped between two statements, so that it knows what it deleted.
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

// deleteEach deletes in GORM's default configuration: each in its own transaction.
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

// deleteTogether puts the hundred into one transaction, as SaveChanges does.
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

// unlessStopped returns no error once the time is up.
func unlessStopped(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errTimeIsUp) {
		return nil
	}
	return err
}

// errTimeIsUp is why a cleaner that takes too long is stopped.
var errTimeIsUp = errors.New("time is up")
