package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"example.com/usersession/bff/ticket"
)

const keyFileText = `# Keys of the user sessions' tickets: what is in a session is encrypted with them.
# Without this file nobody can read the sessions in the database, nor can the program.
#
# The first key encrypts, every key decrypts. To change keys put a new one first
# (openssl rand -base64 32) and restart: the program moves the sessions to the first key,
# and when it says so the old one can go. Hosts that share a database share the keys.
#
# For production get the keys from where your other secrets come from, and not from a
# file next to the database that they protect.
%s
`

// keyRing reads the ticket keys, and makes a first one if there is no file: sessions
// outlive a restart only if their key does.
func keyRing(path string) (*ticket.KeyRing, error) {
	ring, err := ticket.KeyRingFromFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return ring, err
	}
	secret := make([]byte, ticket.KeySize)
	_, _ = rand.Read(secret)
	text := fmt.Sprintf(keyFileText, base64.StdEncoding.EncodeToString(secret))
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making the key file: %w", err)
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("writing the key file: %w", err)
	}
	return ticket.KeyRingFromFile(path)
}

// background deletes expired sessions until the context ends, and once moves the live
// ones to the first key in the file.
func (a *app) background(ctx context.Context) {
	report, err := ticket.Reseal{
		Store: a.store, Protector: a.keys, PartitionKey: a.partition, Pause: 10 * time.Millisecond,
	}.Run(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		a.log.LogAttrs(ctx, slog.LevelError, "moving sessions to the first key failed: keep the old ones", slog.Any("error", err))
	case report.Resealed > 0:
		a.log.LogAttrs(ctx, slog.LevelInfo, "sessions are under the first key now: the old ones can go",
			slog.Int64("moved", report.Resealed), slog.Int64("unreadable", report.Unreadable))
	}
	if err := a.sessions.Run(ctx); err != nil {
		a.log.LogAttrs(ctx, slog.LevelError, "there is no cleanup", slog.Any("error", err))
	}
}
