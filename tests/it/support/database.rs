//! A database for each test, copied from a migrated template.
//!
//! The server is the one of `DATABASE_URL`, or else one of our own for this process: in memory, without syncing, gone when the
//! process ends. What a killed run left behind is removed by the next.

use std::{
    env, fs,
    fs::{File, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc as blocking,
    },
    thread,
    time::Duration,
};

use ias::{
    base::{digest, entropy, secret::Secret},
    demo::postgres::{self, Durability, Options, Postgres},
    store::{
        migrations,
        pool::{self, PoolSettings},
        roles::ServingRole,
    },
};
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, PgPool, postgres::PgConnectOptions};
use tokio::sync::{mpsc, oneshot};

use super::statements;

/// Name and password of the role that tests serve as; it has rights in test databases only.
const SERVING: &str = "ias_test_serving";

/// First half of the advisory locks that tell which runs live; the second is the number of the run.
const RUNS: i32 = 0x1a5;

/// How many rows a table has.
pub async fn count(pool: &PgPool, table: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {table}"))).fetch_one(pool).await.unwrap()
}

/// A database that is dropped with the value.
pub struct TestDatabase {
    name: String,
    owner: PgConnectOptions,
}

impl TestDatabase {
    /// A migrated database without rows.
    pub async fn new() -> Self {
        Self::made_by(|reply| Command::Copy { reply }).await
    }

    /// A database without tables, for tests of the migrations themselves.
    pub async fn empty() -> Self {
        Self::made_by(|reply| Command::Create { reply }).await
    }

    async fn made_by(command: impl FnOnce(oneshot::Sender<Made>) -> Command) -> Self {
        statements::record();
        let (reply, made) = oneshot::channel();
        let _ = keeper().send(command(reply));
        let (name, owner) = made.await.expect("the thread `test databases` tells above why there is none");
        Self { name, owner }
    }

    /// Signs in as the owner of all tables.
    pub fn owner(&self) -> PgConnectOptions {
        self.owner.clone()
    }

    /// Signs in as the role that serves, with no more rights than `ias serve` has.
    pub fn serving(&self) -> PgConnectOptions {
        self.owner().username(SERVING).password(SERVING)
    }

    /// A pool of the owner, for what no statement of the store does.
    pub async fn owner_pool(&self) -> PgPool {
        connect(self.owner()).await
    }

    /// A pool as `ias serve` has it.
    pub async fn serving_pool(&self) -> PgPool {
        connect(self.serving()).await
    }
}

async fn connect(options: PgConnectOptions) -> PgPool {
    let settings = PoolSettings {
        min_connections: 0,
        max_connections: 8,
        acquire_timeout: Duration::from_secs(20),
        statement_timeout: Duration::from_secs(20),
        ..PoolSettings::default()
    };
    pool::connect(options, &settings).await.expect("the test database answers")
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (done, dropped) = blocking::channel();
        let _ = keeper().send(Command::Drop { name: self.name.clone(), done });
        let _ = dropped.recv_timeout(Duration::from_secs(10));
    }
}

/// The name of a database and its owner's way into it.
type Made = (String, PgConnectOptions);

enum Command {
    Copy { reply: oneshot::Sender<Made> },
    Create { reply: oneshot::Sender<Made> },
    Drop { name: String, done: blocking::Sender<()> },
}

/// The thread that makes and drops databases: tests have a runtime each, and none of them lives as long as a connection must.
fn keeper() -> &'static mpsc::UnboundedSender<Command> {
    static KEEPER: OnceLock<mpsc::UnboundedSender<Command>> = OnceLock::new();
    KEEPER.get_or_init(|| {
        let (sender, commands) = mpsc::unbounded_channel();
        let keep = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(keep(commands));
        };
        thread::Builder::new().name("test databases".to_owned()).spawn(keep).unwrap();
        sender
    })
}

async fn keep(mut commands: mpsc::UnboundedReceiver<Command>) {
    // A server of our own lives as long as the process; nothing here drops it.
    let given = env::var("DATABASE_URL").ok();
    // A server of our own lives as long as the process; nothing here drops it.
    let own = given.is_none().then(own_server);
    let admin = match (&given, &own) {
        (Some(url), _) => url.parse().expect("DATABASE_URL is an address of Postgres"),
        (None, own) => own.as_ref().unwrap().0.superuser(),
    };
    let mut keeper = Keeper::new(admin).await;
    while let Some(command) = commands.recv().await {
        match command {
            Command::Copy { reply } => {
                let _ = reply.send(keeper.copy().await);
            }
            Command::Create { reply } => {
                let _ = reply.send(keeper.create("").await);
            }
            Command::Drop { name, done } => {
                keeper.drop_database(&name).await;
                let _ = done.send(());
            }
        }
    }
}

struct Keeper {
    admin: PgConnectOptions,
    connection: PgConnection,
    run: u32,
    made: AtomicU32,
    template: Option<String>,
}

