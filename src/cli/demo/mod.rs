//! `ias demo`: everything on this machine, by one command. All state stays in the data directory; the next start finds it again.

mod configuration;
mod database;
mod report;
pub(super) mod stage;
mod state;

use std::{
    fs::{File, OpenOptions},
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::Arc,
};

use anyhow::Context as _;
use sqlx::PgPool;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use self::{database::Database, state::State};
use super::{
    node::{self, Node},
    outward::Outward,
    say, stop_signal, variable,
};
use crate::{
    base::{clock::Clock, secret::Secret},
    config::{Settings, issuer::Issuer},
    demo::{
        eid_simulator::{self, AppOptions, Mode, RelyingParty, Simulator},
        relying_party,
        tls::{self, LocalAuthority},
    },
    http::server::tls::{ClientCertificates, Options, Tls},
    telemetry::logging,
};

/// The client that the example application is.
const WEBAPP: &str = "@myorg.is/webapp";
const LOG: &str = "ias.log";
/// So far above the issuer's port browsers are asked for the certificates of identity cards.
const CARD: u16 = 11;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The issuer's port; the simulator takes the port 10 above it, the host that asks for certificates the one
    /// 11 above, the example application the one 10 below
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1034..=65524))]
    port: u16,
    /// Let the simulator approve every sign-in at once
    #[arg(long)]
    auto_approve: bool,
    /// Where all state stays, the database too
    #[arg(long, default_value = ".ias", value_name = "DIR")]
    data_dir: PathBuf,
    /// Begin with an empty data directory
    #[arg(long)]
    fresh: bool,
    /// Where the conformance clients' redirect URIs point to; without it to the example application
    #[arg(long, value_name = "URL")]
    conformance_base: Option<url::Url>,
    /// Serve everything over https, with certificates of an authority in the data directory (ca.pem)
    #[arg(long)]
    tls: bool,
    #[command(flatten)]
    outward: Outward,
}

/// The addresses of the demo's parts.
struct Addresses {
    issuer: String,
    simulator: String,
    webapp: String,
    /// where browsers are asked for certificates: https in any case
    card: String,
    /// vouches for those that are https
    authority: Option<LocalAuthority>,
}

impl Addresses {
    fn of(port: u16, tls: bool, authority: LocalAuthority) -> Self {
        let scheme = if tls { "https" } else { "http" };
        let at = |port| format!("{scheme}://localhost:{port}");
        let authority = Some(authority);
        Self { issuer: at(port), simulator: at(port + 10), webapp: at(port - 10), card: card_host(port), authority }
    }

    /// The authority's certificate, PEM; empty where there is none.
    fn trusted_roots(&self) -> &str {
        self.authority.as_ref().map_or("", LocalAuthority::pem)
    }
}

/// Where browsers are asked for certificates.
fn card_host(port: u16) -> String {
    format!("https://localhost:{}", port + CARD)
}

/// Where the demo's parts listen.
struct Listeners {
    issuer: TcpListener,
    simulator: TcpListener,
    webapp: TcpListener,
    operations: TcpListener,
    card: TcpListener,
}

impl Listeners {
    async fn open(port: u16) -> anyhow::Result<Self> {
        let at = |port| node::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), "--port");
        Ok(Self {
            issuer: at(port).await?,
            simulator: at(port + 10).await?,
            webapp: at(port - 10).await?,
            operations: at(0).await?,
            card: at(port + CARD).await?,
        })
    }
}

/// A listener of the demo's own parts, which speaks TLS where there is an authority.
fn part(
    name: &'static str,
    listener: TcpListener,
    authority: Option<&LocalAuthority>,
    settings: &Settings,
) -> anyhow::Result<tls::Listener> {
    let Some(authority) = authority else { return Ok(listener.into()) };
    let tls = Tls::open(Options {
        listener: name,
        certificate: authority.identity_file(),
        key: authority.identity_file(),
        host: Some(settings.server.issuer.host().to_owned()),
        handshake_timeout: settings.server.tls_handshake_timeout,
        client_certificates: ClientCertificates::NotAsked,
        clock: Clock::System,
    })?;
    Ok(tls::Listener::tls(listener, Arc::new(tls))?)
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let directory = &arguments.data_dir;
    // the ports first: a second demo fails here, before it touches anything
    let listeners = Listeners::open(arguments.port).await?;
    if arguments.fresh {
        database::ensure_ours()?;
        State::discard(directory)?;
    }
    let mut state = State::open(directory)?;
    let authority = LocalAuthority::open(directory, Clock::System)?;
    let addresses = Addresses::of(arguments.port, arguments.tls, authority.clone());
    let mut settings = settings(&addresses.issuer, &state, directory)?;
    arguments.outward.apply(&mut settings)?;
    let vouching = arguments.tls.then_some(&authority);
    let webapp = part("webapp", listeners.webapp, vouching, &settings)?;
    let simulated = part("simulator", listeners.simulator, vouching, &settings)?;
    logging::install_in(&settings.telemetry, log_file(directory, true)?)?;

    let database = Database::start(directory, &state).await?;
    let simulator = simulator(&arguments, &addresses, &state).await?;
    let base = arguments.conformance_base.as_ref();
    configuration::apply(&database.owner, &addresses, &simulator, &state, base, directory).await?;
    let pool = node::connect_with(database.serving(&state), &settings).await?;
    let node = Node::start(settings, pool, listeners.issuer, listeners.operations, Some(listeners.card)).await?;

    let stop = CancellationToken::new();
    let mut parts = JoinSet::new();
    parts.spawn(relying_party::serve(example(&addresses, &simulator, &state)?, webapp, stop.clone()));
    parts.spawn(simulator.clone().serve(simulated, stop.clone()));
    parts.spawn(authority.keep(stop.clone()));

    state.remember_issuer(&addresses.issuer)?;
    report::write(directory, &addresses, &node, &simulator, &state)?;
    let stopped = stop_signal();
    report::print(&addresses, &node, &simulator, &arguments);
    let outcome = tokio::select! {
        () = stopped => Ok(()),
        Some(ended) = parts.join_next() => ended?.and(Err(anyhow::anyhow!("a part of the demo ended by itself"))),
    };
    say("stopping …");
    node.stop(false).await;
    stop.cancel();
    parts.join_all().await;
    database.stop().await?;
    say("stopped; everything is kept for the next start");
    outcome
}

