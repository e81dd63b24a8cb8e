//! `ias bench`: measures a server that it starts as a process of its own, or one that runs already on this machine.

use std::{
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use axum::http::Method;
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::oneshot,
};
use url::Url;

use super::{
    demo::stage::{self, Stage},
    say, stop_signal,
};
use crate::{
    demo::bench::{
        families::Families,
        http::{Call, Http},
        operations::{self, OPERATIONS, Operation},
        process,
        report::{Report, Start},
        rounds::{self, Outcome, Plan},
        target::{self, Processes, Target},
    },
    model::urls::path,
};

/// A server or simulator that has not answered by then never will.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a process that starts is asked: less than what its start may be off.
const GLANCE: Duration = Duration::from_millis(2);
/// So many people for each connection sign in one after another.
const PEOPLE_PER_CONNECTION: u32 = 4;
/// Between a line that begins with the one and a line that begins with the other, a page takes the tables.
const BEGIN: &str = "<!-- begin: written by `ias bench";
const END: &str = "<!-- end";
/// No limit that keeps people safe is reached by those who are made up.
const NO_LIMIT: &str = "1000000000";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Measure this one; may stand several times. All, unless told otherwise
    #[arg(long = "operation", value_name = "NAME", value_parser = operation)]
    operations: Vec<&'static Operation>,
    /// Connections at once
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    connections: u32,
    /// How long each operation is measured in each round
    #[arg(long, default_value_t = 5, value_name = "T", value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// How often each operation has its turn
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Families in the database before the first round
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    families: u32,
    /// Write all figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables to this page, too; between its lines `<!-- begin: written by `ias bench` -->` and `<!-- end -->`,
    /// where it has them
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Where database, keys and logs are kept meanwhile; on a real disk. What a demo or bench left there is removed first
    #[arg(long, default_value = ".ias-bench", value_name = "DIR")]
    data_dir: PathBuf,
    /// The server's executable, where it is not this one: a production build
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    program: Option<PathBuf>,
    /// Measure the server at this loopback address, over the database of a demo that runs
    #[arg(long, value_name = "URL", requires = "demo_dir")]
    server: Option<Url>,
    /// The directory of that demo
    #[arg(long, value_name = "DIR", requires = "server")]
    demo_dir: Option<PathBuf>,
    /// The process of that server: without it no processor time is told
    #[arg(long, value_name = "PID", requires = "server")]
    server_pid: Option<u32>,
}

fn operation(name: &str) -> Result<&'static Operation, String> {
    operations::find(name).ok_or_else(|| {
        let names: Vec<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
        format!("there are {}", names.join(", "))
    })
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    tokio::select! {
        () = stop_signal() => anyhow::bail!("stopped before the end: nothing was measured"),
        outcome = bench(arguments) => outcome,
    }
}

async fn bench(arguments: Arguments) -> anyhow::Result<()> {
    let operations = if arguments.operations.is_empty() { OPERATIONS.iter().collect() } else { arguments.operations.clone() };
    let plan = Plan {
        operations,
        connections: usize::try_from(arguments.connections)?,
        time: Duration::from_secs(arguments.seconds),
        rounds: arguments.rounds,
        families: usize::try_from(arguments.families)?,
    };
    let people = arguments.connections * PEOPLE_PER_CONNECTION;
    let scene = match (&arguments.server, &arguments.demo_dir) {
        (Some(server), Some(directory)) => Scene::of_demo(server, directory, arguments.server_pid, people).await?,
        _ => Scene::build(&arguments.data_dir, arguments.program.as_deref(), people).await?,
    };
    let outcome = on_one_thread(plan.clone(), scene.target).await?;
    let report = Report { plan: &plan, outcome: &outcome, start: scene.start, optimised: !cfg!(debug_assertions) };
    say(&format!("\n{}", report.markdown()));
    if let Some(file) = &arguments.json {
        write(file, &format!("{:#}\n", report.json()))?;
    }
    if let Some(file) = &arguments.markdown {
        let page = fs::read_to_string(file).unwrap_or_default();
        write(file, &on_page(&page, &report.markdown()))?;
    }
    if let Some(own) = scene.own {
        own.end().await?;
    }
    let failures = report.failures();
    anyhow::ensure!(failures == 0, "{failures} operations failed; the tables above say how");
    Ok(())
}

/// A page with new tables: whole, or between the lines that are meant for them.
fn on_page(page: &str, tables: &str) -> String {
    let place = page.split_once(BEGIN).and_then(|(before, rest)| {
        let (line, rest) = rest.split_once('\n')?;
        Some((before, line, rest.split_once(END)?.1))
    });
    match place {
        Some((before, line, after)) => format!("{before}{BEGIN}{line}\n\n{tables}\n\n{END}{after}"),
        None => format!("{tables}\n"),
    }
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}

/// The generator has one thread to itself: what wakes it up wakes nobody else.
async fn on_one_thread(plan: Plan, target: Target) -> anyhow::Result<Outcome> {
    let (send, receive) = oneshot::channel();
    std::thread::Builder::new().name("generator".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let outcome =
            runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(rounds::run(&plan, target, say)));
        drop(send.send(outcome));
    })?;
    receive.await.context("the generator has ended by itself")?
}

/// Everything that runs while it is measured.
struct Scene {
    target: Target,
    start: Option<Start>,
    /// none where others have started it
    own: Option<Own>,
}

struct Own {
    stage: Stage,
    /// server and simulator; killed with the value
    children: [Child; 2],
}

