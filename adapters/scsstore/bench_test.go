package scsstore_test

import (
	"bytes"
	"testing"

	"github.com/alexedwards/scs/v2"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// BenchmarkLoad measures what a manager's Load costs without a database: with scs's memory
// store it is scs and its codec, and here also the adapter.
func BenchmarkLoad(b *testing.B) {
	for name, use := range map[string]func(*scs.SessionManager) error{
		"memstore": func(*scs.SessionManager) error { return nil },
		"scsstore": func(m *scs.SessionManager) error {
			_, err := plugIn(m, bff.NewInMemoryStore(), ticket.InsecureRandomKeyRing())
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			m := scs.New()
			if err := use(m); err != nil {
				b.Fatal(err)
			}
			ctx, err := m.Load(b.Context(), "")
			if err != nil {
				b.Fatal(err)
			}
			m.Put(ctx, "value", bytes.Repeat([]byte("x"), 1024))
			token, _, err := m.Commit(ctx)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Load(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
