//! `ias apply` on a database: the demo's files, edits of them, and every way in which files are refused.

mod edits;
mod made_secrets;
mod refusals;
mod secrets;

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use ias::{
    base::{digest, secret::Secret, text::Language},
    flows::{
        admin::change::{Change, Kind},
        apply::{self, ApplyError, Options},
    },
    model::{
        client::{ClientType, TokenEndpointAuthMethod},
        environment::Environment,
        identity_provider::{DriverSettings, IdentityProviderKind},
        settings::production,
    },
    store::{configuration, snapshot},
};
use sqlx::PgPool;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime, macros::datetime};

use crate::support::database::TestDatabase;

const NOW: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);
const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo");
const ANCHOR: &str = include_str!("../../data/simulator_anchor.pem");

/// A database and a folder of files that are applied to it.
struct Stage {
    database: TestDatabase,
    pool: PgPool,
    folder: TempDir,
    environment: Environment,
    now: OffsetDateTime,
}

impl Stage {
    async fn new(environment: Environment) -> Self {
        let database = TestDatabase::new().await;
        let pool = database.serving_pool().await;
        Self { database, pool, folder: tempfile::tempdir().unwrap(), environment, now: NOW }
    }

    /// A stage with the demo's files in its folder.
    async fn with_demo() -> Self {
        let stage = Self::new(Environment::Development).await;
        for entry in fs::read_dir(DEMO).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), stage.folder.path().join(entry.file_name())).unwrap();
        }
        stage
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).unwrap();
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.folder.path().join(file)).unwrap();
        assert!(text.contains(from), "{file} holds {from}");
        self.write(file, &text.replacen(from, to, 1));
    }

    async fn apply(&self) -> Result<Vec<Change>, ApplyError> {
        self.apply_path(self.folder.path()).await
    }

    async fn apply_path(&self, path: &Path) -> Result<Vec<Change>, ApplyError> {
        let variables = variables();
        let options = Options { environment: self.environment, now: self.now, variables: &variables, secret: &secret };
        apply::apply(&self.pool, path, options).await
    }

    /// What the files are refused for, without the folder's name.
    async fn faults(&self) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        match self.apply().await {
            Err(ApplyError::Faults(faults)) => faults.iter().map(|fault| fault.to_string().replace(&folder, "")).collect(),
            other => panic!("the files are faulty, but: {other:?}"),
        }
    }

    async fn version(&self) -> i64 {
        configuration::version(&self.pool).await.unwrap()
    }
}

fn variables() -> BTreeMap<String, String> {
    let variables = [
        ("APP", "http://localhost:8072"),
        ("SIMULATOR", "http://localhost:8090"),
        ("SIMULATOR_TLS_ROOTS", ""),
        ("SIMULATOR_ANCHORS", ANCHOR),
        ("SIMULATOR_INTERMEDIATES", ANCHOR),
        ("SIMULATOR_APP_INTERMEDIATES", ANCHOR),
        ("SIMULATOR_CARD_INTERMEDIATES", ANCHOR),
        ("CARD_HOST", "https://localhost:8091"),
        ("CONFORMANCE_CALLBACK", "https://localhost.emobix.co.uk:8443/test/a/ias/callback"),
        ("CONFORMANCE_LOGOUT", "https://localhost.emobix.co.uk:8443/test/a/ias/post_logout_redirect"),
    ];
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// A secret of 43 characters for each name that ends in `_SECRET`.
fn secret(name: &str) -> Option<Secret<String>> {
    let text = || digest::base64url(digest::sha256(&[name.as_bytes()]));
    name.ends_with("_SECRET").then(|| Secret::new(text()))
}

fn hash_of(name: &str) -> [u8; 32] {
    digest::sha256(&[secret(name).unwrap().expose().as_bytes()])
}

fn changed(changes: &[Change]) -> Vec<String> {
    changes.iter().filter(|change| change.kind != Kind::Unchanged).map(ToString::to_string).collect()
}

const MYORG: &str = r#"
organisations:
  - domain: myorg.is
    national_id: "4099000019"
    display_name: {is: Stofnunin mín}
"#;

fn client(lines: &str) -> String {
    let secret = "secrets: [{label: a, value_env: A_SECRET}]";
    format!(
        "clients:\n  - client_id: \"@myorg.is/a\"\n    client_type: web\n    display_name: {{is: A}}\n    {secret}\n{lines}"
    )
}
