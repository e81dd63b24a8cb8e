//! The hub: what every use case needs, assembled once. It holds no logic.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration as Monotonic, Instant},
};

use arc_swap::{ArcSwap, Guard};
use sqlx::PgPool;
use time::Duration;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    base::{clock::Clock, digest, entropy, id::IdentityProviderRowId, limiter::Limiter, recent::Recent, seal::SealingKey},
    config::Settings,
    keys::{KeyFault, ring::KeyRing},
    model::{
        scope::{OPENID, PROFILE},
        session::SessionLifetimes,
        signing_key::KeyLifetimes,
        urls::Urls,
    },
    outbound::{client::OutboundClient, eid::Driver},
    protocol::{
        jwk,
        metadata::{Capabilities, Metadata},
    },
    store::snapshot::{self, Snapshot},
    telemetry::metrics::Metrics,
};

/// A node does not serve from a configuration that it could not confirm for so long (decision F).
const CONFIRMATION_TTL: Monotonic = Monotonic::from_secs(3);

/// Everything, cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// What the hub holds.
pub struct Inner {
    /// as configured
    pub settings: Settings,
    /// our addresses
    pub urls: Urls,
    /// time
    pub clock: Clock,
    /// Postgres, as the serving role
    pub pool: PgPool,
    /// work in the background that a stop waits for
    pub tasks: TaskTracker,
    /// cancelled when the node begins to stop
    pub stopping: CancellationToken,
    /// of this process
    pub metrics: Metrics,
    /// failed client authentications, by client id and address (RAT-03)
    pub failed_authentications: Limiter<[u8; 32]>,
    /// requests ended by browsers in which nobody is signed in, by network: each writes a row (INT-06)
    pub anonymous_endings: Limiter<String>,
    /// SHA-256 of client and code challenge of the requests of the last minutes (AUT-06)
    pub code_challenges: Recent<[u8; 32]>,
    http: OutboundClient,
    master: SealingKey,
    configuration: ArcSwap<Configuration>,
    keys: ArcSwap<KeyRing>,
    confirmed: Mutex<Instant>,
}

/// A document that is the same for everybody until the configuration changes.
#[derive(Clone, Debug)]
pub struct Published {
    /// JSON
    pub body: Arc<[u8]>,
    /// strong entity tag, quoted
    pub etag: String,
}

/// One configuration, whole (decision F).
pub struct Configuration {
    snapshot: Snapshot,
    drivers: HashMap<IdentityProviderRowId, Driver>,
    /// /.well-known/openid-configuration
    pub discovery: Published,
    /// /.well-known/openid-configuration/jwks
    pub jwks: Published,
}

