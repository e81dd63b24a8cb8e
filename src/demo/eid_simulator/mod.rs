//! The electronic-ID simulator: people, phones and providers for development and tests (eid.md §11).
//!
//! A program of its own that plays the other side: it has its own authorities and signs for real, so that a server is tested whole.
//! It owns provider wire, revocation services, control API and phone page, all on one port. Nothing of the server calls it except
//! the demo's command line; it takes from the server only `base` and the mark by which production refuses it.

mod answer;
mod authority;
mod behaviour;
mod card;
mod catalogue;
mod certificate;
mod control;
mod crowd;
mod event;
mod fault;
mod key;
mod mobile_id;
mod mode;
mod op;
mod origin;
mod people;
mod phone;
mod play;
mod record;
mod register;
mod revocation;
mod services;
mod session;
mod smart_id;
mod storage;
#[cfg(test)]
mod tests;
mod weak_key;
mod world;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, bail};
use axum::{Router, middleware};
use tokio_util::sync::CancellationToken;

use self::{
    authority::Authority,
    behaviour::{Method, SCENARIOS},
    mode::Settings,
    world::World,
};
pub use self::{
    mode::Mode,
    op::{CLIENT_ID as BROKER_CLIENT_ID, CLIENT_SECRET as BROKER_CLIENT_SECRET},
    people::PIN,
};
use crate::{
    base::{clock::Clock, secret::Secret},
    demo::tls::{Listener, with_host},
};

/// The UUID under which the simulator knows its relying party, unless told otherwise.
pub const RELYING_PARTY_UUID: &str = "00000000-0000-4000-8000-0000000d0000";
/// The name under which the simulator knows its relying party, unless told otherwise.
pub const RELYING_PARTY_NAME: &str = "IAS DEMO";

// Slow answers are among the things that the simulator plays; they do not hold up its end.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Who may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// compared with case
    pub uuid: String,
    /// shown on the phone
    pub name: String,
}

impl Default for RelyingParty {
    fn default() -> Self {
        Self { uuid: RELYING_PARTY_UUID.into(), name: RELYING_PARTY_NAME.into() }
    }
}

/// What a simulator needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// keeps authorities, keys and people over restarts, readable by its owner alone
    pub data_dir: PathBuf,
    /// where browsers and servers reach the simulator, such as `http://localhost:8090`; goes into certificates
    pub public_url: String,
    /// who answers requests
    pub mode: Mode,
    /// opens the control API
    pub control_token: Secret<String>,
    /// the time
    pub clock: Clock,
    /// who may ask
    pub relying_party: RelyingParty,
    /// what is particular to apps
    pub apps: AppOptions,
}

/// What a simulator needs to know of apps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppOptions {
    /// the length of the apps' RSA keys: 3072 bits as in the simulator's profile, or 2048 where many sign
    pub key: AppKey,
    /// whether an app may lead a browser back to `http://` on this machine; the real one wants https
    pub http_callbacks: bool,
}

/// The keys of apps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppKey {
    /// 3072 bits, and for one person 6144
    Usual,
    /// 2048 bits: for load and for tests
    Short,
}

impl Default for AppOptions {
    fn default() -> Self {
        Self { key: AppKey::Usual, http_callbacks: false }
    }
}

/// A running simulator; clones share their state.
#[derive(Clone)]
pub struct Simulator {
    shared: Arc<Shared>,
}

/// What the handlers share.
struct Shared {
    clock: Clock,
    relying_party: RelyingParty,
    closing: CancellationToken,
    public_url: String,
    control_token: Secret<String>,
    first_mode: Mode,
    world: Mutex<World>,
    op_keys: OnceLock<op::OpKeys>,
    root_pem: String,
    sim_pem: String,
    card_pem: String,
    app_pem: String,
    apps: AppOptions,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A person whose sign-in succeeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonSummary {
    /// ten digits
    pub national_id: String,
    /// the full name
    pub name: String,
    /// seven digits
    pub phone_number: String,
}

/// A person whose number decides what happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioSummary {
    /// ten digits
    pub national_id: String,
    /// seven digits
    pub phone_number: String,
    /// what happens, in English; none where it concerns the app alone
    pub outcome: Option<String>,
    /// what happens with the app, in English
    pub app_outcome: String,
    /// what happens with the identity card, in English; none where it concerns the app alone
    pub card_outcome: Option<String>,
}

impl Simulator {
    /// Opens the simulator in its directory and makes there what is missing. Refuses to run in production (X5-10).
    pub async fn new(options: Options) -> anyhow::Result<Self> {
        refuse_in_production(|name| std::env::var(name).ok())?;
        // Keys and files take a moment that the runtime should not spend.
        tokio::task::spawn_blocking(move || Self::open(options)).await.context("opening the simulator")?
    }

