//! A server of its own for each test: the router that `serve` runs on a real listener, a database from the template, the demo's
//! configuration, and the simulator that all tests share.

use std::{collections::BTreeMap, path::Path, str::FromStr as _, sync::Arc};

use ias::{
    app::App,
    base::{
        clock::{Clock, FixedClock},
        secret::Secret,
    },
    config::{Settings, environment::Environment, issuer::Issuer},
    demo::eid_simulator::{self, Mode, RelyingParty, Simulator},
    flows::apply::{self, Options},
    http::{
        router,
        server::{self, Listener},
    },
    jobs,
    keys::life_cycle,
    store::pool::{self, PoolSettings},
    telemetry::metrics::Metrics,
};
use sqlx::PgPool;
use tokio::{net::TcpListener, sync::OnceCell};
use tokio_util::sync::CancellationToken;

use super::database::TestDatabase;

/// Where the demo's web clients are called back; nobody listens there.
pub const APP: &str = "http://localhost:1";
/// The secret of every client with a secret.
pub const SECRET: &str = "a-secret-of-the-tests-with-+-/-%-~-and-many-more-characters";
/// A person whose phone approves at once.
pub const PHONE: &str = "0102989";
/// The national id of that person.
pub const NATIONAL_ID: &str = "0101302989";
const MASTER_KEY: [u8; 32] = [7; 32];

/// A server that ends with the value.
pub struct TestServer {
    pub issuer: String,
    /// where this node answers; of a second node it is not the issuer
    pub address: String,
    pub app: App,
    /// moves the server's time
    pub clock: FixedClock,
    pub database: Arc<TestDatabase>,
    stop: CancellationToken,
}

/// The simulator of this process: automatic, scenario numbers on.
pub struct SharedSimulator {
    pub url: String,
    pub token: String,
    pub simulator: Simulator,
}

/// The simulator, started at its first use. It lives on a thread of its own, because each test's runtime ends with the test.
pub async fn simulator() -> &'static SharedSimulator {
    static SHARED: OnceCell<SharedSimulator> = OnceCell::const_new();
    SHARED
        .get_or_init(|| async {
            let (send, receive) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(async {
                    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                    let url = format!("http://localhost:{}", listener.local_addr().expect("an address").port());
                    let data = tempfile::tempdir().expect("a directory");
                    let token = "the-tests-own-token".to_owned();
                    let simulator = Simulator::new(eid_simulator::Options {
                        data_dir: data.path().to_owned(),
                        public_url: url.clone(),
                        relying_party: RelyingParty::default(),
                        apps: eid_simulator::AppOptions { key: eid_simulator::AppKey::Short, http_callbacks: true },
                        mode: Mode::Auto { delay_ms: 0..=0 },
                        control_token: Secret::new(token.clone()),
                        clock: Clock::System,
                    })
                    .await
                    .expect("a simulator");
                    drop(send.send(SharedSimulator { url, token, simulator: simulator.clone() }));
                    drop(simulator.serve(listener, CancellationToken::new()).await);
                });
            });
            receive.await.expect("the simulator starts")
        })
        .await
}

