//! Making a cluster: complete or not at all.

use std::{fs, path::Path, process::Stdio};

use super::{
    Durability,
    account::Account,
    binaries::Binaries,
    error::{StartError, at},
    state::{State, remove_if_there},
};

/// Who owns everything in the cluster.
pub(super) const SUPERUSER: &str = "postgres";

/// C.UTF-8 sorts by code point everywhere and knows the case of all letters; a machine without it gets plain C.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// Makes the cluster beside its place and moves it there, so that a start that was killed leaves nothing half-made.
pub(super) fn create(state: &State, binaries: &Binaries, account: &Account, durability: Durability) -> Result<(), StartError> {
    let password = state.draw_password()?;
    account.give(&password)?;
    let unfinished = state.unfinished_cluster();
    let mut outcome = Ok(());
    for locale in LOCALES {
        remove_if_there(&unfinished)?;
        outcome = initdb(state, binaries, account, &unfinished, &password, locale, durability);
        if outcome.is_ok() {
            break;
        }
    }
    outcome?;
    let cluster = state.cluster();
    fs::rename(&unfinished, &cluster).map_err(at(cluster))
}

fn initdb(
    state: &State,
    binaries: &Binaries,
    account: &Account,
    dir: &Path,
    password: &Path,
    locale: &str,
    durability: Durability,
) -> Result<(), StartError> {
    let program = binaries.program("initdb");
    let mut command = account.command(&program);
    command.arg("--pgdata").arg(dir).arg("--pwfile").arg(password).arg(format!("--locale={locale}"));
    command.args(["--username", SUPERUSER, "--encoding=UTF8", "--auth-host=scram-sha-256", "--no-instructions"]);
    command.args(match durability {
        Durability::Full => &["--auth-local=scram-sha-256"][..],
        // Tests connect often, and to prove a password takes an unoptimised client 60 ms; the socket's directory is closed.
        Durability::None => &["--auth-local=trust", "--no-sync"],
    });
    let output = command.current_dir(state.root()).env("LC_ALL", "C").stdin(Stdio::null()).output().map_err(at(program))?;
    if output.status.success() {
        return Ok(());
    }
    Err(StartError::Failed { program: "initdb", output: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}
