//! The demo's organisations, clients and scopes: the files of config/demo, which the binary carries, applied as any others.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use url::Url;

use super::{Addresses, state::State};
use crate::{
    base::clock::Clock,
    config::environment::Environment,
    demo::eid_simulator::{BROKER_CLIENT_SECRET, Simulator},
    flows::apply::{self, Options},
};

const FILES: [(&str, &str); 5] = [
    ("api_resources.yaml", include_str!("../../../config/demo/api_resources.yaml")),
    ("clients.yaml", include_str!("../../../config/demo/clients.yaml")),
    ("identity_providers.yaml", include_str!("../../../config/demo/identity_providers.yaml")),
    ("organisations.yaml", include_str!("../../../config/demo/organisations.yaml")),
    ("scopes.yaml", include_str!("../../../config/demo/scopes.yaml")),
];

/// Where a demo's nodes find what proves to upstream providers who they are.
pub(super) fn secrets(data_dir: &Path) -> PathBuf {
    data_dir.join("config").join("secrets")
}

/// Applies the files, with the addresses of this run.
pub(super) async fn apply(
    owner: &PgConnectOptions,
    addresses: &Addresses,
    simulator: &Simulator,
    state: &State,
    conformance_base: Option<&Url>,
    data_dir: &Path,
) -> anyhow::Result<()> {
    let folder = data_dir.join("config");
    fs::create_dir_all(&folder)?;
    for (name, text) in FILES {
        fs::write(folder.join(name), text)?;
    }
    let secrets = secrets(data_dir);
    fs::create_dir_all(&secrets)?;
    fs::write(secrets.join("broker"), BROKER_CLIENT_SECRET)?;
    let (callback, logout) = match conformance_base {
        Some(base) => {
            let base = base.as_str().trim_end_matches('/');
            (format!("{base}/callback"), format!("{base}/post_logout_redirect"))
        }
        None => (format!("{}/oauth/callback", addresses.webapp), format!("{}/", addresses.webapp)),
    };
    let variables = BTreeMap::from([
        ("APP".to_owned(), addresses.webapp.clone()),
        ("SIMULATOR".to_owned(), addresses.simulator.clone()),
        ("SIMULATOR_TLS_ROOTS".to_owned(), addresses.trusted_roots().to_owned()),
        ("SIMULATOR_ANCHORS".to_owned(), simulator.anchors_pem()),
        ("SIMULATOR_INTERMEDIATES".to_owned(), simulator.intermediates_pem()),
        ("SIMULATOR_APP_INTERMEDIATES".to_owned(), simulator.app_intermediates_pem()),
        ("SIMULATOR_CARD_INTERMEDIATES".to_owned(), simulator.card_intermediates_pem()),
        ("CARD_HOST".to_owned(), addresses.card.clone()),
        ("CONFORMANCE_CALLBACK".to_owned(), callback),
        ("CONFORMANCE_LOGOUT".to_owned(), logout),
    ]);
    let pool = PgPoolOptions::new().max_connections(1).connect_with(owner.clone()).await?;
    let options = Options {
        environment: Environment::Development,
        now: Clock::System.now(),
        variables: &variables,
        secret: &|name| state.secret(name),
    };
    let applied = apply::apply(&pool, &folder, options).await;
    pool.close().await;
    applied.map(drop).context("the demo's configuration cannot be applied")
}