impl TestServer {
    /// A server with the demo's configuration.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// The same, its settings changed.
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_for(APP, change).await
    }

    /// The same for an example application that somebody can reach at `app`.
    pub async fn start_for(app: &str, change: impl FnOnce(&mut Settings)) -> Self {
        let database = Arc::new(TestDatabase::new().await);
        let simulator = simulator().await;
        let owner = database.owner_pool().await;
        let card = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let card_host = format!("https://localhost:{}", card.local_addr().expect("an address").port());
        configure_for(app, &card_host, &owner, Path::new("config/demo"), &simulator.url, &simulator.simulator).await;
        push_after(&owner, 0).await;
        Self::node(database, None, Some(card), change).await
    }

    /// A second node over the same database, with the same issuer, time and keys.
    pub async fn second_node(&self) -> Self {
        self.second_node_with(|_| {}).await
    }

    /// The same, its settings changed.
    pub async fn second_node_with(&self, change: impl FnOnce(&mut Settings)) -> Self {
        Self::node(self.database.clone(), Some((self.issuer.clone(), self.clock.clone())), None, change).await
    }

    async fn node(
        database: Arc<TestDatabase>,
        of: Option<(String, FixedClock)>,
        card: Option<TcpListener>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = format!("localhost:{}", listener.local_addr().expect("an address").port());
        let (issuer, clock, hand) = if let Some((issuer, hand)) = of {
            (issuer, Clock::Fixed(hand.clone()), hand)
        } else {
            let (clock, hand) = Clock::fixed(Clock::System.now());
            (format!("http://{own}"), clock, hand)
        };
        let url = Secret::new("postgres://localhost/not-used".to_owned());
        let mut settings = Settings::development(Issuer::from_str(&issuer).expect("an issuer"), url, Secret::new(MASTER_KEY))
            .expect("settings");
        settings.server.allowed_hosts.push(own.clone());
        // tests share one address and sign in often
        settings.sign_in.attempts_per_address = 1000;
        change(&mut settings);
        let pool_settings = PoolSettings { max_connections: 12, min_connections: 0, ..PoolSettings::default() };
        let pool = pool::connect(database.serving(), &pool_settings).await.expect("a pool");
        let master = settings.keys.master_key().expect("a key");
        let lifetimes = ias::app::key_lifetimes(&settings);
        life_cycle::keep(&pool, &master, settings.keys.rsa_bits, lifetimes, clock.now()).await.expect("keys");
        let app = App::new(settings, clock, pool, Metrics::install().expect("metrics")).await.expect("an app");
        jobs::start(&app);
        let stop = CancellationToken::new();
        let card = card.map(|card| (Listener::of_card_host(card, &app).expect("TLS"), router::card_host(&app)));
        for (listener, router) in [(Listener::from(listener), router::public(&app))].into_iter().chain(card) {
            let (server_settings, stopping) = (app.settings.server.clone(), stop.clone());
            tokio::spawn(async move { server::serve(listener, router, &server_settings, stopping).await });
        }
        let issuer = app.urls.issuer().to_owned();
        Self { issuer, address: format!("http://{own}"), app, clock: hand, database, stop }
    }

    /// Ends what the node does by itself, so that a test may do it: when this returns, no job runs.
    pub async fn stop_jobs(&self) {
        self.app.stopping.cancel();
        self.app.tasks.close();
        self.app.tasks.wait().await;
    }

    /// A pool with the owner's rights, to change what no endpoint changes.
    pub async fn owner(&self) -> PgPool {
        self.database.owner_pool().await
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.app.stopping.cancel();
        self.stop.cancel();
    }
}

/// The app asks so many milliseconds after its page; for nodes that start after this.
pub async fn push_after(owner: &PgPool, milliseconds: u32) {
    let statement = "update identity_providers set settings = jsonb_set(settings, '{push_delay_ms}', to_jsonb($1))
                     where settings ->> 'driver' = 'smart_id'";
    sqlx::query(statement).bind(i64::from(milliseconds)).execute(owner).await.expect("the delay is set");
}

/// Applies files of configuration with the tests' addresses and secrets.
pub async fn configure(owner: &PgPool, path: &Path, simulator_url: &str, simulator: &Simulator) {
    configure_for(APP, "https://localhost:1", owner, path, simulator_url, simulator).await;
}

async fn configure_for(app: &str, card_host: &str, owner: &PgPool, path: &Path, simulator_url: &str, simulator: &Simulator) {
    let variables = BTreeMap::from(
        [
            ("APP", app.to_owned()),
            ("SIMULATOR", simulator_url.to_owned()),
            ("SIMULATOR_TLS_ROOTS", String::new()),
            ("SIMULATOR_ANCHORS", simulator.anchors_pem()),
            ("SIMULATOR_INTERMEDIATES", simulator.intermediates_pem()),
            ("SIMULATOR_APP_INTERMEDIATES", simulator.app_intermediates_pem()),
            ("SIMULATOR_CARD_INTERMEDIATES", simulator.card_intermediates_pem()),
            ("CARD_HOST", card_host.to_owned()),
            ("CONFORMANCE_CALLBACK", format!("{app}/callback")),
            ("CONFORMANCE_LOGOUT", format!("{app}/post_logout_redirect")),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let options = Options {
        environment: Environment::Development,
        now: Clock::System.now(),
        variables: &variables,
        secret: &|_| Some(Secret::new(SECRET.to_owned())),
    };
    apply::apply(owner, path, options).await.expect("the configuration applies");
}