/// The server cannot start, or cannot take over a new configuration.
#[derive(Debug, thiserror::Error)]
pub enum AppFault {
    /// settings
    #[error("{0}")]
    Configuration(String),
    /// keys
    #[error(transparent)]
    Keys(#[from] KeyFault),
    /// database
    #[error("the database could not be read: {0}")]
    Store(#[from] sqlx::Error),
    /// the outbound client
    #[error("outgoing connections cannot be made: {0}")]
    Outbound(String),
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    /// Assembles a node over a migrated database whose keys exist.
    pub async fn new(settings: Settings, clock: Clock, pool: PgPool, metrics: Metrics) -> Result<Self, AppFault> {
        let master = settings.keys.master_key().map_err(|fault| AppFault::Configuration(fault.to_string()))?;
        let urls = Urls::new(settings.server.issuer.as_str());
        let http = OutboundClient::new().map_err(|fault| AppFault::Outbound(fault.to_string()))?;
        let keys = KeyRing::load(&pool, &master).await?;
        let confirmed = Instant::now();
        let snapshot = snapshot::load(&pool).await?;
        let configuration = Configuration::assemble(snapshot, &keys, &settings, &urls, &http, &clock);
        Ok(Self(Arc::new(Inner {
            urls,
            clock,
            pool,
            metrics,
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            failed_authentications: Limiter::new(20, Duration::minutes(1)),
            anonymous_endings: Limiter::new(settings.sign_in.attempts_per_address, settings.sign_in.attempts_window),
            code_challenges: Recent::new(50_000, Duration::minutes(5)),
            http,
            master,
            configuration: ArcSwap::from_pointee(configuration),
            keys: ArcSwap::new(keys),
            confirmed: Mutex::new(confirmed),
            settings,
        })))
    }
}

impl Inner {
    /// The configuration as this node knows it.
    pub fn configuration(&self) -> Guard<Arc<Configuration>> {
        self.configuration.load()
    }

    /// The keys as this node knows them.
    pub fn keys(&self) -> Guard<Arc<KeyRing>> {
        self.keys.load()
    }

    /// The key that seals keys.
    pub fn master(&self) -> &SealingKey {
        &self.master
    }

    /// How long sessions live.
    pub fn session_lifetimes(&self) -> SessionLifetimes {
        SessionLifetimes { idle: self.settings.session.idle_ttl, absolute: self.settings.session.absolute_ttl }
    }

    /// How long the parts of a signing key's life last.
    pub fn key_lifetimes(&self) -> KeyLifetimes {
        key_lifetimes(&self.settings)
    }

    /// Whether the configuration was confirmed lately; a node that lost its database stops to serve.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < CONFIRMATION_TTL
    }

    /// Confirms the configuration, and reads it and the keys anew where their version has changed.
    pub async fn confirm(&self) -> Result<(), AppFault> {
        // counted from before the question: what the answer shows may be as old as that
        let asked = Instant::now();
        if snapshot::version(&self.pool).await? != self.configuration().snapshot.version {
            let keys = KeyRing::load(&self.pool, &self.master).await?;
            let snapshot = snapshot::load(&self.pool).await?;
            let configuration = Configuration::assemble(snapshot, &keys, &self.settings, &self.urls, &self.http, &self.clock);
            self.keys.store(keys);
            self.configuration.store(Arc::new(configuration));
        }
        *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner) = asked;
        Ok(())
    }
}

impl Configuration {
    fn assemble(
        snapshot: Snapshot,
        keys: &KeyRing,
        settings: &Settings,
        urls: &Urls,
        http: &OutboundClient,
        clock: &Clock,
    ) -> Self {
        let mut drivers = HashMap::new();
        for provider in snapshot.identity_providers() {
            match Driver::new(provider, http, settings.environment) {
                Ok(driver) => drop(drivers.insert(provider.id, driver)),
                Err(fault) => tracing::error!(identity_provider = provider.name, %fault, "a driver cannot be used"),
            }
        }
        let discovery = Published::new(&Metadata::new(urls.endpoints(), capabilities(&snapshot)));
        let jwks = Published::new(&jwk::set(keys.published(clock.now())));
        Self { snapshot, drivers, discovery, jwks }
    }

    /// Clients, scopes, organisations and providers.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The driver of an enabled identity provider.
    pub fn driver(&self, provider: IdentityProviderRowId) -> Option<&Driver> {
        self.drivers.get(&provider)
    }
}

/// What discovery says of the configuration (DISC-02): nothing that does not work.
fn capabilities(snapshot: &Snapshot) -> Capabilities {
    let mut scopes: Vec<String> =
        snapshot.scopes().filter(|scope| scope.show_in_discovery).map(|scope| scope.name.clone()).collect();
    scopes.sort_unstable();
    let mut acr_values: Vec<String> = snapshot.identity_providers().iter().map(|provider| provider.acr.clone()).collect();
    acr_values.sort_unstable();
    acr_values.dedup();
    Capabilities {
        scopes: [OPENID, PROFILE].into_iter().map(ToOwned::to_owned).chain(scopes).collect(),
        claims: ["sub", "nationalId", "subjectType", "name", "auth_time", "acr", "amr", "sid"].map(ToOwned::to_owned).to_vec(),
        acr_values,
    }
}

impl Published {
    fn new(document: &impl serde::Serialize) -> Self {
        let body = serde_json::to_vec(document).unwrap_or_default();
        let etag = format!("\"{}\"", digest::base64url(&digest::sha256(&[&body])[..16]));
        Self { body: body.into(), etag }
    }
}

/// How long the parts of a signing key's life last, as configured.
pub fn key_lifetimes(settings: &Settings) -> KeyLifetimes {
    let keys = &settings.keys;
    KeyLifetimes { announce: keys.announce_ttl, signing: keys.signing_ttl, retired: keys.retired_ttl }
}

/// A random number by which the log finds what a page or an answer spoke of.
pub fn error_id() -> String {
    digest::base64url(entropy::bytes::<9>())
}
