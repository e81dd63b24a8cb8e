//! The embedded Postgres: it starts, stops, survives crashes, and is shared.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use ias::demo::postgres::{self, Durability, Options, Postgres, StartError};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{ConnectOptions as _, Connection as _, error::DatabaseError};

use super::directory::Dir;

/// The directory that the test below holds a cluster in, when it is started as a process of its own.
const HELD_DIR: &str = "IAS_TEST_HELD_DIR";

async fn start(options: Options) -> Postgres {
    postgres::start(options, |line| println!("{line}")).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn sql(server: &Postgres, text: &'static str) {
    let mut connection = server.superuser().connect().await.unwrap();
    sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn count(server: &Postgres) -> i64 {
    let mut connection = server.superuser().connect().await.unwrap();
    sqlx::query_scalar("select count(*) from notes").fetch_one(&mut connection).await.unwrap()
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn data_outlives_a_stop_and_is_synced() {
    let dir = Dir::new();
    let server = start(dir.options()).await;
    assert!(server.owned());
    assert_eq!(server.data_dir(), dir.path());
    sql(&server, "create table notes (id int); insert into notes values (1)").await;
    let mut connection = server.superuser().connect().await.unwrap();
    let settings: (String, String, String, String) = sqlx::query_as(
        "select current_setting('fsync'), current_setting('synchronous_commit'), current_setting('listen_addresses'),
             current_setting('password_encryption')",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(settings, ("on".into(), "on".into(), String::new(), "scram-sha-256".into()));
    server.stop().await.unwrap();
    assert_eq!(dir.pid(), None);
    let server = start(dir.options()).await;
    assert_eq!(count(&server).await, 1);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn files_are_closed_to_other_users_and_a_wrong_password_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = Dir::new();
    let server = start(dir.options()).await;
    let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode("postgres"), mode("postgres/cluster")], [0o700; 2]);
    assert_eq!([mode("postgres/password"), mode("postgres/server.log"), mode("postgres/lock")], [0o600; 3]);
    let error = server.superuser().password("guess").connect().await.unwrap_err();
    assert_eq!(error.as_database_error().and_then(DatabaseError::code).as_deref(), Some("28P01"), "{error}");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_server_recovers_at_the_next_start() {
    let dir = Dir::new();
    let server = start(dir.options()).await;
    sql(&server, "create table notes (id int); insert into notes values (1)").await;
    kill(dir.pid().unwrap(), Signal::SIGKILL).unwrap();
    // The process stays a zombie, as nobody has asked about it yet.
    drop(server);
    let server = start(dir.options()).await;
    assert_eq!(count(&server).await, 1);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_pid_that_now_belongs_to_another_process_does_not_hinder_a_start() {
    let dir = Dir::new();
    start(dir.options()).await.stop().await.unwrap();
    let pid_file = dir.path().join("postgres/cluster/postmaster.pid");
    fs::write(&pid_file, format!("{}\n/elsewhere\n1\n5432\n/tmp\n\n 1 99999999\nready\n", Pid::this())).unwrap();
    assert!(postgres::attach(dir.path()).await.unwrap().is_none());
    start(dir.options()).await.stop().await.unwrap();
}

#[tokio::test]
async fn the_second_starter_is_a_guest_and_leaves_the_server_running() {
    let dir = Dir::new();
    assert!(postgres::attach(dir.path()).await.unwrap().is_none());
    let (left, right) = tokio::join!(start(dir.options()), start(dir.options()));
    let (owner, guest) = if left.owned() { (left, right) } else { (right, left) };
    assert!(owner.owned() && !guest.owned());
    sql(&guest, "create table notes (id int)").await;
    guest.stop().await.unwrap();
    let guest = postgres::attach(dir.path()).await.unwrap().unwrap();
    assert!(!guest.owned());
    drop(guest);
    assert_eq!(count(&owner).await, 0);
    assert!(matches!(postgres::discard_blocking(dir.path()), Err(StartError::InUse(_))));
    owner.stop().await.unwrap();
    assert!(postgres::attach(dir.path()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_long_path_is_served_on_the_loopback() {
    let dir = Dir::new();
    let data_dir = dir.path().join("a".repeat(100));
    let server = start(Options { data_dir: data_dir.clone(), ..dir.options() }).await;
    assert_eq!(server.superuser().get_host(), "127.0.0.1");
    sql(&server, "create table notes (id int)").await;
    let guest = postgres::attach(&data_dir).await.unwrap().unwrap();
    assert_eq!(count(&guest).await, 0);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn discarding_removes_the_cluster_and_nothing_else() {
    let dir = Dir::new();
    start(dir.options()).await.stop().await.unwrap();
    fs::write(dir.path().join("master.key"), "kept").unwrap();
    postgres::discard_blocking(dir.path()).unwrap();
    assert!(!dir.path().join("postgres").exists() && dir.path().join("master.key").exists());
}

#[tokio::test]
async fn a_throwaway_server_leaves_nothing() {
    let dir = Dir::new();
    let server = start(Options { durability: Durability::None, ..dir.options() }).await;
    assert!(dir.pid().is_some());
    drop(server);
    assert!(!dir.path().exists());
}

#[test]
fn the_server_stops_when_our_process_is_killed() {
    let dir = Dir::new();
    let mut holder = hold(&dir);
    assert!(dir.pid().is_some());
    holder.kill().unwrap();
    holder.wait().unwrap();
    eventually("the server outlives its owner", || dir.pid().is_none());
}

#[tokio::test]
async fn a_server_whose_owner_and_watch_are_gone_is_taken_over() {
    let dir = Dir::new();
    let mut holder = hold(&dir);
    for watch in children(holder.id()).into_iter().filter(|child| Some(*child) != dir.pid()) {
        kill(watch, Signal::SIGKILL).unwrap();
    }
    holder.kill().unwrap();
    holder.wait().unwrap();
    let orphan = dir.pid().unwrap();
    let server = start(dir.options()).await;
    assert!(server.owned());
    assert_eq!(dir.pid(), Some(orphan));
    sql(&server, "create table notes (id int)").await;
    server.stop().await.unwrap();
    assert_eq!(dir.pid(), None);
}

/// Not a test by itself: holds a cluster until it is killed.
#[tokio::test]
#[ignore = "started by other tests as a process of its own"]
async fn hold_a_cluster() {
    let Some(dir) = env::var_os(HELD_DIR) else { return };
    let _server =
        start(Options { download_dir: Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))), ..Options::new(PathBuf::from(dir)) })
            .await;
    println!("holding");
    thread::sleep(Duration::from_mins(1));
}

fn hold(dir: &Dir) -> Child {
    let mut holder = Command::new(env::current_exe().unwrap())
        .args(["--exact", "demo::postgres::hold_a_cluster", "--ignored", "--nocapture"])
        .env(HELD_DIR, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("holding")), "no cluster is held");
    holder
}

fn children(parent: u32) -> Vec<Pid> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).unwrap().flatten();
    let children = tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
    children
        .flat_map(|list| list.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap())).collect::<Vec<_>>())
        .collect()
}
