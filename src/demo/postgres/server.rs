//! The server as a process: started, waited for, watched over, stopped.

use std::{
    fs::{self, OpenOptions},
    io::ErrorKind,
    net::TcpListener,
    os::unix::{fs::OpenOptionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    Durability, Options, POLL, START_LIMIT,
    account::Account,
    binaries::Binaries,
    error::{StartError, StopError, at},
    pid_file::{self, PidFile},
    state::{Lock, State},
};

/// What Postgres keeps beside its socket.
const SOCKET_LOCK: &str = ".s.PGSQL.5432.lock";
/// The longest name that a socket may have everywhere (macOS: 104 bytes with the closing zero).
const LONGEST_SOCKET: usize = 103;

/// Waits until our end of the pipe closes, which is when this process ends, however it ends. Then stops the server, if it is
/// still the one that it was told of, and removes the directory that it was given, if any.
const WATCH: &str = r#"
read -r _
read -r pid <"$2/postmaster.pid" && [ "$pid" = "$1" ] && kill -INT "$1"
[ -n "$3" ] || exit 0
waited=0
while [ -e "$2/postmaster.pid" ] && [ "$waited" -lt 100 ]; do
    sleep 0.1
    waited=$((waited + 1))
done
rm -rf "$3"
"#;

/// The gentlest signals first: clients are cut off; processes are cut off; nobody is asked.
const STOPS: [(Signal, Duration); 3] = [
    (Signal::SIGINT, Duration::from_secs(30)),
    (Signal::SIGQUIT, Duration::from_secs(5)),
    (Signal::SIGKILL, Duration::from_secs(5)),
];

/// A server that we stop. Nothing is left of it when this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    pid: Pid,
    /// Absent for one that an earlier run started.
    child: Option<Child>,
    watch: Child,
    /// Removed after the stop.
    throwaway: Option<PathBuf>,
    stopped: bool,
    /// Last, so that it is released when all the rest is done.
    _lock: Lock,
}

impl Server {
    /// Starts the server; it is not ready yet.
    pub(super) fn spawn(
        state: &State,
        lock: Lock,
        binaries: &Binaries,
        account: &Account,
        options: &Options,
    ) -> Result<Self, StartError> {
        let log = state.log_file();
        let output = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&log).map_err(at(&log))?;
        let program = binaries.program("postgres");
        let child = account
            .command(&program)
            .args(arguments(state, options).map_err(at(state.root()))?)
            .current_dir(state.root())
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(at(&log))?)
            .stderr(output)
            // Ctrl-C in the terminal must reach us alone: we stop serving first, then the database.
            .process_group(0)
            .spawn()
            .map_err(at(program))?;
        let pid = Pid::from_raw(child.id().cast_signed());
        Self::watched(lock, pid, Some(child), state, super::throwaway(state, options.durability))
    }

    /// Takes over a server that an earlier run left running. `throwaway` is removed after its stop.
    pub(super) fn adopt(lock: Lock, orphan: &PidFile, state: &State, throwaway: Option<PathBuf>) -> Result<Self, StartError> {
        Self::watched(lock, orphan.pid, None, state, throwaway)
    }

    fn watched(
        lock: Lock,
        pid: Pid,
        child: Option<Child>,
        state: &State,
        throwaway: Option<PathBuf>,
    ) -> Result<Self, StartError> {
        match watch(state, pid, throwaway.as_deref()) {
            Ok(watch) => Ok(Self { pid, child, watch, throwaway, stopped: false, _lock: lock }),
            Err(error) => {
                // What nobody watches over must not run.
                let _ = kill(pid, Signal::SIGINT);
                Err(at("/bin/sh")(error))
            }
        }
    }

    /// Waits until the server takes connections; an error if it ends instead.
    pub(super) fn wait_until_ready(&self, state: &State, limit: Duration) -> Result<PidFile, StartError> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(pid_file) = PidFile::read(state)?
                && pid_file.pid == self.pid
                && pid_file.answers()
            {
                return Ok(pid_file);
            }
            if !pid_file::is_alive(self.pid) {
                return Err(StartError::Failed { program: "postgres", output: end_of_log(state) });
            }
            if Instant::now() > deadline {
                return Err(StartError::NotReady(state.log_file()));
            }
            thread::sleep(POLL);
        }
    }

    /// Stops the server and removes what was not meant to stay.
    pub(super) fn stop(mut self) -> Result<(), StopError> {
        self.stop_once()
    }

    fn stop_once(&mut self) -> Result<(), StopError> {
        if std::mem::replace(&mut self.stopped, true) {
            return Ok(());
        }
        let last = STOPS.iter().find(|(signal, patience)| {
            let _ = kill(self.pid, *signal);
            self.wait_for_end(*patience)
        });
        // It has nothing left to watch over.
        let _ = self.watch.kill();
        let _ = self.watch.wait();
        if let Some(dir) = &self.throwaway {
            fs::remove_dir_all(dir).map_err(|source| StopError::File { path: dir.clone(), source })?;
        }
        match last {
            Some((Signal::SIGINT | Signal::SIGQUIT, _)) => Ok(()),
            _ => Err(StopError::Killed),
        }
    }

    fn wait_for_end(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            let ended = match &mut self.child {
                Some(child) => !matches!(child.try_wait(), Ok(None)),
                None => !pid_file::is_alive(self.pid),
            };
            if ended || Instant::now() > deadline {
                return ended;
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.stop_once() {
            tracing::warn!(%error, "the database did not stop as it should");
        }
    }
}

