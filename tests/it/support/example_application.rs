//! The example application of the demo, before a test's server.

use ias::{
    base::{clock::Clock, secret::Secret},
    demo::relying_party::{self, Options},
};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::server::{SECRET, TestServer, simulator};

/// Where the example application will be.
pub struct Place {
    listener: TcpListener,
    /// its origin
    pub address: String,
}

/// The example application; it ends with the value.
pub struct ExampleApplication {
    /// its origin
    pub address: String,
    _stop: DropGuard,
}

impl Place {
    /// A free one.
    pub async fn find() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://localhost:{}", listener.local_addr().expect("an address").port());
        Self { listener, address }
    }
}

impl ExampleApplication {
    /// With a server of its own. Both go by the server's clock.
    pub async fn start() -> (TestServer, Self) {
        let place = Place::find().await;
        let server = TestServer::start_for(&place.address, |_| {}).await;
        let clock = Clock::Fixed(server.clock.clone());
        let application = Self::serve(&server, place, clock).await;
        (server, application)
    }

    /// Before a server that was started for the place.
    pub async fn serve(server: &TestServer, place: Place, clock: Clock) -> Self {
        let simulator = simulator().await;
        let options = Options {
            issuer: server.issuer.clone(),
            client_id: "@myorg.is/webapp".to_owned(),
            client_secret: Secret::new(SECRET.to_owned()),
            base_url: place.address.clone(),
            scopes: ["openid", "profile", "offline_access", "@myorg.is/documents:read", "@myorg.is/documents:write"]
                .map(str::to_owned)
                .to_vec(),
            phone_url: Some(format!("{}/phone", simulator.url)),
            clock,
            trusted_roots: None,
            persons: simulator.simulator.persons().into_iter().map(|person| (person.name, person.phone_number)).collect(),
        };
        let stop = CancellationToken::new();
        tokio::spawn(relying_party::serve(options, place.listener, stop.clone()));
        Self { address: place.address, _stop: stop.drop_guard() }
    }
}