impl Keeper {
    async fn new(admin: PgConnectOptions) -> Self {
        let connection = admin.connect().await.expect("the test server answers");
        let run = u32::from_be_bytes(entropy::bytes());
        let mut keeper = Self { admin, connection, run, made: AtomicU32::new(0), template: None };
        sqlx::query("select pg_advisory_lock($1, $2)")
            .bind(RUNS)
            .bind(run.cast_signed())
            .execute(&mut keeper.connection)
            .await
            .unwrap();
        keeper.sweep().await;
        keeper
    }

    /// Drops the databases of runs that were killed: those whose lock is free.
    async fn sweep(&mut self) {
        let names: Vec<String> = sqlx::query_scalar(r"select datname from pg_database where datname like 'ias\_test\_%'")
            .fetch_all(&mut self.connection)
            .await
            .unwrap();
        for name in names {
            let run = name.split('_').nth(2).and_then(|run| u32::from_str_radix(run, 16).ok());
            let Some(run) = run.filter(|run| *run != self.run) else { continue };
            let ended: bool = sqlx::query_scalar("select pg_try_advisory_lock($1, $2)")
                .bind(RUNS)
                .bind(run.cast_signed())
                .fetch_one(&mut self.connection)
                .await
                .unwrap();
            if ended {
                self.drop_database(&name).await;
                self.run(format!("select pg_advisory_unlock({RUNS}, {})", run.cast_signed())).await;
            }
        }
    }

    async fn copy(&mut self) -> Made {
        let template = match &self.template {
            Some(template) => template.clone(),
            None => self.make_template().await,
        };
        // Copying files beats writing a log of each page by far, on a server that syncs nothing.
        self.create(&format!("template {template} strategy file_copy")).await
    }

    async fn create(&mut self, how: &str) -> Made {
        let name = format!("ias_test_{:08x}_{}", self.run, self.made.fetch_add(1, Ordering::Relaxed));
        self.run(format!("create database {name} {how}")).await;
        let owner = self.admin.clone().database(&name);
        (name, owner)
    }

    /// Makes the template of this state of the migrations, unless an earlier run did; the lock lets one process do it.
    async fn make_template(&mut self) -> String {
        let migrations = migrations::MIGRATOR.iter().map(|migration| migration.checksum.as_ref());
        let hash = digest::sha256(&migrations.collect::<Vec<_>>());
        let template = format!("ias_template_{:016x}", u64::from_be_bytes(hash[..8].try_into().unwrap()));
        self.run("select pg_advisory_lock(hashtext('ias test template'))".to_owned()).await;
        let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(&template)
            .fetch_one(&mut self.connection)
            .await
            .unwrap();
        if !exists {
            let unfinished = format!("{template}_new");
            self.run(format!("drop database if exists {unfinished} with (force)")).await;
            self.run(format!("create database {unfinished}")).await;
            let role = ServingRole { name: SERVING.to_owned(), password: Some(Secret::new(SERVING.to_owned())) };
            migrations::migrate(&self.admin.clone().database(&unfinished), &role).await.expect("the migrations run");
            self.run(format!("alter database {unfinished} rename to {template}")).await;
        }
        self.run("select pg_advisory_unlock(hashtext('ias test template'))".to_owned()).await;
        self.template = Some(template.clone());
        template
    }

    async fn drop_database(&mut self, name: &str) {
        // `with (force)` alone looks only each 100 ms whether those that it cut off are gone.
        for _ in 0..200 {
            let left: i64 =
                sqlx::query_scalar("select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = $1")
                    .bind(name)
                    .fetch_one(&mut self.connection)
                    .await
                    .unwrap();
            if left == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.run(format!("drop database if exists {name} with (force)")).await;
    }

    async fn run(&mut self, sql: String) {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection).await.unwrap();
    }
}

/// Starts a server for this process.
fn own_server() -> (Postgres, Directory) {
    let directory = Directory::new();
    let options = Options {
        durability: Durability::None,
        max_connections: 300,
        download_dir: Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))),
        ..Options::new(&directory.path)
    };
    let server = postgres::start_blocking(&options, &|line| println!("{line}"));
    (server.unwrap_or_else(|error| panic!("{error}")), directory)
}

/// A directory for a server, in memory where there is such a place. Its lock tells other processes that it is in use.
pub struct Directory {
    pub path: PathBuf,
    _lock: File,
}

impl Directory {
    /// A new one, once those that killed runs left are gone.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_owned() } else { env::temp_dir() };
        // One process at a time: what another is about to lock must not look abandoned.
        let turn = File::open(&base).unwrap();
        turn.lock().unwrap();
        sweep_directories(&base);
        let directory = tempfile::Builder::new()
            .prefix("ias-test-")
            // Postgres may run as another account.
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in(&base)
            .expect("a directory for the test server can be made");
        let lock = File::open(directory.path()).unwrap();
        lock.lock().unwrap();
        Self { path: directory.keep(), _lock: lock }
    }
}

fn sweep_directories(base: &Path) {
    for entry in fs::read_dir(base).unwrap().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with("ias-test-");
        let abandoned = || File::open(entry.path()).is_ok_and(|directory| directory.try_lock().is_ok());
        if ours && abandoned() && postgres::discard_blocking(&entry.path()).is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