/// What to do about an earlier run, once the lock is ours: a server that still runs is returned, and a pid file that means
/// nothing any more is removed, as Postgres would not start over it while another process has its number.
pub(super) fn settle_predecessor(state: &State) -> Result<Option<PidFile>, StartError> {
    let deadline = Instant::now() + START_LIMIT;
    while let Some(pid_file) = PidFile::read(state)? {
        if pid_file.is_live(state) {
            if pid_file.answers() {
                return Ok(Some(pid_file));
            }
        } else if !pid_file.memory_in_use() {
            if pid_file::is_taken(pid_file.pid) {
                remove_stale(&PidFile::path(state))?;
            }
            break;
        }
        // It is starting or stopping, or its orphans have not noticed yet that it is gone.
        if Instant::now() > deadline {
            return Err(StartError::NotReady(state.log_file()));
        }
        thread::sleep(POLL);
    }
    // A server that stops lets go of its socket after its pid file; one that was killed leaves a lock that means nothing.
    let lock = state.root().join(SOCKET_LOCK);
    while let Some(pid) = pid_file::holder(&lock) {
        if !pid_file::is_server(pid, state) {
            remove_stale(&lock)?;
            break;
        }
        if Instant::now() > deadline {
            return Err(StartError::NotReady(state.log_file()));
        }
        thread::sleep(POLL);
    }
    Ok(None)
}

fn remove_stale(path: &Path) -> Result<(), StartError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

fn arguments(state: &State, options: &Options) -> std::io::Result<Vec<String>> {
    let mut settings = vec![
        format!("max_connections={}", options.max_connections),
        "logging_collector=off".to_owned(),
        "log_destination=stderr".to_owned(),
    ];
    if let Some(dir) = socket_dir(state.root()) {
        settings.extend([format!("unix_socket_directories={dir}"), "listen_addresses=".to_owned(), "port=5432".to_owned()]);
    } else {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        settings.extend(["unix_socket_directories=".to_owned(), "listen_addresses=127.0.0.1".to_owned()]);
        settings.push(format!("port={port}"));
    }
    if options.durability == Durability::None {
        settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"].map(str::to_owned));
        // Whatever happens, nothing lies outside of the directory that is removed.
        settings.push("dynamic_shared_memory_type=mmap".to_owned());
    }
    settings.extend(options.settings.iter().cloned());
    let cluster = ["-D".to_owned(), state.cluster().to_string_lossy().into_owned()];
    Ok(cluster.into_iter().chain(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting])).collect())
}

/// The directory as a setting, if a socket in it has a name that is short enough and needs no quoting.
fn socket_dir(dir: &Path) -> Option<&str> {
    let text = dir.to_str()?;
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+@".contains(&byte));
    (plain && text.len() + "/.s.PGSQL.5432".len() <= LONGEST_SOCKET).then_some(text)
}

fn watch(state: &State, pid: Pid, throwaway: Option<&Path>) -> std::io::Result<Child> {
    Command::new("/bin/sh")
        .args(["-c", WATCH, "sh", &pid.to_string()])
        .arg(state.cluster())
        .arg(throwaway.unwrap_or(Path::new("")))
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

/// The last lines of the log, for a message.
fn end_of_log(state: &State) -> String {
    let log = fs::read_to_string(state.log_file()).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_needs_a_short_and_plain_path() {
        assert_eq!(socket_dir(Path::new("/srv/ias/postgres")), Some("/srv/ias/postgres"));
        assert_eq!(socket_dir(Path::new("/srv/my ias/postgres")), None);
        assert_eq!(socket_dir(Path::new("/srv/a,b/postgres")), None);
        let path = |length| PathBuf::from(format!("/{}", "a".repeat(length - 1)));
        assert!(socket_dir(&path(LONGEST_SOCKET - 14)).is_some());
        assert!(socket_dir(&path(LONGEST_SOCKET - 13)).is_none());
    }
}
