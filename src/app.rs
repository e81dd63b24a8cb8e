//! The hub: what every use case needs, assembled once. It holds no logic.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicUsize},
    time::{Duration as Monotonic, Instant},
};

use arc_swap::{ArcSwap, Guard};
use sqlx::PgPool;
use time::{Duration, OffsetDateTime};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    base::{
        clock::Clock,
        digest, entropy,
        id::{IdentityProviderRowId, NodeId},
        limiter::Limiter,
        recent::Recent,
        seal::SealingKey,
    },
    config::Settings,
    keys::{KeyFault, ring::KeyRing},
    model::{
        environment::Environment,
        identity_provider::IdentityProvider,
        scope::{OFFLINE_ACCESS, OPENID, PROFILE},
        secret::SecretOwner,
        session::SessionLifetimes,
        settings::production,
        signing_key::KeyLifetimes,
        urls::Urls,
    },
    outbound::{
        client::OutboundClient,
        client_jwks::ClientKeySets,
        eid::Driver,
        guard::{self, GuardedClient},
    },
    protocol::{
        jwk,
        metadata::{Capabilities, Metadata},
    },
    store::{
        nodes::{self, Confirmation},
        snapshot::{self, Snapshot},
    },
    telemetry::metrics::{self, Metrics},
};

/// A node does not serve from a configuration that it could not confirm for so long (decision F).
const CONFIRMATION_TTL: Monotonic = Monotonic::from_secs(3);
/// A lease of 10 s covers what is served until [`CONFIRMATION_TTL`] after a confirmation that began so soon after the lease did.
const LEASE_COVERS: Monotonic = Monotonic::from_secs(7);
/// STO-04: a clock that is further off than this is an alarm ...
const CLOCK_ALARM: Duration = Duration::seconds(1);
/// ... and further than this keeps the node from serving.
const CLOCK_LIMIT: Duration = Duration::seconds(5);

/// Everything, cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// What the hub holds.
pub struct Inner {
    /// this node, until it ends
    pub node: NodeId,
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
    /// questions about tokens that are none, by who asks (INS-06)
    pub vain_introspections: Limiter<SecretOwner>,
    /// when secrets were used last, by owner and hash, until it is written down (CAU-09)
    pub secret_uses: Mutex<HashMap<(SecretOwner, [u8; 32]), OffsetDateTime>>,
    /// requests ended by browsers in which nobody is signed in, by network: each writes a row (INT-06)
    pub anonymous_endings: Limiter<String>,
    /// SHA-256 of client and code challenge of the requests of the last minutes (AUT-06)
    pub code_challenges: Recent<[u8; 32]>,
    /// requests that are being answered (DOS-05)
    pub open_requests: AtomicUsize,
    /// the keys that clients publish
    pub client_keys: ClientKeySets,
    http: OutboundClient,
    master: SealingKey,
    configuration: ArcSwap<Configuration>,
    keys: ArcSwap<KeyRing>,
    confirmed: Mutex<Option<Confirmed>>,
    /// one at a time: an older configuration never replaces a newer one
    confirming: tokio::sync::Mutex<Confirming>,
}

/// What the next look at the version row has to know of the earlier ones.
#[derive(Default)]
struct Confirming {
    /// the beginning of the last lease
    leased_at: Option<Instant>,
    /// the configuration that production refuses, while this node goes on with the one that it has
    refuses: Option<i64>,
}

/// What the last look at the database's version row showed.
#[derive(Clone, Copy)]
struct Confirmed {
    /// when the question was asked: what the answer shows may be as old as that
    at: Instant,
    /// this machine's clock less the database's
    clock_offset: Duration,
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
    drivers: HashMap<IdentityProviderRowId, BuiltDriver>,
    faults: Vec<String>,
    /// /.well-known/openid-configuration
    pub discovery: Published,
    /// /.well-known/openid-configuration/jwks
    pub jwks: Published,
}

/// A driver, with the row that it was made from: while that stays the same, so does the driver with its connections.
struct BuiltDriver {
    provider: Arc<IdentityProvider>,
    driver: Arc<Driver>,
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
        let http = OutboundClient::new(&settings.outbound.trusted_roots, settings.environment)
            .map_err(|fault| AppFault::Outbound(fault.to_string()))?;
        let guarded = GuardedClient::new(guard::Guard::new(&settings.outbound.allowed_hosts), &settings.outbound.trusted_roots);
        let guarded = guarded.map_err(|fault| AppFault::Outbound(fault.to_string()))?;
        let snapshot = snapshot::load(&pool).await?;
        let keys = KeyRing::load(&pool, &master).await?;
        let configuration = Configuration::assemble(snapshot, None, &keys, &settings, &urls, &http, &clock);
        let app = Self(Arc::new(Inner {
            node: NodeId::new(clock.now()),
            urls,
            clock,
            pool,
            metrics,
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            failed_authentications: Limiter::new(20, Duration::minutes(1)),
            vain_introspections: Limiter::new(1000, Duration::minutes(1)),
            secret_uses: Mutex::default(),
            anonymous_endings: Limiter::new(settings.sign_in.attempts_per_address, settings.sign_in.attempts_window),
            code_challenges: Recent::new(50_000, Duration::minutes(5)),
            open_requests: AtomicUsize::new(0),
            client_keys: ClientKeySets::new(guarded),
            http,
            master,
            configuration: ArcSwap::from_pointee(configuration),
            keys: ArcSwap::new(keys),
            confirmed: Mutex::default(),
            confirming: tokio::sync::Mutex::default(),
            settings,
        }));
        app.confirm().await?;
        Ok(app)
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

