// SPDX-License-Identifier: Apache-2.0

package server

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

type metrics struct {
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	active   prometheus.Gauge
}

// methods that get a label of their own; anything else is "other", so that a
// stranger cannot make labels.
var methods = map[string]bool{"GET": true, "HEAD": true, "OPTIONS": true, "PUT": true, "DELETE": true, "PROPFIND": true,
	"PROPPATCH": true, "MKCOL": true, "COPY": true, "MOVE": true, "LOCK": true, "UNLOCK": true, "POST": true}

func newMetrics(r *prometheus.Registry) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "postfach_http_requests_total",
			Help: "Requests answered, by method and status."}, []string{"method", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "postfach_http_request_seconds",
			Help: "Time from the header to the end of the answer.", Buckets: []float64{.001, .005, .025, .1, .5, 2, 10, 60, 600}}, []string{"method"}),
		active: prometheus.NewGauge(prometheus.GaugeOpts{Name: "postfach_http_requests_active", Help: "Requests under way."}),
	}
	r.MustRegister(m.requests, m.took, m.active, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// done counts one answered request.
func (m *metrics) done(method string, status int, took time.Duration) {
	if !methods[method] {
		method = "other"
	}
	m.requests.WithLabelValues(method, strconv.Itoa(status)).Inc()
	m.took.WithLabelValues(method).Observe(took.Seconds())
}
