//! `ias demo`: everything on this machine, by one command. All state stays in the data directory; the next start finds it again.

mod configuration;
mod report;
mod state;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr as _,
};

use anyhow::Context as _;
use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;

use self::state::State;
use super::{
    node::{self, Node},
    say, stop_signal, variable,
};
use crate::{
    base::{clock::Clock, secret::Secret},
    config::{Settings, issuer::Issuer},
    demo::{
        eid_simulator::{self, Mode, RelyingParty, Simulator},
        postgres::{self, Postgres},
        relying_party,
    },
    store::{migrations, roles::ServingRole},
    telemetry::logging,
};

/// The client that the example application is.
const WEBAPP: &str = "@myorg.is/webapp";
const DATABASE: &str = "ias";
const SERVING_ROLE: &str = "ias_serving";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The issuer's port; the simulator takes the port 10 above it, the example application the one 10 below
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1034..=65525))]
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
    conformance_base: Option<String>,
}

/// The addresses of the demo's parts.
struct Addresses {
    issuer: String,
    simulator: String,
    webapp: String,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let external = variable("DATABASE_URL");
    if arguments.fresh {
        anyhow::ensure!(
            external.is_none(),
            "--fresh would empty the database of DATABASE_URL, which is not the demo's own; unset one of the two"
        );
        empty(&arguments.data_dir)?;
    }
    let addresses = Addresses {
        issuer: format!("http://localhost:{}", arguments.port),
        simulator: format!("http://localhost:{}", arguments.port + 10),
        webapp: format!("http://localhost:{}", arguments.port - 10),
    };
    let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    // the ports first: a second demo fails here, before it touches anything
    let listener = node::listen(loopback(arguments.port), "--port").await?;
    let simulator_listener = node::listen(loopback(arguments.port + 10), "--port").await?;
    let webapp_listener = node::listen(loopback(arguments.port - 10), "--port").await?;
    let operations = node::listen(loopback(0), "--port").await?;

    let mut state = State::open(&arguments.data_dir)?;
    let database = match &external {
        None => Some(postgres::start(postgres::Options::new(&arguments.data_dir), say).await?),
        Some(_) => None,
    };
    let owner = match (&database, &external) {
        (Some(database), _) => {
            migrations::create_database(&database.superuser(), DATABASE).await?;
            database.superuser().database(DATABASE)
        }
        (None, url) => PgConnectOptions::from_str(url.as_deref().unwrap_or_default())
            .map_err(|_| anyhow::anyhow!("DATABASE_URL cannot be read"))?,
    };
    let role = ServingRole { name: SERVING_ROLE.to_owned(), password: Some(state.serving_password()) };
    migrations::migrate(&owner, &role).await?;
    let serving = owner.clone().username(SERVING_ROLE).password(state.serving_password().expose());

    let simulator = Simulator::new(eid_simulator::Options {
        data_dir: arguments.data_dir.join("eid-simulator"),
        public_url: addresses.simulator.clone(),
        relying_party: RelyingParty::default(),
        mode: if arguments.auto_approve { Mode::Auto { delay_ms: 0..=0 } } else { Mode::Manual },
        control_token: state.control_token(),
        clock: Clock::System,
    })
    .await
    .context("the electronic-ID simulator cannot start")?;
    configuration::apply(&owner, &addresses, &simulator, &state, arguments.conformance_base.as_deref(), &arguments.data_dir)
        .await?;

