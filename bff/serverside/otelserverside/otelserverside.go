// Package otelserverside counts user sessions with OpenTelemetry. It is a module of its own,
// so that only programs that use it depend on OpenTelemetry.
//
//	metrics, err := otelserverside.New(otel.GetMeterProvider())
//	...
//	sessions, err := serverside.New(serverside.Config{Metrics: metrics, ...})
//
// Its instruments are the counters session.started and session.ended. The latter has the
// attribute reason: sign_out, replaced, revoked, backchannel_logout, max_sessions,
// refresh_token_ended or expired. No attribute names a user or a session.
package otelserverside

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"example.com/usersession/bff/serverside"
)

// ScopeName is the name of the meter and the instrumentation scope.
const ScopeName = "example.com/usersession/bff/serverside"

// Metrics is a [serverside.Metrics]. It is safe for concurrent use.
type Metrics struct {
	started metric.Int64Counter
	ended   metric.Int64Counter
}

var _ serverside.Metrics = (*Metrics)(nil)

// New creates the instruments. It returns an error if the provider is nil or refuses one.
func New(provider metric.MeterProvider) (*Metrics, error) {
	if provider == nil {
		return nil, errors.New("otelserverside: the meter provider is nil")
	}
	meter := provider.Meter(ScopeName)
	started, err := meter.Int64Counter("session.started",
		metric.WithDescription("User sessions that began."), metric.WithUnit("{session}"))
	if err != nil {
		return nil, fmt.Errorf("otelserverside: %w", err)
	}
	ended, err := meter.Int64Counter("session.ended",
		metric.WithDescription("User sessions that ended, by reason."), metric.WithUnit("{session}"))
	if err != nil {
		return nil, fmt.Errorf("otelserverside: %w", err)
	}
	return &Metrics{started, ended}, nil
}

// SessionStarted implements [serverside.Metrics].
func (m *Metrics) SessionStarted(ctx context.Context) { m.started.Add(ctx, 1) }

// SessionEnded implements [serverside.Metrics].
func (m *Metrics) SessionEnded(ctx context.Context, reason serverside.EndReason, count int64) {
	m.ended.Add(ctx, count, metric.WithAttributes(attribute.String("reason", string(reason))))
}
