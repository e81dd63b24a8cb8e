//! Metrics: each declared once, with its help and the values that its labels may have, and written out for Prometheus.
//!
//! A label's value is a word of ours; anything else becomes `other`, so that no request can make series (DOS-07).

use std::{sync::OnceLock, time::Duration};

use metrics::{Label as Pair, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Requests that were answered.
pub static HTTP_REQUESTS: Counter = Counter(Metric {
    name: "ias_http_requests_total",
    help: "Requests answered, by method, route and status.",
    labels: &[("method", Values::Closed(METHODS)), ("route", Values::Ours), ("status", Values::Ours)],
});

/// From a request's header to its answer.
pub static HTTP_REQUEST_SECONDS: Histogram = Histogram(Metric {
    name: "ias_http_request_duration_seconds",
    help: "Time from a request's header to its answer, by route.",
    labels: &[("route", Values::Ours)],
});

/// Requests that are being worked on.
pub static HTTP_REQUESTS_OPEN: Gauge =
    Gauge(Metric { name: "ias_http_requests_open", help: "Requests being worked on by this node.", labels: &[] });

/// Tries at signing in, by what became of them.
pub static SIGN_IN_ATTEMPTS: Counter = Counter(Metric {
    name: "ias_sign_in_attempts_total",
    help: "Tries at signing in with an electronic ID, by what became of them: started, signed_in, cancelled, or a failure.",
    labels: &[("outcome", Values::Ours)],
});

/// Successful token requests.
pub static TOKENS_ISSUED: Counter = Counter(Metric {
    name: "ias_tokens_issued_total",
    help: "Token requests answered with tokens, by grant type.",
    labels: &[("grant_type", Values::Ours)],
});

/// Requests that were refused, in whatever form.
pub static REFUSALS: Counter = Counter(Metric {
    name: "ias_refusals_total",
    help: "Requests refused, by route and error code.",
    labels: &[("route", Values::Ours), ("error", Values::Ours)],
});

/// Code challenges that came again (AUT-06).
pub static CODE_CHALLENGES_REPEATED: Counter = Counter(Metric {
    name: "ias_code_challenges_repeated_total",
    help: "Authorization requests whose code challenge the client had sent in the last minutes already, by client.",
    labels: &[("client_id", Values::Ours)],
});

/// Families revoked because a code or refresh token came twice.
pub static REUSES: Counter = Counter(Metric {
    name: "ias_reuses_total",
    help: "Codes and refresh tokens that came a second time, and tokens ahead of their family; each revoked its family.",
    labels: &[("kind", Values::Closed(&["code", "refresh_token", "ahead"]))],
});

/// Requests refused by a limit.
pub static RATE_LIMITED: Counter = Counter(Metric {
    name: "ias_rate_limited_total",
    help: "Requests refused by a limit, by what it counts.",
    labels: &[("limit", Values::Closed(&["sign_in", "open_attempts", "endings", "client", "introspection", "connections"]))],
});

/// Calls to outside systems.
pub static OUTBOUND_SECONDS: Histogram = Histogram(Metric {
    name: "ias_outbound_request_duration_seconds",
    help: "Time of calls to outside systems, by system and outcome.",
    labels: &[
        ("system", Values::Closed(&["sim", "ocsp", "crl", "jwks"])),
        ("outcome", Values::Closed(&["answered", "failed"])),
    ],
});

/// Handshakes of the listeners that speak TLS.
pub static TLS_HANDSHAKES: Counter = Counter(Metric {
    name: "ias_tls_handshakes_total",
    help: "TLS handshakes by listener and what became of them.",
    labels: &[("listener", Values::Ours), ("outcome", Values::Closed(&["done", "failed", "timed_out"]))],
});

/// Until the certificate of a listener ends.
pub static TLS_CERTIFICATE_DAYS_LEFT: Gauge = Gauge(Metric {
    name: "ias_tls_certificate_days_left",
    help: "Days until the certificate that a listener serves ends; below 0 it has ended.",
    labels: &[("listener", Values::Ours)],
});

/// Whether the files of a listener's certificate and key are of no use.
pub static TLS_FILES_UNUSABLE: Gauge = Gauge(Metric {
    name: "ias_tls_files_unusable",
    help: "1 where the files of certificate and key have changed and cannot be used, so that the ones before still serve.",
    labels: &[("listener", Values::Ours)],
});

/// The database pool of this node.
pub static DATABASE_CONNECTIONS: Gauge = Gauge(Metric {
    name: "ias_database_connections",
    help: "Connections of this node's pool.",
    labels: &[("state", Values::Closed(&["idle", "in_use"]))],
});

/// How old the configuration in memory is.
pub static SNAPSHOT_AGE_SECONDS: Gauge = Gauge(Metric {
    name: "ias_snapshot_age_seconds",
    help: "Time since this node last confirmed its configuration; it stops serving at 3.",
    labels: &[],
});

/// How far this node's clock is off.
pub static CLOCK_OFFSET_SECONDS: Gauge = Gauge(Metric {
    name: "ias_clock_offset_seconds",
    help: "This node's clock less the database's; over 1 either way is an alarm, over 5 the node is not ready.",
    labels: &[],
});

/// Whether production refuses the stored configuration.
pub static CONFIGURATION_REFUSED: Gauge = Gauge(Metric {
    name: "ias_configuration_refused",
    help: "1 while this node goes on with an older configuration because production refuses the stored one; the log says why.",
    labels: &[],
});

/// When each job last did all that it had to do.
pub static JOB_LAST_SUCCESS: Gauge = Gauge(Metric {
    name: "ias_job_last_success_timestamp_seconds",
    help: "Unix time at which a job last succeeded on this node; of the jobs that one node does for all, the highest counts.",
    labels: &[("job", Values::Ours)],
});

/// Rows that were deleted because their time had come.
pub static ROWS_REMOVED: Counter = Counter(Metric {
    name: "ias_rows_removed_total",
    help: "Rows removed because their time had come, by table; those of dropped partitions as the database had counted them.",
    labels: &[("table", Values::Ours)],
});

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const COUNTERS: &[&Counter] = &[
    &HTTP_REQUESTS,
    &SIGN_IN_ATTEMPTS,
    &TOKENS_ISSUED,
    &REFUSALS,
    &CODE_CHALLENGES_REPEATED,
    &REUSES,
    &RATE_LIMITED,
    &ROWS_REMOVED,
    &TLS_HANDSHAKES,
];
const GAUGES: &[&Gauge] = &[
    &HTTP_REQUESTS_OPEN,
    &DATABASE_CONNECTIONS,
    &SNAPSHOT_AGE_SECONDS,
    &CLOCK_OFFSET_SECONDS,
    &CONFIGURATION_REFUSED,
    &JOB_LAST_SUCCESS,
    &TLS_CERTIFICATE_DAYS_LEFT,
    &TLS_FILES_UNUSABLE,
];
const HISTOGRAMS: &[&Histogram] = &[&HTTP_REQUEST_SECONDS, &OUTBOUND_SECONDS];
const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
const OTHER: &str = "other";

/// What every kind of metric has.
#[derive(Debug)]
struct Metric {
    name: &'static str,
    help: &'static str,
    labels: &'static [(&'static str, Values)],
}