    fn open(options: Options) -> anyhow::Result<Self> {
        let now = options.clock.now();
        let authority = Authority::open(&options.data_dir.join("authority"), now)?;
        let (root_pem, sim_pem) = (authority.root.pem.clone(), authority.sim.pem.clone());
        let card_pem = authority.card.pem.clone();
        let app_pem = authority.app.pem.clone();
        let public_url = options.public_url.trim_end_matches('/').to_owned();
        let world = World::open(
            authority,
            public_url.clone(),
            options.data_dir.join("persons.json"),
            Settings::new(options.mode.clone(), None),
            options.apps.key,
            now,
        )?;
        let shared = Shared {
            clock: options.clock,
            relying_party: options.relying_party,
            closing: CancellationToken::new(),
            public_url,
            control_token: options.control_token,
            first_mode: options.mode,
            world: Mutex::new(world),
            op_keys: OnceLock::new(),
            root_pem,
            sim_pem,
            card_pem,
            app_pem,
            apps: options.apps,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Every route: provider wire, revocation services, control API, phone page and card reader.
    pub fn router(&self) -> Router {
        Router::new()
            .merge(mobile_id::router(&self.shared))
            .merge(control::router(&self.shared))
            .merge(phone::router(&self.shared))
            .merge(revocation::router())
            .merge(op::router())
            .merge(card::router(&self.shared))
            .merge(smart_id::router(&self.shared))
            .with_state(Arc::clone(&self.shared))
    }

    /// The trust anchor of a server's test profile: the root, PEM.
    pub fn anchors_pem(&self) -> String {
        self.shared.root_pem.clone()
    }

    /// The authority between the root and the people, which the wire does not carry, PEM.
    pub fn intermediates_pem(&self) -> String {
        self.shared.sim_pem.clone()
    }

    /// The same of identity cards, PEM.
    pub fn card_intermediates_pem(&self) -> String {
        self.shared.card_pem.clone()
    }

    /// The same of apps, PEM.
    pub fn app_intermediates_pem(&self) -> String {
        self.shared.app_pem.clone()
    }

    /// The Gervimenn, whose sign-in succeeds.
    pub fn persons(&self) -> Vec<PersonSummary> {
        let world = self.shared.world();
        let gervimenn = world.people.values().filter(|person| people::is_gervimadur(&person.national_id));
        gervimenn
            .map(|person| PersonSummary {
                national_id: person.national_id.clone(),
                name: person.name.clone(),
                phone_number: person.phone.clone(),
            })
            .collect()
    }

    /// The scenario numbers and what they do (eid.md §11.2).
    pub fn scenarios(&self) -> Vec<ScenarioSummary> {
        let summary = |scenario: &behaviour::Scenario| ScenarioSummary {
            national_id: scenario.national_id.to_owned(),
            phone_number: scenario.phone.to_owned(),
            outcome: scenario.method.covers(Method::Sim).then(|| scenario.outcome.to_owned()),
            app_outcome: scenario.app_outcome().to_owned(),
            card_outcome: scenario.method.covers(Method::Card).then(|| scenario.card_outcome().to_owned()),
        };
        SCENARIOS.iter().map(summary).collect()
    }

    /// What it can be told to play, each with its request to the control API and the names that it takes.
    pub fn catalogue(&self) -> serde_json::Value {
        catalogue::of(&format!("{}/control", self.shared.public_url))
    }

    /// The issuers of the simulated OpenID brokers, each of which tells its claims in a way of its own.
    pub fn brokers(&self) -> Vec<String> {
        op::Style::ALL.map(|style| self.shared.op_issuer(style)).to_vec()
    }

    /// Serves until `stop`; waiting polls are then answered, and what still runs after five seconds is broken off.
    pub async fn serve(self, listener: impl Into<Listener>, stop: CancellationToken) -> anyhow::Result<()> {
        let closing = self.shared.closing.clone();
        let until = closing.clone();
        let router = self.router().layer(middleware::map_request(with_host));
        let server = axum::serve(listener.into(), router).with_graceful_shutdown(until.cancelled_owned());
        let end = async {
            stop.cancelled().await;
            closing.cancel();
            tokio::time::sleep(LAST_ANSWERS).await;
        };
        tokio::select! {
            served = server => served.context("serving the electronic-ID simulator"),
            () = end => Ok(()),
        }
    }
}

/// X5-10: a simulator in production would let anybody be anyone.
fn refuse_in_production(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<()> {
    for name in ["IAS_ENVIRONMENT", "IAS__ENVIRONMENT"] {
        if variable(name).is_some_and(|value| value.trim().eq_ignore_ascii_case("production")) {
            bail!("the electronic-ID simulator does not start: {name} is production");
        }
    }
    Ok(())
}

#[cfg(test)]
mod refusal {
    use super::refuse_in_production;

    #[test]
    fn x5_10_the_simulator_refuses_to_start_in_production() {
        for (name, value, starts) in [
            ("IAS_ENVIRONMENT", "production", false),
            ("IAS__ENVIRONMENT", "production", false),
            ("IAS__ENVIRONMENT", " Production ", false),
            ("IAS__ENVIRONMENT", "staging", true),
            ("ENVIRONMENT", "production", true),
        ] {
            let set = |asked: &str| (asked == name).then(|| value.to_owned());
            assert_eq!(refuse_in_production(set).is_ok(), starts, "{name}={value}");
        }
        assert!(refuse_in_production(|_| None).is_ok());
    }
}
