//! A directory for a database or a demo.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use ias::demo::postgres::{self, Options};
use nix::unistd::Pid;

use crate::support::database::Directory;

/// A directory that is removed with the value.
pub struct Dir(Directory);

impl Dir {
    pub fn new() -> Self {
        Self(Directory::new())
    }

    pub fn path(&self) -> &Path {
        &self.0.path
    }

    pub fn options(&self) -> Options {
        Options { download_dir: Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))), ..Options::new(self.path()) }
    }

    /// The server that runs here.
    pub fn pid(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.path().join("postgres/cluster/postmaster.pid")).ok()?;
        text.lines().next()?.parse().ok().map(Pid::from_raw)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = postgres::discard_blocking(self.path());
        let _ = fs::remove_dir_all(self.path());
    }
}
