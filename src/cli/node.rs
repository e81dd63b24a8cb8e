//! A node: the assembled app with its listeners and jobs, from start to graceful stop.

use std::{net::SocketAddr, str::FromStr as _, sync::Arc};

use anyhow::Context as _;
use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::say;
use crate::{
    app::App,
    base::clock::Clock,
    config::{Settings, database::Database, environment::Environment},
    flows::await_nodes::await_nodes,
    http::{
        router,
        server::{
            self, Listener,
            tls::{self, ClientCertificates, Tls},
        },
    },
    jobs,
    keys::life_cycle,
    model::settings::production::{self, Installation},
    store::{
        configuration, migrations, nodes,
        pool::{self, PoolSettings},
    },
    telemetry::metrics::Metrics,
};

/// A node that serves.
pub(super) struct Node {
    /// the app
    pub(super) app: App,
    /// the operations listener's address
    pub(super) operations: SocketAddr,
    stop_serving: CancellationToken,
    servers: Vec<JoinHandle<()>>,
}

const CARD_TLS_OF_NO_USE: &str = "server.card_tls_certificate and server.card_tls_key are of no use";

/// Connects as the serving role.
pub(super) async fn connect(settings: &Settings) -> anyhow::Result<PgPool> {
    let url = settings.database.url()?;
    // the address holds a password: an error of the parser must not show it
    let options = PgConnectOptions::from_str(url.expose()).map_err(|_| anyhow::anyhow!("database.url cannot be read"))?;
    if settings.environment == Environment::Production {
        pool::demand_verified_tls(&options)?;
        let listening = settings.database.listen_url.as_ref().and_then(|url| PgConnectOptions::from_str(url.expose()).ok());
        listening.as_ref().map(pool::demand_verified_tls).transpose()?;
    }
    connect_with(options, settings).await
}

/// Connects as the serving role to a database of this version's schema.
pub(super) async fn connect_to_schema(settings: &Settings) -> anyhow::Result<PgPool> {
    let pool = connect(settings).await?;
    migrations::check_schema(&pool).await?;
    Ok(pool)
}

/// Connects to a database that is known already.
pub(super) async fn connect_with(options: PgConnectOptions, settings: &Settings) -> anyhow::Result<PgPool> {
    pool::connect(options, &pool_settings(&settings.database)).await.context("the database does not answer")
}

fn pool_settings(database: &Database) -> PoolSettings {
    PoolSettings {
        application_name: "ias".to_owned(),
        max_connections: database.max_connections,
        min_connections: database.min_connections,
        acquire_timeout: database.acquire_timeout,
        idle_timeout: database.connection_idle_timeout,
        max_lifetime: database.connection_max_lifetime,
        statement_timeout: database.statement_timeout,
        lock_timeout: database.lock_timeout,
        idle_in_transaction_timeout: database.idle_in_transaction_timeout,
    }
}

/// Ends when an edit is in force: no node serves without it (decision F).
pub(super) async fn await_all(pool: &PgPool) -> anyhow::Result<()> {
    let live = await_nodes(pool).await.context("it is saved, and whether the nodes have seen it is not known")?;
    anyhow::ensure!(
        live.refusing == 0,
        "it is saved, but production refuses it and goes on with what it had on {} of the nodes: `ias doctor` tells why",
        live.refusing
    );
    match live.current {
        0 => say("saved; no node is serving"),
        1 => say("the one node that serves has taken it over"),
        nodes => say(&format!("all {nodes} nodes that serve have taken it over")),
    }
    Ok(())
}

/// Opens a listener, and says what to do where the port is taken.
pub(super) async fn listen(address: SocketAddr, option: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}; choose another with {option}"))
}

/// The TLS of the listener, where the settings give it a certificate.
pub(super) fn tls(settings: &Settings, clock: &Clock) -> anyhow::Result<Option<Arc<Tls>>> {
    let server = &settings.server;
    let Some((certificate, key)) = server.tls_files() else { return Ok(None) };
    let tls = Tls::open(tls::Options {
        listener: "public",
        certificate: certificate.clone(),
        key: key.clone(),
        host: Some(server.issuer.host().to_owned()),
        handshake_timeout: server.tls_handshake_timeout,
        client_certificates: ClientCertificates::NotAsked,
        clock: clock.clone(),
    });
    Ok(Some(Arc::new(tls.context("server.tls_certificate and server.tls_key are of no use")?)))
}

