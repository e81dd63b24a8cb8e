//! The demo's directory and the secrets in it: made at the first start, the same over every restart, readable by their owner alone.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::{
    base::{digest, entropy, secret::Secret},
    demo::{postgres, tls},
};

/// Whose secrets are kept, and the names that the files of config/demo give them.
const SECRETS: [(&str, &str); 8] = [
    ("@myorg.is/webapp", "WEBAPP_SECRET"),
    ("@myorg.is/delegations", "DELEGATIONS_SECRET"),
    ("@myorg.is/worker", "WORKER_SECRET"),
    ("@otherorg.is/portal", "PORTAL_SECRET"),
    ("@otherorg.is/cases-api", "CASES_API_SECRET"),
    ("@conformance.is/basic-1", "CONFORMANCE_BASIC_1_SECRET"),
    ("@conformance.is/basic-2", "CONFORMANCE_BASIC_2_SECRET"),
    ("@conformance.is/post", "CONFORMANCE_POST_SECRET"),
];
const FILE: &str = "state.json";
/// All that a demo leaves in its directory, fetched binaries of Postgres (`postgresql-…`) apart.
const ENTRIES: [&str; 8] =
    ["config", "demo.json", "demo.json.new", "eid-simulator", "ias.log", "postgres", FILE, "state.json.new"];

/// What is kept.
pub(super) struct State {
    path: PathBuf,
    stored: Stored,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    master_key: String,
    serving_password: String,
    control_token: String,
    /// Roles belong to a whole server, and each demo that uses one knows its own password only.
    serving_role: String,
    client_secrets: BTreeMap<String, String>,
    issuer: Option<String>,
}

impl State {
    /// The state of a directory, made where it is missing.
    pub(super) fn open(directory: &Path) -> anyhow::Result<Self> {
        if directory.join(FILE).exists() {
            return Self::existing(directory);
        }
        ensure_ours(directory)?;
        // whoever may not look into it can pass: root's Postgres runs as another account
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o711)
            .create(directory)
            .with_context(|| format!("{} cannot be made; choose another with --data-dir", directory.display()))?;
        let secret = || digest::base64url(entropy::bytes::<32>());
        let stored = Stored {
            master_key: digest::base64(entropy::bytes::<32>()),
            serving_password: secret(),
            control_token: secret(),
            serving_role: format!("ias_demo_{:08x}", u32::from_be_bytes(entropy::bytes())),
            client_secrets: SECRETS.into_iter().map(|(_, name)| (name.to_owned(), format!("ias_cs_{}", secret()))).collect(),
            issuer: None,
        };
        let state = Self { path: directory.join(FILE), stored };
        state.save()?;
        Ok(state)
    }

    /// The state of a directory in which a demo has run.
    pub(super) fn existing(directory: &Path) -> anyhow::Result<Self> {
        let path = directory.join(FILE);
        let text = fs::read(&path).with_context(|| {
            format!("no demo has run in {0}; start one with `ias demo --data-dir {0}`", directory.display())
        })?;
        let stored = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not of this version; begin anew with `ias demo --fresh`", path.display()))?;
        Ok(Self { path, stored })
    }

    /// Removes what a demo left in a directory. Where anything else is in it, nothing is removed.
    pub(super) fn discard(directory: &Path) -> anyhow::Result<()> {
        ensure_ours(directory)?;
        postgres::discard_blocking(directory)?;
        for path in entries(directory)? {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.with_context(|| format!("{} cannot be removed", path.display()))?;
        }
        Ok(())
    }

    /// Keeps the issuer, so that a further node can join.
    pub(super) fn remember_issuer(&mut self, issuer: &str) -> anyhow::Result<()> {
        self.stored.issuer = Some(issuer.to_owned());
        self.save()
    }

    pub(super) fn issuer(&self) -> anyhow::Result<String> {
        self.stored.issuer.clone().context("the demo of this directory has never been ready; start it first")
    }

    pub(super) fn master_key(&self) -> anyhow::Result<Secret<[u8; 32]>> {
        let bytes = digest::from_base64(&self.stored.master_key).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Secret::new).with_context(|| format!("the master key in {} is damaged", self.path.display()))
    }

    /// The role that the demo's nodes are in the database.
    pub(super) fn serving_role(&self) -> &str {
        &self.stored.serving_role
    }

    pub(super) fn serving_password(&self) -> Secret<String> {
        Secret::new(self.stored.serving_password.clone())
    }

    pub(super) fn control_token(&self) -> Secret<String> {
        Secret::new(self.stored.control_token.clone())
    }

    /// The secret that the files call `name`.
    pub(super) fn secret(&self, name: &str) -> Option<Secret<String>> {
        self.stored.client_secrets.get(name).cloned().map(Secret::new)
    }

    /// The secret of a client, by its client id; none for a native one.
    pub(super) fn client_secret(&self, client_id: &str) -> Option<Secret<String>> {
        SECRETS.iter().find(|(owner, _)| *owner == client_id).and_then(|(_, name)| self.secret(name))
    }

    /// Whole or not at all.
    fn save(&self) -> anyhow::Result<()> {
        let next = self.path.with_extension("json.new");
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        file.write_all(&serde_json::to_vec_pretty(&self.stored)?)?;
        file.sync_all()?;
        fs::rename(&next, &self.path)?;
        Ok(())
    }
}

/// Refuses a directory with anything in it that no demo makes: it is somebody's own.
fn ensure_ours(directory: &Path) -> anyhow::Result<()> {
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        ENTRIES.contains(&name) || tls::FILES.contains(&name) || name.starts_with("postgresql-")
    };
    match entries(directory)?.iter().find(|path| !is_ours(path)) {
        Some(foreign) => anyhow::bail!(
            "{} is no demo's directory: {} is in it; choose another with --data-dir",
            directory.display(),
            foreign.display()
        ),
        None => Ok(()),
    }
}

/// What is in a directory; nothing where there is none.
fn entries(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let read = || fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>();
    read().with_context(|| format!("{} cannot be read; choose another with --data-dir", directory.display()))
}