/// Which values a label may have.
#[derive(Debug)]
enum Values {
    /// these
    Closed(&'static [&'static str]),
    /// words of our own: a route's pattern, a status, a registered client
    Ours,
}

/// Something that is counted.
#[derive(Debug)]
pub struct Counter(Metric);

/// Something that has a level.
#[derive(Debug)]
pub struct Gauge(Metric);

/// Something that takes time.
#[derive(Debug)]
pub struct Histogram(Metric);

impl Counter {
    /// Counts one; `values` in the order of the declaration's labels.
    pub fn increment(&self, values: &[&str]) {
        self.add(1, values);
    }

    /// Counts so many.
    pub fn add(&self, count: u64, values: &[&str]) {
        counter!(self.0.name, self.0.pairs(values)).increment(count);
    }
}

impl Gauge {
    /// Sets the level; `values` in the order of the declaration's labels.
    pub fn set(&self, level: f64, values: &[&str]) {
        gauge!(self.0.name, self.0.pairs(values)).set(level);
    }

    /// Raises or lowers the level.
    pub fn change(&self, by: f64, values: &[&str]) {
        gauge!(self.0.name, self.0.pairs(values)).increment(by);
    }
}

impl Histogram {
    /// Records a time; `values` in the order of the declaration's labels.
    pub fn observe(&self, elapsed: Duration, values: &[&str]) {
        histogram!(self.0.name, self.0.pairs(values)).record(elapsed.as_secs_f64());
    }
}

