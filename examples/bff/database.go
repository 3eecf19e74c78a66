package main

import (
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession"
	databases "example.com/usersession/examples/usersessiondb/database"
)

// database is the session store together with the connection pool that it uses.
type database struct {
	*usersession.GormStore
	db *gorm.DB
}

// openStore opens the database and creates or alters the table. The caller closes it.
func openStore(opts options) (*database, error) {
	db, err := databases.Open(opts.source)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	db.Logger = logger.NewSlogLogger(slog.Default(), logger.Config{
		LogLevel: logger.Error, SlowThreshold: time.Second, IgnoreRecordNotFoundError: true, ParameterizedQueries: true,
	})
	if err := databases.Migrate(db); err != nil {
		return nil, fmt.Errorf("creating the session table: %w", opts.source.Redact(err))
	}
	store, err := usersession.NewGormStore(db, usersession.WithLogger(slog.Default()))
	if err != nil {
		return nil, err
	}
	return &database{store, db}, nil
}

func (d *database) close() {
	if pool, err := d.db.DB(); err == nil {
		_ = pool.Close() // the program ends
	}
}
