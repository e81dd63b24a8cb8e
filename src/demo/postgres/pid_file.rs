//! `postmaster.pid`: what a server says about itself, and whether to believe it.

use std::{
    fs, io,
    net::TcpStream,
    os::unix::{ffi::OsStrExt as _, net::UnixStream},
    path::{Path, PathBuf},
};

use nix::{errno::Errno, sys::signal::kill, unistd::Pid};

use super::{
    error::{StartError, at},
    state::State,
};

/// The lines that matter to us.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PidFile {
    /// The postmaster.
    pub(super) pid: Pid,
    /// Its port, part of the socket's name too.
    pub(super) port: u16,
    /// Where its socket is; none if it listens on the loopback only.
    pub(super) socket_dir: Option<PathBuf>,
    /// Its shared memory, which every process of the server holds.
    memory: Option<u32>,
    /// Whether it takes connections.
    ready: bool,
}

impl PidFile {
    /// Reads the file, if it is there and complete; a server writes its last line when it is ready or stops.
    pub(super) fn read(state: &State) -> Result<Option<Self>, StartError> {
        let path = Self::path(state);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(path)(error)),
        }
    }

    /// Where a server keeps it.
    pub(super) fn path(state: &State) -> PathBuf {
        state.cluster().join("postmaster.pid")
    }

    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let [pid, _, _, port, socket_dir, ..] = lines[..] else {
            return None;
        };
        Some(Self {
            pid: Pid::from_raw(pid.parse().ok()?),
            port: port.parse().ok()?,
            socket_dir: (!socket_dir.is_empty()).then(|| PathBuf::from(socket_dir)),
            memory: lines.get(6).and_then(|line| line.split_whitespace().nth(1)?.parse().ok()),
            ready: lines.get(7) == Some(&"ready"),
        })
    }

    /// Whether the process lives and is a server of this cluster; the number may belong to another by now.
    pub(super) fn is_live(&self, state: &State) -> bool {
        is_server(self.pid, state)
    }

    /// Whether a process of the server is left, though the first one may be gone: what Postgres itself would look at.
    pub(super) fn memory_in_use(&self) -> bool {
        let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
        self.memory.is_some_and(|memory| segments.lines().any(|segment| is_attached(segment, memory)))
    }

    /// Whether the server says that it is ready and takes a connection.
    pub(super) fn answers(&self) -> bool {
        self.ready
            && match &self.socket_dir {
                Some(dir) => UnixStream::connect(dir.join(format!(".s.PGSQL.{}", self.port))).is_ok(),
                None => TcpStream::connect(("127.0.0.1", self.port)).is_ok(),
            }
    }
}

/// Whether a process runs. One that has ended but that nobody has asked about (a zombie) does not, though it can be signalled:
/// in a container, process 1 may ask never.
pub(super) fn is_alive(pid: Pid) -> bool {
    is_taken(pid) && !is_zombie(pid)
}

/// Whether a process, be it a zombie, has this number.
pub(super) fn is_taken(pid: Pid) -> bool {
    matches!(kill(pid, None), Ok(()) | Err(Errno::EPERM))
}

fn is_zombie(pid: Pid) -> bool {
    // The state follows the name, which stands in brackets and may contain anything.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z')))
}

/// Whether a process was started for a cluster. Where the system does not tell, what the pid file says is believed.
fn serves(pid: Pid, cluster: &Path) -> bool {
    let arguments = fs::read(format!("/proc/{pid}/cmdline"));
    arguments
        .map_or(true, |arguments| arguments.split(|byte| *byte == 0).any(|argument| argument == cluster.as_os_str().as_bytes()))
}

/// Whether a line of `/proc/sysvipc/shm` (key, id, permissions, size, creator, last user, number of users, …) is about this
/// segment and somebody uses it.
fn is_attached(line: &str, memory: u32) -> bool {
    let columns: Vec<&str> = line.split_whitespace().collect();
    columns.get(1).is_some_and(|id| id.parse() == Ok(memory)) && columns.get(6).is_some_and(|users| *users != "0")
}

/// The process that a lock file names, if there is one of its number.
pub(super) fn holder(lock: &Path) -> Option<Pid> {
    let text = fs::read_to_string(lock).ok()?;
    text.lines().next()?.trim().parse().ok().map(Pid::from_raw).filter(|pid| is_taken(*pid))
}

/// Whether a process is a living server of this cluster.
pub(super) fn is_server(pid: Pid, state: &State) -> bool {
    is_alive(pid) && serves(pid, &state.cluster())
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: &str = "4711\n/srv/cluster\n1764000000\n5432\n/srv\n\n  1234567   42\nready   \n";

    #[test]
    fn a_ready_server_tells_its_socket() {
        let pid_file = PidFile::parse(READY).unwrap();
        let socket_dir = Some(PathBuf::from("/srv"));
        assert_eq!(pid_file, PidFile { pid: Pid::from_raw(4711), port: 5432, socket_dir, memory: Some(42), ready: true });
    }

    #[test]
    fn a_server_without_a_socket_is_on_the_loopback() {
        let pid_file = PidFile::parse("4711\n/srv/cluster\n1764000000\n40123\n\n127.0.0.1\n 1 2\nstarting\n").unwrap();
        assert_eq!((pid_file.socket_dir, pid_file.port, pid_file.ready), (None, 40123, false));
    }

    #[test]
    fn a_file_that_is_being_written_tells_nothing() {
        assert_eq!(PidFile::parse("4711\n/srv/cluster\n"), None);
        assert_eq!(PidFile::parse(""), None);
    }

    #[test]
    fn shared_memory_is_in_use_while_a_process_holds_it() {
        let line = |users| format!("     43124   42   600   56   4711   4711   {users}   105   111   105   111");
        assert!(is_attached(&line(6), 42));
        assert!(!is_attached(&line(0), 42));
        assert!(!is_attached(&line(6), 43));
        assert!(!is_attached("key shmid perms size cpid lpid nattch uid", 42));
    }

    #[test]
    fn this_process_is_alive() {
        assert!(is_alive(Pid::this()));
        assert!(!is_alive(Pid::from_raw(i32::MAX)));
    }
}