impl Metric {
    fn pairs(&self, values: &[&str]) -> Vec<Pair> {
        let given = values.iter().copied().chain(std::iter::repeat(OTHER));
        self.labels.iter().zip(given).map(|((name, allowed), value)| Pair::new(*name, allowed.fit(value))).collect()
    }
}

impl Values {
    fn fit(&self, value: &str) -> String {
        match self {
            Self::Closed(allowed) if !allowed.contains(&value) => OTHER,
            _ => value,
        }
        .to_owned()
    }
}

/// Records an answered request. `route` is the router's pattern, never the path; `None` where nothing matched.
pub fn request_answered(method: &str, route: Option<&str>, status: u16, elapsed: Duration) {
    let route = route.unwrap_or(OTHER);
    HTTP_REQUESTS.increment(&[method, route, &status.to_string()]);
    HTTP_REQUEST_SECONDS.observe(elapsed, &[route]);
}

/// Everything that was recorded in this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

/// Metrics could not be set up.
#[derive(Clone, Debug, thiserror::Error)]
#[error("metrics could not be set up: {0}")]
pub struct MetricsFault(String);

impl Metrics {
    /// Gives the process its recorder, once; later calls give the same.
    pub fn install() -> Result<Self, MetricsFault> {
        static INSTALLED: OnceLock<Result<Metrics, MetricsFault>> = OnceLock::new();
        INSTALLED.get_or_init(|| Self::install_recorder().map_err(|fault| MetricsFault(fault.to_string()))).clone()
    }

    fn install_recorder() -> Result<Self, BuildError> {
        let mut builder = PrometheusBuilder::new();
        for Histogram(metric) in HISTOGRAMS {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.into()), BUCKETS)?;
        }
        let handle = builder.install_recorder()?;
        for Counter(metric) in COUNTERS {
            describe_counter!(metric.name, metric.help);
        }
        for Gauge(metric) in GAUGES {
            describe_gauge!(metric.name, metric.help);
        }
        for Histogram(metric) in HISTOGRAMS {
            describe_histogram!(metric.name, Unit::Seconds, metric.help);
        }
        Ok(Self(handle))
    }

    /// The text that Prometheus reads (exposition format 0.0.4).
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds what was recorded into its buckets; called every few seconds, so that memory stays flat when nobody reads.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn metrics_are_declared_once_and_named_as_prometheus_asks() {
        let counters = COUNTERS.iter().map(|Counter(metric)| (metric, "_total"));
        let gauges = GAUGES.iter().map(|Gauge(metric)| (metric, ""));
        let histograms = HISTOGRAMS.iter().map(|Histogram(metric)| (metric, "_seconds"));
        let mut seen = HashSet::new();
        for (metric, suffix) in counters.chain(gauges).chain(histograms) {
            assert!(seen.insert(metric.name), "{} twice", metric.name);
            assert!(metric.name.starts_with("ias_") && metric.name.ends_with(suffix), "{}", metric.name);
            assert!(metric.help.ends_with('.'), "{}", metric.name);
        }
    }

    #[test]
    fn what_a_request_says_makes_no_series_dos_07() {
        let metrics = Metrics::install().expect("a recorder");
        for method in 0..1_000 {
            request_answered(&format!("X{method}"), None, 405, Duration::from_millis(3));
        }
        REUSES.increment(&[]);
        RATE_LIMITED.increment(&["a stranger's word"]);
        metrics.upkeep();
        let text = metrics.render();
        assert!(text.contains(r#"ias_http_requests_total{method="other",route="other",status="405"} 1000"#), "{text}");
        assert!(text.contains(r#"ias_reuses_total{kind="other"} 1"#), "{text}");
        assert!(text.contains(r#"ias_rate_limited_total{limit="other"} 1"#), "{text}");
        assert!(text.contains(r#"ias_http_request_duration_seconds_bucket{route="other",le="0.005"} 1000"#), "{text}");
        assert!(text.contains("# HELP ias_http_requests_total Requests answered, by method, route and status."), "{text}");
        assert!(text.contains("# TYPE ias_http_request_duration_seconds histogram"), "{text}");
        assert!(!text.contains("X999") && !text.contains("stranger"), "{text}");
    }
}