    /// Why this node must not answer now, for operators; `None` where it may. A node that lost its database stops to serve
    /// (decision F), and so does one whose clock is wrong (STO-04).
    pub fn impediment(&self) -> Option<&'static str> {
        let confirmed = self.confirmed().filter(|confirmed| confirmed.at.elapsed() < CONFIRMATION_TTL);
        let Some(confirmed) = confirmed else {
            return Some("the configuration could not be confirmed with the database");
        };
        if confirmed.is_wrong() { Some("the clock of this machine is more than 5 s off the database's") } else { None }
    }

    /// Confirms the configuration, and reads it and the keys anew where their version has changed. Where it has not, that is
    /// one statement, which renews this node's lease as well.
    pub async fn confirm(&self) -> Result<(), AppFault> {
        let mut before = self.confirming.lock().await;
        loop {
            let serves = self.configuration().snapshot.version;
            let (confirmed, version) = ask(&self.pool, self.node, serves, before.refuses).await?;
            if version != serves && before.refuses != Some(version) {
                before.refuses = self.reload().await?;
                continue;
            }
            // An edit may be made, and look for our lease, between the statement's look at the version and its commit. It then
            // finds the lease before; where that was none, or would end too soon, we ask again under the one that we have now.
            let lease = before.leased_at.replace(confirmed.at);
            if lease.is_some_and(|lease| confirmed.at.duration_since(lease) < LEASE_COVERS) {
                self.take_over(confirmed);
                return Ok(());
            }
        }
    }

    /// All of it, in about ten statements whatever there is: 2,000 clients take 0.2 s even unoptimized, beside the requests, which
    /// are answered from the earlier one meanwhile. To read only what changed, every edit would have to say what it touched.
    ///
    /// Gives its version where production refuses it (eid.md §12): what stands goes on.
    async fn reload(&self) -> Result<Option<i64>, AppFault> {
        // the keys after the version that stands for them: they may be newer than it, never older (KEY-05)
        let snapshot = snapshot::load(&self.pool).await?;
        let keys = KeyRing::load(&self.pool, &self.master).await?;
        let earlier = self.configuration.load();
        let faults = production_faults(&self.settings, &snapshot);
        metrics::CONFIGURATION_REFUSED.set(if faults.is_empty() { 0.0 } else { 1.0 }, &[]);
        for fault in &faults {
            tracing::error!(
                security_event = "configuration_refused",
                version = snapshot.version,
                fault,
                "production refuses the stored configuration, and what stands goes on"
            );
        }
        let refuses = (!faults.is_empty()).then_some(snapshot.version);
        // keys go on rotating, and what is void stays void
        let snapshot = if refuses.is_some() { earlier.snapshot.with_not_before_of(&snapshot) } else { snapshot };
        let configuration =
            Configuration::assemble(snapshot, Some(&earlier), &keys, &self.settings, &self.urls, &self.http, &self.clock);
        self.keys.store(keys);
        self.configuration.store(Arc::new(configuration));
        Ok(refuses)
    }

    fn take_over(&self, confirmed: Confirmed) {
        let earlier = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).replace(confirmed);
        if confirmed.is_alarming() && !earlier.is_some_and(Confirmed::is_alarming) {
            tracing::error!(seconds = confirmed.clock_offset.as_seconds_f64(), "the clock is off the database's");
        }
    }

    /// Writes down the levels that nothing else does, before the metrics are read.
    pub fn measure(&self) {
        if let Some(confirmed) = self.confirmed() {
            metrics::SNAPSHOT_AGE_SECONDS.set(confirmed.at.elapsed().as_secs_f64(), &[]);
            metrics::CLOCK_OFFSET_SECONDS.set(confirmed.clock_offset.as_seconds_f64(), &[]);
        }
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX);
        metrics::DATABASE_CONNECTIONS.set(f64::from(idle), &["idle"]);
        metrics::DATABASE_CONNECTIONS.set(f64::from(self.pool.size().saturating_sub(idle)), &["in_use"]);
    }

    /// Whether this machine's clock is so far off the database's that nothing may be decided by it (STO-04).
    pub fn has_wrong_clock(&self) -> bool {
        self.confirmed().is_some_and(Confirmed::is_wrong)
    }

    fn confirmed(&self) -> Option<Confirmed> {
        *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Confirmed {
    fn is_wrong(self) -> bool {
        self.clock_offset.abs() > CLOCK_LIMIT
    }

    fn is_alarming(self) -> bool {
        self.clock_offset.abs() > CLOCK_ALARM
    }
}

/// Looks at the version row. The clock that is compared is the machine's, also where a test has another idea of the time.
async fn ask(pool: &PgPool, node: NodeId, serves: i64, refuses: Option<i64>) -> sqlx::Result<(Confirmed, i64)> {
    let (at, before) = (Instant::now(), Clock::System.now());
    let Confirmation { version, database_time } = nodes::confirm(pool, node, serves, refuses).await?;
    let clock_offset = clock_offset(before, database_time, Clock::System.now());
    Ok((Confirmed { at, clock_offset }, version))
}

/// How far this machine's clock is off, where that is too far to decide anything by it (STO-04).
pub async fn wrong_clock(pool: &PgPool) -> sqlx::Result<Option<Duration>> {
    let before = Clock::System.now();
    let database_time = crate::store::configuration::clock(pool).await?;
    let offset = clock_offset(before, database_time, Clock::System.now());
    Ok((offset.abs() > CLOCK_LIMIT).then_some(offset))
}

/// How far our clock is off for certain, where the database's showed `database` between our `before` and `after`.
fn clock_offset(before: OffsetDateTime, database: OffsetDateTime, after: OffsetDateTime) -> Duration {
    if database < before {
        before - database
    } else if database > after {
        after - database
    } else {
        Duration::ZERO
    }
}

impl Configuration {
    fn assemble(
        snapshot: Snapshot,
        earlier: Option<&Self>,
        keys: &KeyRing,
        settings: &Settings,
        urls: &Urls,
        http: &OutboundClient,
        clock: &Clock,
    ) -> Self {
        let (mut drivers, mut faults) = (HashMap::new(), Vec::new());
        for provider in snapshot.identity_providers() {
            let kept =
                earlier.and_then(|earlier| earlier.drivers.get(&provider.id)).filter(|built| built.provider == *provider);
            let driver = match kept {
                Some(built) => Ok(Arc::clone(&built.driver)),
                None => {
                    Driver::new(provider, http, settings.sign_in.secrets_dir.as_deref(), settings.environment).map(Arc::new)
                }
            };
            match driver {
                Ok(driver) => drop(drivers.insert(provider.id, BuiltDriver { provider: Arc::clone(provider), driver })),
                Err(fault) => {
                    tracing::error!(identity_provider = provider.name, %fault, "a driver cannot be used");
                    faults.push(format!("identity provider {}: {fault}", provider.name));
                }
            }
        }
        let discovery = Published::new(&Metadata::new(urls.endpoints(), capabilities(&snapshot)));
        let jwks = Published::new(&jwk::set(keys.published(clock.now())));
        Self { snapshot, drivers, faults, discovery, jwks }
    }

    /// Clients, scopes, organisations and providers.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The driver of an enabled identity provider.
    pub fn driver(&self, provider: IdentityProviderRowId) -> Option<&Driver> {
        self.drivers.get(&provider).map(|built| &*built.driver)
    }

    /// The hosts at which browsers are asked for certificates, with their ports where one is sent.
    pub fn card_hosts(&self) -> impl Iterator<Item = String> {
        self.drivers.values().filter_map(|built| built.driver.card_host().map(|url| url.authority().to_owned()))
    }

    /// The names, DER, of whoever issues the certificates for which browsers are asked.
    pub fn card_issuers(&self) -> Vec<Vec<u8>> {
        self.drivers.values().flat_map(|built| built.driver.card_issuers()).collect()
    }

    /// The identity providers that have no driver, and why: production does not start with any (OPS-02).
    pub fn faults(&self) -> &[String] {
        &self.faults
    }
}

/// What production does not serve of a stored configuration (eid.md §12); nothing in other environments.
pub fn production_faults(settings: &Settings, snapshot: &Snapshot) -> Vec<String> {
    if settings.environment != Environment::Production {
        return Vec::new();
    }
    let clients = snapshot.clients().map(AsRef::as_ref);
    let providers = snapshot.identity_providers().iter().map(AsRef::as_ref);
    production::faults(clients, providers, &settings.sign_in)
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
        scopes: [OPENID, PROFILE, OFFLINE_ACCESS].into_iter().map(ToOwned::to_owned).chain(scopes).collect(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_clock_is_off_for_certain_counts_sto_04() {
        let at = |seconds| OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds);
        assert_eq!(clock_offset(at(10), at(12), at(14)), Duration::ZERO, "a slow answer is no wrong clock");
        assert_eq!(clock_offset(at(10), at(4), at(11)), Duration::seconds(6));
        assert_eq!(clock_offset(at(10), at(17), at(11)), Duration::seconds(-6));
    }
}
