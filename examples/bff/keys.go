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

const keyFileText = `# Keys that encrypt the content of the user sessions, one on each line.
# The first key encrypts. Every key decrypts. Without them the sessions cannot be read.
# Hosts that share a database need the same keys.
#
# To rotate keys:
#  1. Append a new key (openssl rand -base64 32) on every host and restart it.
#  2. Move the new key to the first place on every host and restart it. With a single
#     host, do steps 1 and 2 together.
#  3. Wait until the host that started last has moved the sessions to the first key. It
#     logs how many it has moved, and nothing if there were none.
#  4. Remove the old key.
#
# In production, load the keys from your secret store, not from a file next to the
# database that they protect.
%s
`

// keyRing reads the ticket keys from the file. If there is no file it creates one with a
// random key, so that sessions survive the next restart. An invalid file is an error.
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
		return nil, fmt.Errorf("creating the key file: %w", err)
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("writing the key file: %w", err)
	}
	return ticket.KeyRingFromFile(path)
}

// background re-encrypts the live sessions with the first key, once, and then deletes
// expired sessions until the context ends.
func (a *app) background(ctx context.Context) {
	report, err := ticket.Reseal{
		Store: a.store, Protector: a.sessions.Config().Protector, PartitionKey: a.sessions.Config().Partition, Pause: 10 * time.Millisecond,
	}.Run(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		a.log.LogAttrs(ctx, slog.LevelError, "moving sessions to the first key failed: keep the old keys", slog.Any("error", err))
	case report.Unreadable > 0:
		a.log.LogAttrs(ctx, slog.LevelWarn, "some sessions do not open with any key of the key file",
			slog.Int64("moved", report.Resealed), slog.Int64("unreadable", report.Unreadable))
	default:
		a.log.LogAttrs(ctx, slog.LevelInfo, "all sessions use the first key: the old keys can be removed",
			slog.Int64("moved", report.Resealed))
	}
	if err := a.sessions.Run(ctx); err != nil {
		a.log.LogAttrs(ctx, slog.LevelError, "cleanup of expired sessions has stopped", slog.Any("error", err))
	}
}
