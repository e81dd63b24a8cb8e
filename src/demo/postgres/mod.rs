//! A Postgres of our own for the demo and the tests: found on the machine or fetched, started, stopped, recovered.
//!
//! Everything lies in `postgres/` of the given directory: the cluster, its password, its socket, its log and the lock that
//! tells who stops it. Whoever comes second attaches as a guest. No SQL here: callers get connection options.

mod account;
mod binaries;
mod cluster;
mod download;
mod error;
mod pid_file;
mod server;
mod state;

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use sqlx::postgres::{PgConnectOptions, PgSslMode};

pub use self::error::{StartError, StopError};
use self::{account::Account, binaries::Binaries, pid_file::PidFile, server::Server, state::State};

/// How long a server may take to start, crash recovery included, and how long a guest waits for its host.
const START_LIMIT: Duration = Duration::from_mins(2);
/// How often something that is waited for is looked at.
const POLL: Duration = Duration::from_millis(20);

/// What to start, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where all state stays; made if it is missing.
    pub data_dir: PathBuf,
    /// Where the Postgres binaries are; searched for if none.
    pub bin_dir: Option<PathBuf>,
    /// Where fetched binaries are kept; in `data_dir` if none.
    pub download_dir: Option<PathBuf>,
    /// What outlives a crash, or a stop.
    pub durability: Durability,
    /// How many connections the server takes.
    pub max_connections: u16,
    /// Settings beside these, as `name=value`.
    pub settings: Vec<String>,
}

impl Options {
    /// A durable server in `data_dir`, with binaries found on the machine or fetched into it.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            bin_dir: None,
            download_dir: None,
            durability: Durability::Full,
            max_connections: 100,
            settings: Vec::new(),
        }
    }
}

/// What outlives a crash, or a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Every commit outlives a crash.
    Full,
    /// Nothing is synced, and the whole data directory is removed when the server stops or this process ends; for tests.
    None,
}

/// A running server. Its owner stops it, at the latest when this is dropped; should the process die, the server stops by
/// itself.
#[derive(Debug)]
pub struct Postgres {
    state: State,
    superuser: PgConnectOptions,
    /// Absent for a guest.
    server: Option<Server>,
}

impl Postgres {
    /// Signs in as the superuser, to the database `postgres`.
    pub fn superuser(&self) -> PgConnectOptions {
        self.superuser.clone()
    }

    /// Whether we stop the server; a guest does not.
    pub fn owned(&self) -> bool {
        self.server.is_some()
    }

    /// The process from which all others of the server descend; none where it has just ended.
    pub fn pid(&self) -> Option<u32> {
        PidFile::read(&self.state).ok().flatten().map(|file| file.pid.as_raw().cast_unsigned())
    }

    /// Where all its state stays.
    pub fn data_dir(&self) -> &Path {
        self.state.data_dir()
    }

    /// Stops the server if we own it: its clients are cut off, what they committed is kept.
    pub async fn stop(self) -> Result<(), StopError> {
        tokio::task::spawn_blocking(|| self.stop_blocking()).await.unwrap_or(Err(StopError::Interrupted))
    }

    /// [`Postgres::stop`] for callers without a runtime.
    pub fn stop_blocking(mut self) -> Result<(), StopError> {
        self.server.take().map_or(Ok(()), Server::stop)
    }
}

/// Starts the server of a data directory, makes its cluster first if there is none, or attaches to a server that another
/// process runs there. `progress` gets a line for each thing that takes its time.
pub async fn start(options: Options, progress: impl Fn(&str) + Send + 'static) -> Result<Postgres, StartError> {
    // Should the caller give up meanwhile, the server is stopped as soon as its start has ended.
    tokio::task::spawn_blocking(move || start_blocking(&options, &progress)).await.unwrap_or(Err(StartError::Interrupted))
}

/// [`start`] for callers without a runtime.
pub fn start_blocking(options: &Options, progress: &dyn Fn(&str)) -> Result<Postgres, StartError> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        // Made in each turn: whoever held the lock may have removed it all.
        let state = State::create(&options.data_dir)?;
        if let Some(lock) = state.try_lock()? {
            return own(state, lock, options, progress);
        }
        if let Some(guest) = attach_to(&state)? {
            progress("Using the database that another process runs here");
            return Ok(guest);
        }
        if Instant::now() > deadline {
            return Err(StartError::HostNotReady(state.root().to_owned()));
        }
        thread::sleep(POLL);
    }
}

fn own(state: State, lock: state::Lock, options: &Options, progress: &dyn Fn(&str)) -> Result<Postgres, StartError> {
    if let Some(orphan) = server::settle_predecessor(&state)? {
        progress("Taking over the database that an earlier run left running");
        let server = Server::adopt(lock, &orphan, &state, throwaway(&state, options.durability))?;
        return Ok(Postgres { superuser: superuser(&state, &orphan)?, state, server: Some(server) });
    }
    let binaries = Binaries::obtain(options, state.cluster_major()?, progress)?;
    let account = Account::choose(&state, &binaries)?;
    account.give(state.root())?;
    if state.cluster_major()?.is_none() {
        progress(&format!("Making a database with Postgres {} of {}", binaries.major, binaries.dir.display()));
        cluster::create(&state, &binaries, &account, options.durability)?;
    }
    let server = Server::spawn(&state, lock, &binaries, &account, options)?;
    let pid_file = server.wait_until_ready(&state, START_LIMIT)?;
    Ok(Postgres { superuser: superuser(&state, &pid_file)?, state, server: Some(server) })
}

/// What does not outlive the server.
fn throwaway(state: &State, durability: Durability) -> Option<PathBuf> {
    (durability == Durability::None).then(|| state.data_dir().to_owned())
}

/// Attaches as a guest to the server that another process runs in this directory; nothing if none is ready there.
pub async fn attach(data_dir: &Path) -> Result<Option<Postgres>, StartError> {
    let data_dir = data_dir.to_owned();
    let attach = move || match State::find(&data_dir)? {
        Some(state) => attach_to(&state),
        None => Ok(None),
    };
    tokio::task::spawn_blocking(attach).await.unwrap_or(Err(StartError::Interrupted))
}

fn attach_to(state: &State) -> Result<Option<Postgres>, StartError> {
    match PidFile::read(state)? {
        Some(pid_file) if pid_file.is_live(state) && pid_file.answers() => {
            Ok(Some(Postgres { superuser: superuser(state, &pid_file)?, state: state.clone(), server: None }))
        }
        _ => Ok(None),
    }
}

/// Removes the cluster of a data directory, for a fresh start, and stops a server that an earlier run left behind. Refused
/// while another process uses it.
pub fn discard_blocking(data_dir: &Path) -> Result<(), StartError> {
    let Some(state) = State::find(data_dir)? else {
        return Ok(());
    };
    let lock = state.try_lock()?.ok_or_else(|| StartError::InUse(state.root().to_owned()))?;
    if let Some(orphan) = server::settle_predecessor(&state)? {
        return Ok(Server::adopt(lock, &orphan, &state, Some(state.root().to_owned()))?.stop()?);
    }
    state.remove()
}

fn superuser(state: &State, pid_file: &PidFile) -> Result<PgConnectOptions, StartError> {
    let options = PgConnectOptions::new_without_pgpass()
        .port(pid_file.port)
        .username(cluster::SUPERUSER)
        .password(state.password()?.expose())
        .database("postgres")
        .ssl_mode(PgSslMode::Disable);
    Ok(match &pid_file.socket_dir {
        Some(dir) => options.socket(dir),
        None => options.host("127.0.0.1"),
    })
}
