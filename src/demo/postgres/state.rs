//! Where things lie in the data directory, and who may touch them.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::error::{StartError, at};
use crate::base::{digest, entropy, secret::Secret};

/// The paths of one cluster and what belongs to it.
#[derive(Clone, Debug)]
pub(super) struct State {
    data_dir: PathBuf,
    root: PathBuf,
}

/// Held by the owner of the server for as long as it owns it; the system releases it however the process ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl State {
    /// Makes the directories that are missing. `postgres/` is closed to others: the socket lies in it.
    pub(super) fn create(data_dir: &Path) -> Result<Self, StartError> {
        fs::create_dir_all(data_dir).map_err(at(data_dir))?;
        let state = Self::in_dir(data_dir)?;
        match DirBuilder::new().mode(0o700).create(&state.root) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(at(&state.root)(error)),
            _ => Ok(state),
        }
    }

    /// What an earlier run left, if anything.
    pub(super) fn find(data_dir: &Path) -> Result<Option<Self>, StartError> {
        if !data_dir.join("postgres").exists() {
            return Ok(None);
        }
        Self::in_dir(data_dir).map(Some)
    }

    fn in_dir(data_dir: &Path) -> Result<Self, StartError> {
        let data_dir = data_dir.canonicalize().map_err(at(data_dir))?;
        Ok(Self { root: data_dir.join("postgres"), data_dir })
    }

    /// The directory that was given.
    pub(super) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Our part of it.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The cluster.
    pub(super) fn cluster(&self) -> PathBuf {
        self.root.join("cluster")
    }

    /// The cluster while it is being made.
    pub(super) fn unfinished_cluster(&self) -> PathBuf {
        self.root.join("cluster.new")
    }

    /// What the server says; of its last run only.
    pub(super) fn log_file(&self) -> PathBuf {
        self.root.join("server.log")
    }

    /// The superuser's password.
    pub(super) fn password_file(&self) -> PathBuf {
        self.root.join("password")
    }

    /// The lock, unless another process holds it.
    pub(super) fn try_lock(&self) -> Result<Option<Lock>, StartError> {
        let path = self.root.join("lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(at(&path))?;
        match file.try_lock() {
            // Whoever held it before may have removed the file.
            Ok(()) if inode(&file.metadata()) == inode(&fs::metadata(&path)) => Ok(Some(Lock(file))),
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(at(path)(error)),
        }
    }

    /// The major version that made the cluster, if there is one.
    pub(super) fn cluster_major(&self) -> Result<Option<u32>, StartError> {
        let path = self.cluster().join("PG_VERSION");
        match fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse() {
                Ok(major) => Ok(Some(major)),
                Err(_) => Err(at(path)(ErrorKind::InvalidData.into())),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(path)(error)),
        }
    }

    /// Draws a password for a new cluster and keeps it in a file that only its owner reads.
    pub(super) fn draw_password(&self) -> Result<PathBuf, StartError> {
        let path = self.password_file();
        let write = || {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(digest::base64url(entropy::bytes::<32>()).as_bytes())?;
            file.sync_all()
        };
        write().map_err(at(&path))?;
        Ok(path)
    }

    /// The superuser's password.
    pub(super) fn password(&self) -> Result<Secret<String>, StartError> {
        let path = self.password_file();
        fs::read_to_string(&path).map(Secret::new).map_err(at(path))
    }

    /// Removes everything of ours, and no more than that.
    pub(super) fn remove(&self) -> Result<(), StartError> {
        fs::remove_dir_all(&self.root).map_err(at(&self.root))
    }
}

fn inode(metadata: &io::Result<Metadata>) -> Option<u64> {
    metadata.as_ref().ok().map(Metadata::ino)
}

/// Removes a directory that may not be there.
pub(super) fn remove_if_there(dir: &Path) -> Result<(), StartError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at(dir)(error)),
        _ => Ok(()),
    }
}
