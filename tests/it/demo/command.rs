//! The program as a process: started, watched, stopped.

use std::{
    env,
    ffi::OsString,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use ias::base::entropy;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// A start makes a database first.
const PATIENCE: Duration = Duration::from_mins(1);

/// A process of the program that said `ready`; killed with the value.
pub struct Running {
    /// all that it wrote until then
    pub said: Vec<String>,
    lines: Lines<BufReader<ChildStdout>>,
    child: Child,
}

/// How a process ended.
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Running {
    /// `ias demo` in a directory.
    pub async fn demo(directory: &Path, port: u16, more: &[&str]) -> Self {
        Self::of(demo(directory, port, more)).await
    }

    /// Whatever says `ready`.
    pub async fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = Vec::new();
        loop {
            let line = timeout(PATIENCE, lines.next_line()).await.expect("it starts in time").unwrap();
            let Some(line) = line else {
                let ended = child.wait_with_output().await.unwrap();
                panic!("{}\n{}", said.join("\n"), String::from_utf8_lossy(&ended.stderr));
            };
            said.push(line);
            if said.last().is_some_and(|line| line.starts_with("ready ")) {
                return Self { said, lines, child };
            }
        }
    }

    /// What its last line says is ready.
    pub fn address(&self) -> &str {
        self.said.last().unwrap().strip_prefix("ready ").unwrap()
    }

    /// Sends a signal, and waits for the end.
    pub async fn end_by(mut self, signal: Signal) -> Ended {
        kill(Pid::from_raw(self.child.id().unwrap().cast_signed()), signal).unwrap();
        let rest = async {
            let mut out = String::new();
            while let Some(line) = self.lines.next_line().await.unwrap() {
                out += &line;
                out.push('\n');
            }
            (out, self.child.wait_with_output().await.unwrap())
        };
        let (out, output) = timeout(PATIENCE, rest).await.expect("it ends in time");
        Ended { status: output.status, out, err: String::from_utf8(output.stderr).unwrap() }
    }
}

/// `ias demo`, whose database is its own.
pub fn demo(directory: &Path, port: u16, more: &[&str]) -> Command {
    let mut command = ias();
    command.args(["demo", "--port", &port.to_string(), "--data-dir"]).arg(directory).args(more);
    command
}

/// The program, with nothing of this process's own settings.
pub fn ias() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ias"));
    for (name, _) in env::vars_os().filter(|(name, _)| name == "DATABASE_URL" || name.to_string_lossy().starts_with("IAS__")) {
        command.env_remove(name);
    }
    command.env("PATH", path()).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A run that ends by itself.
pub async fn ended(mut command: Command) -> Ended {
    let output = timeout(PATIENCE, command.output()).await.expect("it ends in time").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { status: output.status, out: text(output.stdout), err: text(output.stderr) }
}

/// Where programs are; binaries of Postgres that other tests have fetched need not be fetched again.
fn path() -> OsString {
    let fetched = fs::read_dir(env!("CARGO_TARGET_TMPDIR")).unwrap().flatten().map(|entry| entry.path().join("bin"));
    let fetched = fetched.filter(|bin| bin.join("postgres").exists());
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths(env::split_paths(&path).chain(fetched).collect::<Vec<PathBuf>>()).unwrap()
}

/// A port that is free, as are those 10 below and above it, outside of the range from which the system takes them.
pub fn free_port() -> u16 {
    let is_free = |port: &u16| [port - 10, *port, port + 10].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    let drawn = std::iter::repeat_with(|| 20_000 + u16::from_be_bytes(entropy::bytes()) % 10_000);
    drawn.take(100).find(is_free).expect("a free port")
}

/// What the demo tells programs.
pub fn demo_json(directory: &Path) -> Value {
    serde_json::from_slice(&fs::read(directory.join("demo.json")).unwrap()).unwrap()
}

/// The processes that a directory is an argument of.
pub fn processes_about(directory: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let arguments = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let arguments = arguments.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
    arguments.filter(|arguments| arguments.contains(directory.to_str().unwrap())).collect()
}
