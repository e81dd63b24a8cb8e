//! Every statement is registered, fits the schema, and is run by a test (architecture.md, decision M).

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use ias::store::{STATEMENTS, Statement};
use sqlx::{ConnectOptions as _, Executor as _, SqlSafeStr as _};

use crate::support::{
    database::TestDatabase,
    statements::{line, memory},
};

fn statements() -> impl Iterator<Item = &'static Statement> {
    STATEMENTS.iter().copied().flatten()
}

#[tokio::test]
async fn every_statement_prepares_on_a_migrated_database() {
    let database = TestDatabase::new().await;
    let mut connection = database.owner().connect().await.unwrap();
    let mut faults = Vec::new();
    for statement in statements() {
        if let Err(error) = (&mut connection).prepare(statement.sql.into_sql_str()).await {
            faults.push(format!("{}: {error}", statement.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Runs after all others, in a process of its own: `cargo test && cargo test -- --ignored every_statement`.
#[test]
#[ignore = "looks at what the other tests ran"]
fn every_statement_is_run_by_a_test() {
    let run = fs::read_to_string(memory()).unwrap_or_default();
    let run: BTreeSet<&str> = run.split_inclusive('\n').collect();
    let never: Vec<&str> = statements().filter(|it| !run.contains(line(it).as_str())).map(|it| it.name).collect();
    assert!(never.is_empty(), "no test has run {never:#?}");
}

#[test]
fn statements_are_written_as_the_house_writes_them() {
    for Statement { name, sql } in statements() {
        for forbidden in ["now()", "current_timestamp", "clock_timestamp", "select *", "returning *"] {
            // STO-04: clocks are compared with the database's; by it run the nodes' leases (decision F)
            let compares = name.starts_with("ias::store::nodes::") || *name == "ias::store::configuration::CLOCK";
            let asks_for_time = compares && forbidden == "clock_timestamp";
            assert!(asks_for_time || !sql.contains(forbidden), "{name} has {forbidden}");
        }
        assert!(!sql.trim_end().ends_with(';'), "{name} ends with a semicolon");
    }
    let names: BTreeSet<&str> = statements().map(|statement| statement.name).collect();
    assert_eq!(names.len(), statements().count(), "two statements have one name");
}

/// `sqlx::query("…")` would not be registered, and SQL outside of the store would not be found.
#[test]
fn sql_is_written_in_the_store_only_and_registered() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in rust_files(&src) {
        let text = fs::read_to_string(&file).unwrap();
        let in_store = file.starts_with(src.join("store"));
        for call in text.split("sqlx::query").skip(1) {
            let argument = call.split_once('(').map_or("", |(_, argument)| argument.trim_start());
            let registered = argument.starts_with(|first: char| first.is_ascii_uppercase());
            assert!(in_store && registered, "{}: sqlx::query{}…", file.display(), &call[..call.len().min(40)]);
        }
    }
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let (dirs, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let below = dirs.iter().flat_map(|dir| rust_files(dir));
    files.into_iter().filter(|file| file.extension().is_some_and(|end| end == "rs")).chain(below).collect()
}