/// Whether the certificate of the card host serves, for this host where one is given.
pub(super) fn card_tls(settings: &Settings, host: Option<&str>) -> anyhow::Result<()> {
    let asked = ClientCertificates::Asked(Box::new(Vec::new));
    let tls = server::card_tls(&settings.server, host, asked, &Clock::System);
    tls.map(drop).context(CARD_TLS_OF_NO_USE)
}

impl Node {
    /// Checks schema, environment and production rules, makes missing keys, and serves.
    pub(super) async fn start(
        settings: Settings,
        pool: PgPool,
        listener: TcpListener,
        operations: TcpListener,
        card: Option<TcpListener>,
    ) -> anyhow::Result<Self> {
        migrations::check_schema(&pool).await?;
        let clock = Clock::System;
        let theirs = configuration::claim_environment(&pool, settings.environment).await?;
        anyhow::ensure!(theirs == settings.environment, production::other_environment(theirs, settings.environment));
        if let Some(offset) = crate::app::wrong_clock(&pool).await? {
            anyhow::bail!("the clock of this machine is {} s off the database's: set it right first", offset.whole_seconds());
        }
        let lifetimes = crate::app::key_lifetimes(&settings);
        let master = settings.keys.master_key()?;
        life_cycle::keep(&pool, &master, settings.keys.rsa_bits, lifetimes, clock.now()).await?;
        let metrics = Metrics::install()?;
        let tls = tls(&settings, &clock)?;
        let app = App::new(settings, clock, pool, metrics).await?;
        if app.settings.environment == Environment::Production {
            let configuration = app.configuration();
            let snapshot = configuration.snapshot();
            let found = production::violations(&Installation {
                settings: &app.settings,
                has_demo: cfg!(feature = "demo"),
                database: Some(theirs),
                clients: snapshot.clients().map(AsRef::as_ref).collect(),
                providers: snapshot.identity_providers().iter().map(AsRef::as_ref).collect(),
            });
            let faults = [found, configuration.faults().to_vec()].concat();
            anyhow::ensure!(faults.is_empty(), "production refuses to serve this:\n  - {}", faults.join("\n  - "));
        }
        jobs::start(&app);
        let stop_serving = CancellationToken::new();
        let operations_address = operations.local_addr()?;
        let listener = Listener::new(listener, tls);
        if let Some(host) = app.configuration().card_hosts().next().filter(|_| card.is_none()) {
            tracing::warn!(host, "an identity provider sends people to a card host, and server.card_listen is empty here");
        }
        let card = card.map(|card| Listener::of_card_host(card, &app)).transpose();
        let card = card.context(CARD_TLS_OF_NO_USE)?;
        let servers = [(listener, router::public(&app)), (operations.into(), router::operations(&app))]
            .into_iter()
            .chain(card.map(|listener| (listener, router::card_host(&app))))
            .map(|(listener, router)| {
                let (settings, stop) = (app.settings.server.clone(), stop_serving.clone());
                tokio::spawn(async move { server::serve(listener, router, &settings, stop).await })
            })
            .collect();
        Ok(Self { app, operations: operations_address, stop_serving, servers })
    }

    /// Readiness goes first, then new connections, then the work in flight, then the pool (RT-09).
    pub(super) async fn stop(self, drain: bool) {
        self.app.stopping.cancel();
        if drain {
            tokio::time::sleep(self.app.settings.server.drain_delay).await;
        }
        self.stop_serving.cancel();
        for server in self.servers {
            drop(server.await);
        }
        self.app.tasks.close();
        let ended = tokio::time::timeout(self.app.settings.server.shutdown_timeout, self.app.tasks.wait()).await;
        // nothing renews the lease any more; where that is certain, no edit has to wait for it to run out
        if ended.is_ok()
            && let Err(error) = nodes::delete(&self.app.pool, self.app.node).await
        {
            tracing::warn!(%error, "this node's lease could not be ended; it runs out");
        }
        self.app.pool.close().await;
    }
}
