//! Logs on standard error or in a file: one record per event, as JSON or text, with control characters escaped (INJ-04).

use std::{
    fs::File,
    io::{self, Write},
    panic,
};

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter,
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::config::telemetry::{LogFormat, Telemetry};

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingFault {
    /// the filter is not one
    #[error("telemetry.log_filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// the process already has a log
    #[error("the process already has a log: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Gives the process its log on standard error, and panics a record in it.
pub fn install(settings: &Telemetry) -> Result<(), LoggingFault> {
    install_on(settings, io::stderr)
}

/// The same in a file.
pub fn install_in(settings: &Telemetry, file: File) -> Result<(), LoggingFault> {
    install_on(settings, file)
}

fn install_on<W>(settings: &Telemetry, writer: W) -> Result<(), LoggingFault>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    subscriber(settings, writer)?.try_init()?;
    panic::set_hook(Box::new(|panicked| {
        // Where, but not what: the message may hold a value that no log should (LOG-01).
        let place = panicked.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
    Ok(())
}

fn subscriber<W>(settings: &Telemetry, writer: W) -> Result<Box<dyn Subscriber + Send + Sync>, LoggingFault>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse(&settings.log_filter)?;
    let records = fmt::layer().with_writer(OneLine(writer)).with_ansi(false);
    let registry = tracing_subscriber::registry().with(filter);
    Ok(match settings.log_format {
        LogFormat::Json => Box::new(registry.with(records.json().flatten_event(true).with_span_list(false))),
        LogFormat::Text => Box::new(registry.with(records)),
    })
}

/// A writer that keeps each record on one line: whatever controls a value smuggles in are written as escapes.
struct OneLine<W>(W);

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for OneLine<W> {
    type Writer = OneLine<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        OneLine(self.0.make_writer())
    }
}

impl<W: Write> Write for OneLine<W> {
    /// Takes one whole record, which is how the format layer writes them.
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(record.strip_suffix(b"\n").unwrap_or(record));
        let mut escaped = String::with_capacity(record.len());
        for c in line.chars() {
            // The separators of lines and paragraphs break lines in many viewers.
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                // All of these are below U+FFFF, and inside a JSON string this is their JSON.
                let escape = format!("\\u{:04x}", u32::from(c));
                escaped.push_str(&escape);
            } else {
                escaped.push(c);
            }
        }
        escaped.push('\n');
        self.0.write_all(escaped.as_bytes())?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("unpoisoned").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn record(log_format: LogFormat, log_filter: &str, events: impl FnOnce()) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let settings = Telemetry { log_format, log_filter: log_filter.into() };
        let subscriber = subscriber(&settings, move || writer.clone()).expect("a subscriber");
        tracing::subscriber::with_default(subscriber, events);
        let bytes = kept.0.lock().expect("unpoisoned").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    const HOSTILE: &str = "a\n2026-01-01 INFO forged\r\t\u{1b}[31m\u{9b}\u{2028}\u{0}";

    #[test]
    fn an_event_is_one_record_whatever_its_values_hold_inj_04() {
        for format in [LogFormat::Json, LogFormat::Text] {
            let written = record(format, "info", || {
                tracing::info!(display = %HOSTILE, debug = ?HOSTILE, text = HOSTILE, "{}", HOSTILE);
            });
            assert_eq!(written.matches('\n').count(), 1, "{format:?}: {written:?}");
            let line = written.strip_suffix('\n').expect("ends its line");
            assert!(!line.chars().any(|c| c.is_control() || c == '\u{2028}'), "{format:?}: {line:?}");
        }
    }

    #[test]
    fn a_json_record_holds_its_fields_and_those_of_its_span() {
        let written = record(LogFormat::Json, "info", || {
            let span = tracing::info_span!("request", request_id = "r1", trace_id = "t1");
            let _entered = span.enter();
            tracing::warn!(code = "IAS-1", "refused");
        });
        let json: serde_json::Value = serde_json::from_str(&written).expect("JSON");
        assert_eq!((&json["level"], &json["code"], &json["message"]), (&"WARN".into(), &"IAS-1".into(), &"refused".into()));
        assert_eq!((&json["span"]["request_id"], &json["span"]["trace_id"]), (&"r1".into(), &"t1".into()));
        assert!(json["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')), "{json}");
    }

    #[test]
    fn json_stays_json_when_a_value_is_hostile() {
        let written = record(LogFormat::Json, "info", || tracing::info!(value = HOSTILE, "said"));
        let json: serde_json::Value = serde_json::from_str(&written).expect("JSON");
        assert!(json["value"].as_str().is_some_and(|value| value == HOSTILE));
    }

    #[test]
    fn the_filter_decides_by_module_and_level() {
        let written = record(LogFormat::Text, "warn,ias=debug", || {
            tracing::debug!("ours");
            tracing::info!(target: "sqlx", "theirs");
        });
        assert!(written.contains("ours") && !written.contains("theirs"), "{written}");
    }
}
