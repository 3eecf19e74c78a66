package otelserverside_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	otelmetric "go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/serverside/otelserverside"
	"example.com/usersession/bff/ticket"
)

// countSessions is the code of the README.
func countSessions(provider otelmetric.MeterProvider, config serverside.Config) (*serverside.Sessions, error) {
	metrics, err := otelserverside.New(provider) // otel.GetMeterProvider()
	if err != nil {
		return nil, err
	}
	config.Metrics = metrics
	return serverside.New(config)
}

func TestMetrics_Counters(t *testing.T) {
	reader := metric.NewManualReader()
	sessions, err := countSessions(metric.NewMeterProvider(metric.WithReader(reader)), serverside.Config{
		Protector: ticket.InsecureRandomKeyRing(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	var cookies []string
	for range 3 {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if _, err := sessions.SignIn(w, r, ticket.Ticket{SubjectID: "alice"}); err != nil {
			t.Fatal(err)
		}
		cookies = append(cookies, w.Result().Cookies()[0].Value)
	}
	if _, err := sessions.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); err != nil {
		t.Fatal(err)
	}
	var got metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	values := map[string]int64{}
	for _, m := range got.ScopeMetrics[0].Metrics {
		for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
			reason, _ := p.Attributes.Value("reason")
			values[m.Name+" "+reason.AsString()] = p.Value
		}
	}
	if len(values) != 2 || values["session.started "] != 3 || values["session.ended revoked"] != 3 {
		t.Errorf("%v", values)
	}
	text := fmt.Sprintf("%+v", got)
	for _, secret := range append(cookies, "alice") {
		if strings.Contains(text, secret) {
			t.Error("the metrics name a session or a user")
		}
	}
	if _, err := otelserverside.New(nil); err == nil {
		t.Error("no provider is accepted")
	}
}
