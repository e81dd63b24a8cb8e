//! Which statements a test runs: counted for one operation, and remembered for the house's rule that every statement of the
//! store is run by some test.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, Once},
};

use ias::{
    base::digest,
    store::{STATEMENTS, Statement},
};
use tracing::{Event, Subscriber, field, subscriber::DefaultGuard};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{LevelFilter, Targets},
    fmt,
    layer::{Context, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

tokio::task_local! {
    static WATCHED: StatementCounter;
}

/// The statements that one operation ran, in order, without BEGIN, COMMIT and ROLLBACK.
#[derive(Clone, Default)]
pub struct StatementCounter(Arc<Mutex<Vec<String>>>);

impl StatementCounter {
    /// Runs an operation and tells what it ran. On which thread does not matter, but what it hands to `tokio::spawn` is not seen.
    pub async fn watch<T>(operation: impl Future<Output = T>) -> (T, Self) {
        record();
        let counter = Self::default();
        let outcome = WATCHED.scope(counter.clone(), operation).await;
        (outcome, counter)
    }

    /// Counts everything that runs on this thread for as long as the guard lives: in a test on one thread, the whole server.
    /// What is no statement of the store is left out.
    pub fn watch_thread() -> (Self, DefaultGuard) {
        record();
        let counter = Self::default();
        let layers = tracing_subscriber::registry().with(Recorder::new()).with(counter.clone());
        (counter, layers.with(Targets::new().with_target("sqlx::query", LevelFilter::DEBUG)).set_default())
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Their texts, for the message of an assertion.
    pub fn texts(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl<S: Subscriber> Layer<S> for StatementCounter {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let statement = text.sql().and_then(|sql| STATEMENTS.iter().copied().flatten().find(|it| it.sql.trim() == sql));
        self.0.lock().unwrap().extend(statement.map(|statement| statement.name.to_owned()));
    }
}

/// Begins to record, once for the process. `RUST_LOG` shows what the code under test logs.
pub fn record() {
    static RECORDING: Once = Once::new();
    RECORDING.call_once(|| {
        let only_statements = Targets::new().with_target("sqlx::query", LevelFilter::DEBUG);
        let shown = std::env::var("RUST_LOG").ok().map(|filter| fmt::layer().with_filter(EnvFilter::new(filter)));
        tracing_subscriber::registry().with(Recorder::new().with_filter(only_statements)).with(shown).init();
    });
}

/// Listens to what sqlx tells about each statement, in the task that runs it.
struct Recorder {
    remembered: Mutex<BTreeSet<String>>,
}

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let Some(sql) = text.sql() else { return };
        if matches!(sql, "BEGIN" | "COMMIT" | "ROLLBACK") {
            return;
        }
        let _ = WATCHED.try_with(|watched| watched.0.lock().unwrap().push(sql.to_owned()));
        if let Some(statement) = STATEMENTS.iter().copied().flatten().find(|statement| statement.sql.trim() == sql) {
            self.remember(statement);
        }
    }
}

impl Recorder {
    fn new() -> Self {
        let earlier = fs::read_to_string(memory()).unwrap_or_default();
        Self { remembered: Mutex::new(earlier.split_inclusive('\n').map(str::to_owned).collect()) }
    }

    fn remember(&self, statement: &Statement) {
        let line = line(statement);
        if self.remembered.lock().unwrap().insert(line.clone()) {
            let mut file = OpenOptions::new().create(true).append(true).open(memory()).unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
    }
}

/// A statement as it is remembered; one that was changed must be run anew.
pub fn line(statement: &Statement) -> String {
    format!("{} {}\n", statement.name, digest::base64url(digest::sha256(&[statement.sql.as_bytes()])))
}

/// Where all test processes remember what they ran; CI removes it first, so that a deleted test is missed.
pub fn memory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("statements-run")
}

/// sqlx gives the whole text only where it is longer than its summary of four words.
#[derive(Default)]
struct Text {
    summary: String,
    whole: String,
}

impl Text {
    fn sql(&self) -> Option<&str> {
        [self.whole.trim(), self.summary.trim()].into_iter().find(|text| !text.is_empty())
    }
}

impl field::Visit for Text {
    fn record_str(&mut self, field: &field::Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.whole),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &field::Field, _: &dyn std::fmt::Debug) {}
}
