//! What the demo stands on, for processes that are started one by one: database, configuration, simulated electronic IDs. `ias
//! bench` measures a server on it.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context as _;
use serde_json::Value;
use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{Addresses, WEBAPP, configuration, database, state::State};
use crate::{
    base::{clock::Clock, digest, seal::SealingKey, secret::Secret},
    demo::{
        bench::target::Client,
        eid_simulator::{self, AppOptions, Mode, RelyingParty, Simulator},
        postgres::{self, Postgres, StartError},
    },
    keys::ring::KeyRing,
    model::refresh_token::RefreshTokenKey,
    store::{migrations, roles::ServingRole},
};

/// The demo's machine.
const WORKER: &str = "@myorg.is/worker";
/// As the settings have it where nothing is said.
const MASTER_KEY_ID: u32 = 1;
/// Where the demo's web client is called back; nobody listens there.
const CALLBACK: &str = "https://app.myorg.is/oauth/callback";
/// Nobody listens at the demo's own application, either.
const NOBODY: &str = "http://localhost:1";

/// The stage, in a directory of a demo.
pub(in crate::cli) struct Stage {
    state: State,
    /// signs in as the role that owns the tables
    pub(in crate::cli) owner: PgConnectOptions,
    /// the first process of its Postgres
    pub(in crate::cli) postgres: Option<u32>,
    server: Postgres,
}

impl Stage {
    /// A new one, in place of what a demo has left in the directory: a durable Postgres that counts statements where it can.
    pub(in crate::cli) async fn build(directory: &Path, progress: fn(&str)) -> anyhow::Result<Self> {
        State::discard(directory)?;
        let state = State::open(directory)?;
        let mut options = postgres::Options::new(directory);
        options.settings.push("shared_preload_libraries=pg_stat_statements".to_owned());
        let server = match postgres::start(options.clone(), progress).await {
            // the library belongs to a package that not every installation has
            Err(StartError::Failed { .. }) => {
                options.settings.clear();
                postgres::start(options, progress).await?
            }
            started => started?,
        };
        migrations::create_database(&server.superuser(), database::NAME).await?;
        let owner = server.superuser().database(database::NAME);
        let role = ServingRole { name: state.serving_role().to_owned(), password: Some(state.serving_password()) };
        migrations::migrate(&owner, &role).await?;
        Ok(Self { postgres: server.pid(), state, owner, server })
    }

    /// That of a demo that runs.
    pub(in crate::cli) async fn of_demo(directory: &Path) -> anyhow::Result<Self> {
        let state = State::existing(directory)?;
        let server = postgres::attach(directory).await?;
        let server = server.with_context(|| format!("no demo with a Postgres of its own runs in {}", directory.display()))?;
        Ok(Self { postgres: server.pid(), state, owner: server.superuser().database(database::NAME), server })
    }

    /// Applies the demo's configuration for a server and a simulator at these addresses.
    pub(in crate::cli) async fn configure(&self, directory: &Path, issuer: &str, simulator: &str) -> anyhow::Result<()> {
        let addresses = Addresses {
            issuer: issuer.to_owned(),
            simulator: simulator.to_owned(),
            webapp: NOBODY.to_owned(),
            card: "https://localhost:1".to_owned(),
            authority: None,
        };
        let options = eid_simulator::Options {
            data_dir: directory.join("eid-simulator"),
            public_url: simulator.to_owned(),
            relying_party: RelyingParty::default(),
            mode: Mode::Auto { delay_ms: 0..=0 },
            control_token: self.state.control_token(),
            clock: Clock::System,
            apps: AppOptions::default(),
        };
        // not to answer, only for its certificates: the process that answers finds them where they are
        let simulator = Simulator::new(options).await.context("the electronic-ID simulator cannot start")?;
        configuration::apply(&self.owner, &addresses, &simulator, &self.state, None, directory).await
    }

    /// The settings of a server on this stage, as variables.
    pub(in crate::cli) fn variables(&self, issuer: &str) -> anyhow::Result<BTreeMap<&'static str, String>> {
        let serving = database::serving(self.owner.clone(), &self.state);
        Ok(BTreeMap::from([
            ("IAS__ENVIRONMENT", "development".to_owned()),
            ("IAS__SERVER__ISSUER", issuer.to_owned()),
            ("IAS__DATABASE__URL", serving.to_url_lossy().to_string()),
            ("IAS__DATABASE__SERVING_ROLE", self.state.serving_role().to_owned()),
            ("IAS__KEYS__MASTER_KEY", digest::base64(self.state.master_key()?.expose())),
        ]))
    }

    /// The role by which a server's statements are known.
    pub(in crate::cli) fn serving_role(&self) -> String {
        self.state.serving_role().to_owned()
    }

    /// What opens the simulator's control API.
    pub(in crate::cli) fn control_token(&self) -> Secret<String> {
        self.state.control_token()
    }

    /// The clients that a bench is: one that people sign in to, and a machine.
    pub(in crate::cli) fn clients(&self) -> anyhow::Result<(Client, Client)> {
        let client = |id: &str, scope: &str| -> anyhow::Result<Client> {
            let secret = self.state.client_secret(id).with_context(|| format!("{id} has no secret"))?;
            Ok(Client { id: id.to_owned(), secret, redirect_uri: CALLBACK.to_owned(), scope: scope.to_owned() })
        };
        let web = client(WEBAPP, "openid profile @myorg.is/documents:read")?;
        Ok((web, client(WORKER, "@myorg.is/documents:read")?))
    }

    /// The key of the refresh tokens, which a server has made at its first start.
    pub(in crate::cli) async fn refresh_tokens(&self) -> anyhow::Result<RefreshTokenKey> {
        let pool = PgPoolOptions::new().max_connections(1).connect_with(self.owner.clone()).await?;
        let master = SealingKey::new(MASTER_KEY_ID, self.state.master_key()?);
        let keys = KeyRing::load(&pool, &master).await;
        pool.close().await;
        let keys = keys?;
        let key = keys.refresh_tokens();
        Ok(RefreshTokenKey { id: key.id, key: key.key.clone() })
    }

    /// Stops a Postgres of our own.
    pub(in crate::cli) async fn stop(self) -> anyhow::Result<()> {
        Ok(self.server.stop().await?)
    }
}

/// Where the simulator of a demo that runs is controlled.
pub(in crate::cli) fn control_of_demo(directory: &Path) -> anyhow::Result<String> {
    let path = directory.join(super::report::FILE);
    let text = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let demo: Value = serde_json::from_slice(&text)?;
    let control = demo.pointer("/simulator/control").and_then(Value::as_str);
    control.map(ToOwned::to_owned).with_context(|| format!("{} names no simulator", path.display()))
}
