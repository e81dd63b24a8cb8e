//! The command line, as processes of the built binary against a database of the test.

mod commands;
mod secrets;
mod serve;
mod start;
mod tls;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::{sys::signal, unistd::Pid};
use sqlx::ConnectOptions as _;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::mpsc::UnboundedReceiver,
    task::JoinHandle,
};

use crate::support::{
    database::TestDatabase,
    server::{APP, SECRET, simulator},
};

/// 32 bytes in base64.
const MASTER_KEY: &str = "hQ7m2vXc9nT4bR8zK1wY6uJ3sF5gD0pLqE7iA2oNxVk=";

/// A place to run the command line: variables, a database, and a directory of its own.
struct Stage {
    database: TestDatabase,
    directory: TempDir,
    variables: Vec<(String, String)>,
}

/// How a command ended.
#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Outcome {
    /// It failed, and said all of this.
    #[track_caller]
    fn refuses(&self, because: &[&str]) {
        assert_eq!(self.code, Some(1), "{self:?}");
        for said in because {
            assert!(self.stderr.contains(said), "{said:?} is not in {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked") && !self.stderr.contains("RUST_BACKTRACE"), "{}", self.stderr);
    }

    /// It went well; gives what it printed.
    #[track_caller]
    fn prints(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }
}

impl Stage {
    /// A migrated database, and what a developer sets.
    async fn new() -> Self {
        Self::over(TestDatabase::new().await)
    }

    fn over(database: TestDatabase) -> Self {
        let variables = [
            ("IAS__ENVIRONMENT", "development".to_owned()),
            ("IAS__DATABASE__URL", database.serving().to_url_lossy().to_string()),
            ("IAS__DATABASE__MIGRATE_URL", database.owner().to_url_lossy().to_string()),
            ("IAS__DATABASE__SERVING_ROLE", database.serving().get_username().to_owned()),
            ("IAS__KEYS__MASTER_KEY", MASTER_KEY.to_owned()),
            ("IAS__SERVER__LISTEN", "127.0.0.1:0".to_owned()),
            ("IAS__SERVER__OPERATIONS_LISTEN", "127.0.0.1:0".to_owned()),
            ("IAS__TELEMETRY__LOG_FORMAT", "json".to_owned()),
        ];
        let secrets = [
            "WEBAPP",
            "DELEGATIONS",
            "WORKER",
            "PORTAL",
            "CONFORMANCE_BASIC_1",
            "CONFORMANCE_BASIC_2",
            "CONFORMANCE_POST",
            "CASES_API",
        ];
        let secrets = secrets.map(|name| (format!("{name}_SECRET"), SECRET.to_owned()));
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(secrets).collect();
        Self { database, directory: tempfile::tempdir().unwrap(), variables }
    }

    /// Sets a variable, or takes it away.
    fn set(&mut self, name: &str, value: Option<&str>) {
        self.variables.retain(|(set, _)| set != name);
        self.variables.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }

    /// A file in the stage's directory.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ias"));
        command.args(arguments).current_dir(self.directory.path()).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs a command to its end.
    async fn run(&self, arguments: &[&str]) -> Outcome {
        let output = tokio::time::timeout(Duration::from_secs(20), self.command(arguments).output());
        let output = output.await.expect("the command ends").unwrap();
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// `ias apply` of the demo's configuration.
    async fn apply_the_demo(&self) -> Outcome {
        let simulator = simulator().await;
        let variables = [
            format!("APP={APP}"),
            format!("SIMULATOR={}", simulator.url),
            "SIMULATOR_TLS_ROOTS=".to_owned(),
            format!("SIMULATOR_ANCHORS={}", simulator.simulator.anchors_pem()),
            format!("SIMULATOR_INTERMEDIATES={}", simulator.simulator.intermediates_pem()),
            format!("SIMULATOR_APP_INTERMEDIATES={}", simulator.simulator.app_intermediates_pem()),
            format!("SIMULATOR_CARD_INTERMEDIATES={}", simulator.simulator.card_intermediates_pem()),
            "CARD_HOST=https://localhost:1".to_owned(),
            format!("CONFORMANCE_CALLBACK={APP}/callback"),
            format!("CONFORMANCE_LOGOUT={APP}/post_logout_redirect"),
        ];
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo");
        let mut arguments = vec!["apply", folder.to_str().unwrap()];
        arguments.extend(variables.iter().flat_map(|variable| ["--set", variable]));
        self.run(&arguments).await
    }

    /// `ias serve` on a port of its own, once it serves.
    async fn serve(&mut self) -> Node {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let issuer = format!("http://localhost:{port}");
        self.set("IAS__SERVER__LISTEN", Some(&format!("127.0.0.1:{port}")));
        self.set("IAS__SERVER__ISSUER", Some(&issuer));
        let mut child = self.command(&["serve"]).spawn().unwrap();
        let (send, mut lines) = tokio::sync::mpsc::unbounded_channel();
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let reading = tokio::spawn(async move {
            while let Ok(Some(line)) = stderr.next_line().await {
                let _ = send.send(line);
            }
        });
        let mut log = Vec::new();
        let serving = async {
            loop {
                let line = lines.recv().await.unwrap_or_else(|| panic!("it does not serve: {log:#?}"));
                let record: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no record: {line}"));
                log.push(line);
                if record["message"] == "serving" {
                    return record["operations"].as_str().unwrap().to_owned();
                }
            }
        };
        let operations = tokio::time::timeout(Duration::from_secs(20), serving).await.expect("the server starts");
        Node { issuer, port, operations: format!("http://{operations}"), child, lines, log, reading }
    }
}

/// A server in a process of its own.
struct Node {
    issuer: String,
    port: u16,
    operations: String,
    child: Child,
    lines: UnboundedReceiver<String>,
    log: Vec<String>,
    reading: JoinHandle<()>,
}

impl Node {
    /// Asks it to stop, as an operating system does.
    fn terminate(&self) {
        let id = i32::try_from(self.child.id().expect("it runs")).unwrap();
        signal::kill(Pid::from_raw(id), signal::Signal::SIGTERM).unwrap();
    }

    /// Waits for the end; the exit code and the whole log.
    async fn end(mut self) -> (Option<i32>, Vec<String>) {
        let status = tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await.expect("it stops").unwrap();
        self.reading.await.unwrap();
        while let Ok(line) = self.lines.try_recv() {
            self.log.push(line);
        }
        (status.code(), self.log)
    }
}
