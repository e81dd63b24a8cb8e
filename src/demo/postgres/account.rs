//! Who Postgres runs as. It refuses to run as root, so root hands it to another account, or to a user namespace in which
//! root's files belong to `nobody`.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::Path,
    process::{Command, Stdio},
};

use nix::unistd::{User, geteuid};

use super::{
    binaries::Binaries,
    error::{StartError, at},
    state::State,
};

/// The user id that a namespace shows where the machine knows no `nobody`.
const NOBODY: u32 = 65534;

/// Who the programs of Postgres run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Account {
    /// Whoever runs us.
    Own,
    /// An account without rights, chosen by root.
    Other {
        /// For messages.
        name: String,
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
    },
    /// A user namespace where the only id is this one, which stands for root outside. Files stay root's.
    Namespace {
        /// User and group id inside; Postgres looks it up, so it must have a name.
        uid: u32,
    },
}

impl Account {
    /// The account that can reach directory and binaries: the cluster's owner, or else `postgres`, `nobody`, a namespace.
    pub(super) fn choose(state: &State, binaries: &Binaries) -> Result<Self, StartError> {
        if !geteuid().is_root() {
            return Ok(Self::Own);
        }
        let candidates = Self::candidates(state)?;
        match candidates.iter().find(|account| account.can_run(binaries, state.data_dir())) {
            Some(account) => Ok(account.clone()),
            None => Err(unreachable_for(&candidates, state.data_dir())),
        }
    }

    fn candidates(state: &State) -> Result<Vec<Self>, StartError> {
        let nobody = named("nobody");
        let namespace = Self::Namespace { uid: nobody.as_ref().map_or(NOBODY, |user| user.uid.as_raw()) };
        if state.cluster_major()?.is_some() {
            let cluster = state.cluster();
            let owner = fs::metadata(&cluster).map_err(at(cluster))?;
            return Ok(vec![match owner.uid() {
                0 => namespace,
                uid => Self::Other { name: format!("user {uid}"), uid, gid: owner.gid() },
            }]);
        }
        let accounts = [named("postgres"), nobody].into_iter().flatten();
        let other = |user: User| Self::Other { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw() };
        Ok(accounts.map(other).chain([namespace]).collect())
    }

    /// A command that runs a program as this account.
    pub(super) fn command(&self, program: impl AsRef<Path>) -> Command {
        match self {
            Self::Own => Command::new(program.as_ref()),
            Self::Other { uid, gid, .. } => {
                let mut command = Command::new(program.as_ref());
                command.uid(*uid).gid(*gid);
                command
            }
            Self::Namespace { uid } => {
                let mut command = Command::new("unshare");
                command.arg("--user").arg(format!("--map-user={uid}")).arg(format!("--map-group={uid}"));
                command.arg("--").arg(program.as_ref());
                command
            }
        }
    }

    /// Makes the account the owner of a file or directory.
    pub(super) fn give(&self, path: &Path) -> Result<(), StartError> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid, .. } => chown(path, Some(*uid), Some(*gid)).map_err(at(path)),
            // An earlier attempt may have given it away.
            Self::Namespace { .. } => chown(path, Some(0), Some(0)).map_err(at(path)),
        }
    }

    /// Whether the account exists here, reaches the directory and may run the binaries.
    fn can_run(&self, binaries: &Binaries, dir: &Path) -> bool {
        let mut command = self.command("/bin/sh");
        command.args(["-c", r#"cd "$1" && exec "$2" --version"#, "sh"]).arg(dir).arg(binaries.program("postgres"));
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    fn describe(&self) -> String {
        match self {
            Self::Own => "this account".to_owned(),
            Self::Other { name, .. } => format!("`{name}`"),
            Self::Namespace { .. } => "a user namespace (`unshare --user`)".to_owned(),
        }
    }
}

fn named(name: &str) -> Option<User> {
    User::from_name(name).ok().flatten().filter(|user| !user.uid.is_root())
}

fn unreachable_for(accounts: &[Account], dir: &Path) -> StartError {
    let closed = dir.ancestors().filter(|ancestor| is_closed(ancestor)).last();
    let remedy = match (accounts, closed) {
        ([Account::Namespace { .. }], _) => {
            "The files there are root's: allow user namespaces, or start afresh with `--fresh`".to_owned()
        }
        (_, Some(closed)) => format!("Open the way with `chmod o+x {}`, or choose another directory with `--data-dir`", closed.display()),
        (_, None) => "Start as an ordinary user, or choose another directory with `--data-dir`".to_owned(),
    };
    let accounts: Vec<String> = accounts.iter().map(Account::describe).collect();
    StartError::Unreachable { accounts: accounts.join(", "), dir: dir.to_owned(), remedy }
}

fn is_closed(dir: &Path) -> bool {
    fs::metadata(dir).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 == 0)
}