    let settings = settings(&addresses.issuer, &state)?;
    logging::install(&settings.telemetry)?;
    let pool = node::connect_with(serving, &settings).await?;
    let node = Node::start(settings, pool, listener, operations).await?;
    let stop = CancellationToken::new();
    let simulating = tokio::spawn(simulator.clone().serve(simulator_listener, stop.clone()));
    let example = relying_party::Options {
        issuer: addresses.issuer.clone(),
        client_id: WEBAPP.to_owned(),
        client_secret: state.client_secret("WEBAPP_SECRET"),
        base_url: addresses.webapp.clone(),
        scopes: ["openid", "profile", "offline_access", "@myorg.is/documents:read", "@myorg.is/documents:write"]
            .map(ToOwned::to_owned)
            .to_vec(),
        phone_url: Some(format!("{}/phone", addresses.simulator)),
        persons: simulator.persons().into_iter().map(|person| (person.name, person.phone_number)).collect(),
    };
    let showing = tokio::spawn(relying_party::serve(example, webapp_listener, stop.clone()));

    state.remember_issuer(&addresses.issuer)?;
    report::write(&arguments.data_dir, &addresses, &node, &simulator, &state)?;
    report::print(&addresses, &node, &simulator, arguments.auto_approve);
    stop_signal().await;
    say("stopping …");
    node.stop(false).await;
    stop.cancel();
    drop(simulating.await);
    drop(showing.await);
    if let Some(database) = database {
        database.stop().await?;
    }
    say("stopped; everything is kept for the next start");
    Ok(())
}

/// `ias serve --demo-dir`: a further node over the same database. It has the same issuer and keys, and its own address.
pub(super) async fn join(directory: &Path, listen: SocketAddr) -> anyhow::Result<()> {
    let state = State::existing(directory)?;
    let guest = match variable("DATABASE_URL") {
        None => postgres::attach(directory).await?,
        Some(_) => None,
    };
    let serving = serving(guest.as_ref(), &state)?;
    let mut settings = settings(&state.issuer()?, &state)?;
    settings.server.listen = listen;
    settings.server.allowed_hosts.extend([listen.to_string(), format!("localhost:{}", listen.port())]);
    logging::install(&settings.telemetry)?;
    let pool = node::connect_with(serving, &settings).await?;
    let listener = node::listen(listen, "--listen").await?;
    let operations = node::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), "--listen").await?;
    let node = Node::start(settings, pool, listener, operations).await?;
    say(&format!("operations http://{}", node.operations));
    say(&format!("ready http://{listen}"));
    stop_signal().await;
    node.stop(false).await;
    Ok(())
}

fn serving(guest: Option<&Postgres>, state: &State) -> anyhow::Result<PgConnectOptions> {
    let options = match (guest, variable("DATABASE_URL")) {
        (Some(database), _) => database.superuser().database(DATABASE),
        (None, Some(url)) => PgConnectOptions::from_str(&url).map_err(|_| anyhow::anyhow!("DATABASE_URL cannot be read"))?,
        (None, None) => anyhow::bail!("no demo runs in this directory; start one with `ias demo --data-dir DIR`"),
    };
    Ok(options.username(SERVING_ROLE).password(state.serving_password().expose()))
}

fn settings(issuer: &str, state: &State) -> anyhow::Result<Settings> {
    let issuer = Issuer::from_str(issuer).map_err(anyhow::Error::msg)?;
    let mut settings = Settings::development(issuer, Secret::new("postgres://localhost/ias".to_owned()), state.master_key())?;
    settings.server.allowed_hosts.push(settings.server.issuer.authority().replace("localhost", "127.0.0.1"));
    settings.telemetry.log_filter = variable("IAS__TELEMETRY__LOG_FILTER").unwrap_or_else(|| "warn".to_owned());
    Ok(settings)
}

/// Empties a data directory of ours; anything else is left alone.
fn empty(directory: &Path) -> anyhow::Result<()> {
    if !directory.exists() {
        return Ok(());
    }
    anyhow::ensure!(
        State::existing(directory).is_ok() || std::fs::read_dir(directory)?.next().is_none(),
        "{} holds no demo; --fresh empties only what `ias demo` made",
        directory.display()
    );
    postgres::discard_blocking(directory)?;
    std::fs::remove_dir_all(directory).with_context(|| format!("{} cannot be emptied", directory.display()))
}
