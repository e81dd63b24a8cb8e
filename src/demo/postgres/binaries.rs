//! Where the binaries of Postgres are.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Options, download, error::StartError};

/// The oldest major version whose SQL we speak.
pub(super) const OLDEST_MAJOR: u32 = 15;

/// Directories of which each entry is named after a version and has `bin` in it, or is one itself.
const VERSIONED: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// A directory with `postgres` and `initdb`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Binaries {
    /// The version, first so that the newest sorts last.
    pub(super) major: u32,
    /// Where they are.
    pub(super) dir: PathBuf,
}

impl Binaries {
    /// Given, found, fetched before, or fetched now; a cluster runs only with the major version that made it.
    pub(super) fn obtain(options: &Options, cluster: Option<u32>, progress: &dyn Fn(&str)) -> Result<Self, StartError> {
        let fits = |binaries: &Self| cluster.is_none_or(|major| major == binaries.major);
        let wrong_major = |major| StartError::WrongMajor { dir: options.data_dir.clone(), major };
        if let Some(dir) = &options.bin_dir {
            let given = Self::in_dir(dir).ok_or_else(|| StartError::BinDir(dir.clone()))?;
            return if fits(&given) { Ok(given) } else { Err(wrong_major(cluster.unwrap_or(given.major))) };
        }
        if let Some(found) = newest(&candidates(), fits) {
            return Ok(found);
        }
        match cluster {
            Some(major) if major != download::MAJOR => Err(wrong_major(major)),
            _ => download::obtain(options.download_dir.as_ref().unwrap_or(&options.data_dir), progress),
        }
    }

    /// The binaries of this directory, if they are there, run, and are new enough.
    pub(super) fn in_dir(dir: &Path) -> Option<Self> {
        // A link in PATH leads to the directory where the rest of the installation is.
        let postgres = dir.join("postgres").canonicalize().ok()?;
        let dir = postgres.parent()?.to_owned();
        let output = Command::new(&postgres).arg("--version").output().ok()?;
        let major = major(&String::from_utf8_lossy(&output.stdout))?;
        (major >= OLDEST_MAJOR && dir.join("initdb").exists()).then_some(Self { major, dir })
    }

    /// One of the programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

fn newest(candidates: &BTreeSet<PathBuf>, fits: impl Fn(&Binaries) -> bool) -> Option<Binaries> {
    candidates.iter().filter_map(|dir| Binaries::in_dir(dir)).filter(|binaries| fits(binaries)).max()
}

fn candidates() -> BTreeSet<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut dirs: BTreeSet<PathBuf> = env::split_paths(&path).collect();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        dirs.insert(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    for (parent, prefix, bin) in VERSIONED {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        let versions = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
        dirs.extend(versions.map(|entry| entry.path().join(bin)));
    }
    dirs.retain(|dir| dir.is_absolute() && dir.join("postgres").exists());
    dirs
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn major(version: &str) -> Option<u32> {
    let number = version.strip_prefix("postgres (PostgreSQL) ")?;
    number.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_postgres_says() {
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18.4\n"), Some(18));
        assert_eq!(major("postgres (PostgreSQL) 19beta1\n"), Some(19));
        assert_eq!(major("sh: postgres: not found\n"), None);
    }

    #[test]
    fn a_given_directory_without_binaries_is_refused() {
        let empty = tempfile::tempdir().unwrap();
        let options = Options { bin_dir: Some(empty.path().to_owned()), ..Options::new(empty.path()) };
        let error = Binaries::obtain(&options, None, &|_| {}).unwrap_err();
        assert!(matches!(&error, StartError::BinDir(dir) if dir == empty.path()), "{error}");
    }
}
