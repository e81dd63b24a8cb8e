//! The demo's secrets: made at the first start, the same over every restart, readable by their owner alone.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::base::{digest, entropy, secret::Secret};

/// The clients' secrets, by the names that config/demo/clients.yaml gives them.
const CLIENT_SECRETS: [&str; 8] = [
    "WEBAPP_SECRET",
    "DELEGATIONS_SECRET",
    "WORKER_SECRET",
    "PORTAL_SECRET",
    "CONFORMANCE_BASIC_1_SECRET",
    "CONFORMANCE_BASIC_2_SECRET",
    "CONFORMANCE_POST_SECRET",
    "CASES_API_SECRET",
];
const FILE: &str = "state.json";

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
    client_secrets: BTreeMap<String, String>,
    issuer: Option<String>,
}

impl State {
    /// The state of a directory, made where it is missing.
    pub(super) fn open(directory: &Path) -> anyhow::Result<Self> {
        if directory.join(FILE).exists() {
            return Self::existing(directory);
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .with_context(|| format!("{} cannot be made; choose another with --data-dir", directory.display()))?;
        let secret = || digest::base64url(entropy::bytes::<32>());
        let stored = Stored {
            master_key: digest::base64(entropy::bytes::<32>()),
            serving_password: secret(),
            control_token: secret(),
            client_secrets: CLIENT_SECRETS.into_iter().map(|name| (name.to_owned(), format!("ias_cs_{}", secret()))).collect(),
            issuer: None,
        };
        let state = Self { path: directory.join(FILE), stored };
        state.save()?;
        Ok(state)
    }

    /// The state of a directory in which a demo has run.
    pub(super) fn existing(directory: &Path) -> anyhow::Result<Self> {
        let path = directory.join(FILE);
        let text = fs::read(&path)
            .with_context(|| format!("no demo has run in {}; start one with `ias demo --data-dir DIR`", directory.display()))?;
        let stored = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not of this version; begin anew with `ias demo --fresh`", path.display()))?;
        Ok(Self { path, stored })
    }

    /// Keeps the issuer, so that a further node can join.
    pub(super) fn remember_issuer(&mut self, issuer: &str) -> anyhow::Result<()> {
        self.stored.issuer = Some(issuer.to_owned());
        self.save()
    }

    pub(super) fn issuer(&self) -> anyhow::Result<String> {
        self.stored.issuer.clone().context("the demo of this directory has never been ready; start it first")
    }

    pub(super) fn master_key(&self) -> Secret<[u8; 32]> {
        let bytes = digest::from_base64(&self.stored.master_key).and_then(|bytes| bytes.try_into().ok());
        Secret::new(bytes.unwrap_or_default())
    }

    pub(super) fn serving_password(&self) -> Secret<String> {
        Secret::new(self.stored.serving_password.clone())
    }

    pub(super) fn control_token(&self) -> Secret<String> {
        Secret::new(self.stored.control_token.clone())
    }

    /// The secret that the files call `name`.
    pub(super) fn client_secret(&self, name: &str) -> Secret<String> {
        Secret::new(self.stored.client_secrets.get(name).cloned().unwrap_or_default())
    }

    /// The secret of a demo client by its client id; none for a native one.
    pub(super) fn secret_of(&self, client_id: &str) -> Option<&str> {
        let name = match client_id {
            "@myorg.is/webapp" => "WEBAPP_SECRET",
            "@myorg.is/delegations" => "DELEGATIONS_SECRET",
            "@myorg.is/worker" => "WORKER_SECRET",
            "@otherorg.is/portal" => "PORTAL_SECRET",
            "@conformance.is/basic-1" => "CONFORMANCE_BASIC_1_SECRET",
            "@conformance.is/basic-2" => "CONFORMANCE_BASIC_2_SECRET",
            "@conformance.is/post" => "CONFORMANCE_POST_SECRET",
            _ => return None,
        };
        self.stored.client_secrets.get(name).map(String::as_str)
    }

    /// Whole or not at all.
    fn save(&self) -> anyhow::Result<()> {
        let next = self.path.with_extension("new");
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        file.write_all(&serde_json::to_vec_pretty(&self.stored)?)?;
        file.sync_all()?;
        fs::rename(&next, &self.path)?;
        Ok(())
    }
}