async fn simulator(arguments: &Arguments, addresses: &Addresses, state: &State) -> anyhow::Result<Simulator> {
    let options = eid_simulator::Options {
        data_dir: arguments.data_dir.join("eid-simulator"),
        public_url: addresses.simulator.clone(),
        relying_party: RelyingParty::default(),
        mode: if arguments.auto_approve { Mode::Auto { delay_ms: 0..=0 } } else { Mode::Manual },
        control_token: state.control_token(),
        clock: Clock::System,
        // the issuer is at http://localhost unless TLS is asked for
        apps: AppOptions { http_callbacks: true, ..AppOptions::default() },
    };
    Simulator::new(options).await.context("the electronic-ID simulator cannot start")
}

fn example(addresses: &Addresses, simulator: &Simulator, state: &State) -> anyhow::Result<relying_party::Options> {
    Ok(relying_party::Options {
        issuer: addresses.issuer.clone(),
        client_id: WEBAPP.to_owned(),
        client_secret: state.client_secret(WEBAPP).context("the example application has no secret")?,
        base_url: addresses.webapp.clone(),
        scopes: ["openid", "profile", "offline_access", "@myorg.is/documents:read", "@myorg.is/documents:write"]
            .map(ToOwned::to_owned)
            .to_vec(),
        phone_url: Some(format!("{}/phone", addresses.simulator)),
        clock: Clock::System,
        trusted_roots: addresses.authority.as_ref().map(|authority| authority.pem().to_owned()),
        persons: simulator.persons().into_iter().map(|person| (person.name, person.phone_number)).collect(),
    })
}

/// `ias serve --demo-dir`: a further node over the same database. It has the same issuer and keys, and its own address.
pub(super) async fn join(directory: &Path, listen: SocketAddr, outward: &Outward) -> anyhow::Result<()> {
    let state = State::existing(directory)?;
    let listener = node::listen(listen, "--listen").await?;
    let operations = node::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), "--listen").await?;
    let listen = listener.local_addr()?;
    let mut settings = settings(&state.issuer()?, &state, directory)?;
    outward.apply(&mut settings)?;
    settings.server.listen = listen;
    settings.server.allowed_hosts.extend([listen.to_string(), format!("localhost:{}", listen.port())]);
    logging::install_in(&settings.telemetry, log_file(directory, false)?)?;
    let pool = node::connect_with(database::join(directory, &state).await?, &settings).await?;
    let node = Node::start(settings, pool, listener, operations, None).await?;
    let stopped = stop_signal();
    say(&format!("operations http://{}", node.operations));
    say(&format!("ready {}://{listen}", node.app.settings.server.issuer.url().scheme()));
    stopped.await;
    node.stop(false).await;
    Ok(())
}

/// The database of the demo that runs in a directory, for a command beside it.
pub(super) async fn reach(directory: &Path) -> anyhow::Result<(Settings, PgPool)> {
    let state = State::existing(directory)?;
    let settings = settings(&state.issuer()?, &state, directory)?;
    let pool = node::connect_with(database::join(directory, &state).await?, &settings).await?;
    Ok((settings, pool))
}

fn settings(issuer: &str, state: &State, directory: &Path) -> anyhow::Result<Settings> {
    let issuer = Issuer::from_str(issuer).map_err(anyhow::Error::msg)?;
    let mut settings = Settings::development(issuer, Secret::new("postgres://localhost/ias".to_owned()), state.master_key()?)?;
    settings.server.allowed_hosts.push(settings.server.issuer.authority().replace("localhost", "127.0.0.1"));
    settings.sign_in.secrets_dir = Some(configuration::secrets(directory));
    let authority = LocalAuthority::open(directory, Clock::System)?;
    let (server, identity) = (&mut settings.server, Some(authority.identity_file()));
    if server.issuer.is_https() {
        (server.tls_certificate, server.tls_key) = (identity.clone(), identity.clone());
        authority.pem().clone_into(&mut settings.outbound.trusted_roots);
    }
    // a person's certificate is shown in a handshake, whatever the other parts speak
    (server.card_tls_certificate, server.card_tls_key) = (identity.clone(), identity);
    settings.telemetry.log_filter = variable("IAS__TELEMETRY__LOG_FILTER").unwrap_or_else(|| "info".to_owned());
    Ok(settings)
}

/// The log of all nodes of a demo. Each record is appended by one write, so that theirs do not mix.
fn log_file(directory: &Path, begin_anew: bool) -> anyhow::Result<File> {
    let path = directory.join(LOG);
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
    let file = file.with_context(|| format!("{} cannot be written", path.display()))?;
    if begin_anew {
        file.set_len(0)?;
    }
    Ok(file)
}
