//! The command line: reads arguments and settings, calls one thing, and says what to type where something is missing.

mod apply;
#[cfg(feature = "demo")]
mod bench;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
#[cfg(feature = "demo")]
mod eid_simulator;
mod evidence;
mod keys;
mod live_state;
mod migrate;
mod node;
mod outward;
mod place;
mod secrets;
mod serve;

use std::{ffi::OsString, io::Write as _, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{Purpose, Settings, Sources};

/// An OpenID Connect identity provider for a nation.
#[derive(Debug, Parser)]
#[command(name = "ias", version, about, max_term_width = 100)]
struct Arguments {
    /// A TOML file with settings, above the defaults and below the environment variables IAS__SECTION__KEY
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve requests
    Serve(serve::Arguments),
    /// Start everything on this machine: database, server, electronic-ID simulator, example application
    #[cfg(feature = "demo")]
    Demo(demo::Arguments),
    /// Bring the database to this version's schema, as the role that owns it
    Migrate,
    /// Create or update organisations, scopes, API resources, clients and identity providers from YAML files
    Apply(apply::Arguments),
    /// Make, list or remove secrets of clients and API resources
    Secrets(secrets::Arguments),
    /// Look at the signing keys, announce a new one, or revoke one
    Keys(keys::Arguments),
    /// Open what is kept of a sign-in: challenge, signature, certificate and what was said of its revocation
    Evidence(evidence::Arguments),
    /// Block a person, let them sign in again, or close their telephone number to new browsers
    Person(live_state::Person),
    /// Make void what was given before a moment: to everybody, to a client, or in a person's name
    NotBefore(live_state::NotBefore),
    /// Run the electronic-ID simulator by itself
    #[cfg(feature = "demo")]
    EidSimulator(eid_simulator::Arguments),
    /// Measure what requests cost, on a server of its own or one that runs on this machine
    #[cfg(feature = "demo")]
    Bench(bench::Arguments),
    /// Check the settings and what they lead to, and list everything that is wrong
    Doctor(doctor::Arguments),
}

/// Runs the command of the process's arguments.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::from(error)),
    };
    let outcome = runtime.block_on(dispatch(arguments));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

async fn dispatch(arguments: Arguments) -> anyhow::Result<()> {
    let file = arguments.config;
    match arguments.command {
        Command::Serve(arguments) => serve::run(arguments, file).await,
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Migrate => migrate::run(file).await,
        Command::Apply(arguments) => apply::run(arguments, file).await,
        Command::Secrets(arguments) => secrets::run(arguments, file).await,
        Command::Keys(arguments) => keys::run(arguments, file).await,
        Command::Evidence(arguments) => evidence::run(arguments, file).await,
        Command::Person(arguments) => live_state::person(arguments, file).await,
        Command::NotBefore(arguments) => live_state::not_before(arguments, file).await,
        #[cfg(feature = "demo")]
        Command::EidSimulator(arguments) => eid_simulator::run(arguments).await,
        #[cfg(feature = "demo")]
        Command::Bench(arguments) => bench::run(arguments).await,
        Command::Doctor(arguments) => doctor::run(&arguments, file).await,
    }
}

fn settings(file: Option<PathBuf>, purpose: Purpose) -> anyhow::Result<Settings> {
    Ok(Settings::load(&Sources::of_process(file, purpose))?)
}

/// A line on standard output. A reader that has gone away is no fault of the command.
fn say(line: &str) {
    drop(writeln!(std::io::stdout().lock(), "{line}"));
}

fn fail(error: &anyhow::Error) -> ExitCode {
    // each cause once, without a backtrace: the reader wants to know what to do
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            let separator = if text.is_empty() { "" } else { ": " };
            text = format!("{text}{separator}{cause}");
        }
    }
    drop(writeln!(std::io::stderr().lock(), "ias: {text}"));
    ExitCode::FAILURE
}

/// The value of an environment variable, where it is set and readable.
fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(OsString::into_string).and_then(Result::ok).filter(|value| !value.is_empty())
}

/// Ends at Ctrl-C or the signal by which a process is asked to stop. Both are caught from the call on, not from the first wait:
/// a process that says that it serves is already one that stops in order.
fn stop_signal() -> impl Future<Output = ()> {
    let [interrupt, terminate] = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    async {
        tokio::select! {
            () = caught(interrupt) => {}
            () = caught(terminate) => {}
        }
    }
}

/// A signal that cannot be caught still ends the process, by itself.
async fn caught(signal: std::io::Result<Signal>) {
    match signal {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}
