package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/entities"
)

const (
	inTable   = 2000 // sessions that are always in the table
	partition = "bench"
)

func openDatabase(dialect, dsn, name string) (gorm.Dialector, error) {
	switch dialect {
	case "postgres":
		c, err := pgx.ParseConfig(dsn)
		if err != nil {
			return nil, err
		}
		c.RuntimeParams["search_path"] = name
		return postgres.New(postgres.Config{Conn: stdlib.OpenDB(*c)}), nil
	case "mysql":
		c, err := mysqldriver.ParseDSN(dsn)
		if err != nil {
			return nil, err
		}
		c.DBName = name
		connector, err := mysqldriver.NewConnector(c)
		if err != nil {
			return nil, err
		}
		return mysql.New(mysql.Config{Conn: sql.OpenDB(connector)}), nil
	default:
		return sqlite.Open(dsn), nil
	}
}

func hash(kind string, i int) string {
	sum := sha256.Sum256(fmt.Append(nil, kind, i))
	return hex.EncodeToString(sum[:])
}

func key(i int) bff.UserSessionKey {
	return bff.UserSessionKey{PartitionKey: partition, Key: hash("key", i)}
}

// session returns session number i. Ten sessions belong to one subject.
func session(i int) bff.UserSession {
	now := time.Now().UTC()
	return bff.UserSession{
		PartitionKey: partition, Key: key(i).Key, SubjectID: hash("subject", i/10)[:32], SessionID: hash("session", i)[:32],
		Created: now, Renewed: now, Expires: now.Add(8 * time.Hour), Ticket: make([]byte, 1024),
	}
}

// remove calls DeleteUserSession, which did not always return the number of rows.
func remove(ctx context.Context, store any, key bff.UserSessionKey) error {
	switch store := store.(type) {
	case interface {
		DeleteUserSession(ctx context.Context, key bff.UserSessionKey) (int64, error)
	}:
		_, err := store.DeleteUserSession(ctx, key)
		return err
	case interface {
		DeleteUserSession(ctx context.Context, key bff.UserSessionKey) error
	}:
		return store.DeleteUserSession(ctx, key)
	default:
		return errors.New("the store deletes no session")
	}
}

func ofStore(ctx context.Context, dialect, dsn, name string) ([]*operation, error) {
	dialector, err := openDatabase(dialect, dsn, name)
	if err != nil {
		return nil, err
	}
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, err
	}
	if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
		return nil, err
	}
	store, err := usersession.NewGormStore(db)
	if err != nil {
		return nil, err
	}
	for i := range inTable {
		if err := store.CreateUserSession(ctx, session(i)); err != nil {
			return nil, err
		}
	}
	analyze := map[string]string{"postgres": "ANALYZE user_sessions", "mysql": "ANALYZE TABLE user_sessions", "sqlite": "ANALYZE"}
	if err := db.Exec(analyze[dialect]).Error; err != nil {
		return nil, err
	}
	// Each operation that writes new sessions has numbers of its own.
	create := func(first int) func(from, to int) error {
		return func(from, to int) error {
			for i := from; i < to; i++ {
				if err := store.CreateUserSession(ctx, session(first+i)); err != nil {
					return err
				}
			}
			return nil
		}
	}
	const created, deleted, replaced = 1_000_000, 2_000_000, 3_000_000
	return []*operation{
		{name: "Get", call: func(i int) error {
			_, err := store.GetUserSession(ctx, key(i*7919%inTable))
			return err
		}},
		{name: "Create", call: func(i int) error { return store.CreateUserSession(ctx, session(created+i)) }},
		{name: "Update", call: func(i int) error {
			s := session(i * 7919 % inTable)
			return store.UpdateUserSession(ctx, key(i*7919%inTable), bff.UserSessionUpdate{
				SubjectID: s.SubjectID, SessionID: s.SessionID, Created: s.Created, Renewed: s.Renewed, Expires: s.Expires, Ticket: s.Ticket,
			})
		}},
		{name: "Delete", before: create(deleted), call: func(i int) error { return remove(ctx, store, key(deleted+i)) }},
		{name: "Replace, one there", before: create(replaced), call: func(i int) error {
			s := session(replaced + i)
			s.Key = hash("again", i)
			return store.ReplaceUserSession(ctx, s)
		}},
		{name: "GetUserSessions, 10 of a subject", call: func(i int) error {
			found, err := store.GetUserSessions(ctx, partition, bff.UserSessionsFilter{SubjectID: session(i * 7919 % inTable).SubjectID})
			if err == nil && len(found) != 10 {
				err = errors.New("a wrong number of sessions")
			}
			return err
		}},
		{name: "UserSessions, a page of 100", call: func(int) error {
			n := 0
			for _, err := range store.UserSessions(ctx, bff.UserSessionsQuery{PartitionKey: partition, OldestFirst: true, PageSize: 100}) {
				if err != nil {
					return err
				}
				if n++; n == 100 {
					break
				}
			}
			return nil
		}},
	}, nil
}
