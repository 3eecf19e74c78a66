package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"gorm.io/gorm"

	"example.com/usersession/bff"
	"example.com/usersession/entities"
)

const partition = "bench"

const (
	span    = 7 * 24 * time.Hour // the sessions were created one after another in this time
	timeout = 8 * time.Hour      // an idle session expires after this time
)

// row returns session number i of a table. The session is in use for a random part of
// c.scatter after its creation, and expires after the timeout from then. So the order of
// expiry is roughly the order of the table; with a longer scatter it differs more. If expired
// is set, every second session has expired. The others live for at least a week.
func row(i, of int, expired bool, c config, ticket []byte, now time.Time) entities.UserSession {
	created := now.Add(-span - c.scatter - timeout).Add(span / time.Duration(of) * time.Duration(i%of))
	random := rand.New(rand.NewPCG(uint64(i), 1))
	renewed := created.Add(time.Duration(random.Float64() * float64(c.scatter)))
	expires := renewed.Add(timeout)
	if !expired || i%2 == 0 {
		expires = expires.Add(2*span + c.scatter + timeout)
	}
	return entities.UserSession{
		PartitionKey: partition,
		Key:          entities.Identity(key(i).Key),
		SubjectID:    entities.Identity(subject(i)),
		SessionID:    new(entities.Identity(sessionID(i))),
		Created:      entities.Timestamp{Time: created},
		Renewed:      entities.Timestamp{Time: renewed},
		Expires:      &entities.Timestamp{Time: expires},
		Ticket:       ticket,
		Version:      1,
	}
}

// key returns the key of session number i. It is a hash, as the keys of cookies are, so it
// can be anywhere in an index.
func key(i int) bff.UserSessionKey {
	return bff.UserSessionKey{PartitionKey: partition, Key: hash("key", i)}
}

// sessionID returns the session id of session number i, as random as an identity provider's.
func sessionID(i int) string { return hash("session", i)[:32] }

func hash(kind string, i int) string {
	sum := sha256.Sum256([]byte(kind + strconv.Itoa(i)))
	return hex.EncodeToString(sum[:])
}

// subject returns the subject id of session number i. Ten sessions share a subject.
func subject(i int) string { return fmt.Sprintf("subject-%08d", i/10) }

// insert adds the sessions from number first up to, but not including, number last.
func insert(ctx context.Context, db *gorm.DB, first, last int, expired bool, c config) error {
	now := time.Now()
	ticket := newTicket(c.ticket)
	rows := make([]entities.UserSession, 0, last-first)
	for i := first; i < last; i++ {
		rows = append(rows, row(i, last, expired, c, ticket, now))
	}
	return db.WithContext(ctx).CreateInBatches(rows, 250).Error
}

// newTicket returns bytes that cannot be compressed, like a sealed ticket.
func newTicket(size int) []byte {
	ticket := make([]byte, size)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range ticket {
		ticket[i] = byte(random.Uint32())
	}
	return ticket
}

// fill fills the table with sessions of which half have expired, and creates a copy from
// which refill restores it.
func (e *engine) fill(ctx context.Context, c config) error {
	db, closePool := e.open()
	defer closePool()
	if err := insert(ctx, db, 0, 2*c.rows, true, c); err != nil {
		return err
	}
	return db.WithContext(ctx).Exec("CREATE TABLE template AS SELECT * FROM " + table).Error
}

// refill restores the table from the copy.
func (e *engine) refill(ctx context.Context) error {
	db, closePool := e.open()
	defer closePool()
	for _, statement := range append([]string{e.empty, "INSERT INTO " + table + " SELECT * FROM template ORDER BY id"}, e.tidy...) {
		if err := db.WithContext(ctx).Exec(statement).Error; err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// expiredLeft returns the number of expired sessions in the table.
func (e *engine) expiredLeft(ctx context.Context) (count int64, err error) {
	db, closePool := e.open()
	defer closePool()
	err = db.WithContext(ctx).Model(&entities.UserSession{}).Where("expires <= ?", entities.Timestamp{Time: time.Now()}).Count(&count).Error
	return count, err
}