impl Scene {
    /// A server of our own, with database and simulator.
    async fn build(directory: &Path, program: Option<&Path>, people: u32) -> anyhow::Result<Self> {
        let this = std::env::current_exe()?;
        let stage = Stage::build(directory, say).await?;
        let ports = [free_port().await?, free_port().await?];
        let [issuer, simulator] = ports.map(|port| format!("http://localhost:{port}"));
        stage.configure(directory, &issuer, &simulator).await?;
        let mut eid = command(&this);
        eid.args([
            "eid-simulator",
            "--auto-approve",
            "--listen",
            &format!("127.0.0.1:{}", ports[1]),
            "--public-url",
            &simulator,
        ]);
        eid.arg("--data-dir").arg(directory.join("eid-simulator"));
        eid.env("EID_SIMULATOR_TOKEN", stage.control_token().expose());
        let eid = eid.stdout(Stdio::null()).spawn()?;
        let simulator_address = target::loopback(&simulator.parse()?)?;
        answers(simulator_address, &format!("localhost:{}", ports[1]), "/control/health").await.context("the simulator")?;

        let mut server = serve(program.unwrap_or(&this), &stage, &issuer, directory)?;
        let began = Instant::now();
        let server = server.spawn().context("the server cannot be started")?;
        let (address, host) = (target::loopback(&issuer.parse()?)?, format!("localhost:{}", ports[0]));
        answers(address, &host, path::OPENID_CONFIGURATION)
            .await
            .with_context(|| format!("the server; its log is {}", log(directory).display()))?;
        let millis = began.elapsed().as_secs_f64() * 1000.0;
        let phones = target::add_people(&format!("{simulator}/control"), &stage.control_token(), people).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let start = server.id().map(process::resident).transpose()?.map(|resident| Start { millis, resident });
        let processes = Processes { server: server.id(), postgres: stage.postgres, simulator: eid.id() };
        let target = target_of(&stage, (address, host), phones, processes).await?;
        Ok(Self { target, start, own: Some(Own { stage, children: [server, eid] }) })
    }

    /// A server that runs already.
    async fn of_demo(server: &Url, directory: &Path, pid: Option<u32>, people: u32) -> anyhow::Result<Self> {
        let address = target::loopback(server)?;
        let host = server.authority().to_owned();
        let stage = Stage::of_demo(directory).await?;
        let phones = target::add_people(&stage::control_of_demo(directory)?, &stage.control_token(), people).await?;
        let processes = Processes { server: pid, postgres: stage.postgres, simulator: None };
        let target = target_of(&stage, (address, host), phones, processes).await?;
        Ok(Self { target, start: None, own: None })
    }
}

impl Own {
    async fn end(self) -> anyhow::Result<()> {
        for mut child in self.children {
            child.kill().await?;
        }
        self.stage.stop().await
    }
}

async fn target_of(
    stage: &Stage,
    (address, host): (std::net::SocketAddr, String),
    phones: Vec<String>,
    processes: Processes,
) -> anyhow::Result<Target> {
    let (web, machine) = stage.clients()?;
    let families = Arc::new(Families::none(stage.refresh_tokens().await?));
    let (owner, serving_role) = (stage.owner.clone(), stage.serving_role());
    Ok(Target { address, host, web, machine, families, phones, processes, owner, serving_role })
}

/// A process of ours, with nothing of this one's own settings; it ends with us.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    let is_setting = |name: &OsString| name == "DATABASE_URL" || name.to_string_lossy().starts_with("IAS__");
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_setting(name)) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// The server, with the settings of every other but for the limits that keep strangers away.
fn serve(program: &Path, stage: &Stage, issuer: &str, directory: &Path) -> anyhow::Result<Command> {
    let listen = target::loopback(&issuer.parse()?)?.to_string();
    let mut command = command(program);
    command.args(["serve", "--listen", &listen]).envs(stage.variables(issuer)?);
    command.env("IAS__SERVER__OPERATIONS_LISTEN", "127.0.0.1:0").env("IAS__SERVER__MAX_CONNECTIONS_PER_ADDRESS", "2000");
    // as in production
    command.env("IAS__TELEMETRY__LOG_FORMAT", "json").env("IAS__TELEMETRY__LOG_FILTER", "info,sqlx=warn");
    for limit in ["ATTEMPTS_PER_NUMBER", "ATTEMPTS_PER_BROWSER", "ATTEMPTS_PER_ADDRESS", "MAX_OPEN_ATTEMPTS"] {
        command.env(format!("IAS__SIGN_IN__{limit}"), NO_LIMIT);
    }
    let log = log(directory);
    command.stderr(File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?);
    Ok(command)
}

fn log(directory: &Path) -> PathBuf {
    directory.join("ias.log")
}

/// Waits for the first answer, whatever it is.
async fn answers(address: std::net::SocketAddr, host: &str, target: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let call = Call { method: &Method::GET, target, headers: &[], form: None };
    while Http::new(address, host)?.send(call).await.is_err() {
        anyhow::ensure!(Instant::now() < deadline, "does not answer at {host}");
        tokio::time::sleep(GLANCE).await;
    }
    Ok(())
}

/// A port of the loopback that nobody has. Whoever takes it first has it; the next start chooses another.
async fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_written_where_a_page_wants_them() {
        let page = "# Costs\n\n<!-- begin: written by `ias bench --markdown` -->\nold\n<!-- end -->\n\nMore.\n";
        let written = on_page(page, "| new |");
        assert_eq!(written, page.replace("old\n", "\n| new |\n\n"));
        assert_eq!(on_page(&written, "| new |"), written, "again and again");
        assert_eq!(on_page("", "| new |"), "| new |\n");
        assert_eq!(on_page("notes", "| new |"), "| new |\n");
    }
}
