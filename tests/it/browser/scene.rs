//! What stands around a browser: a server, the example application that signs people in with it, and the people's phones.

use ias::{
    base::{clock::Clock, digest, entropy, text::Language},
    config::Settings,
};

use super::{
    chromium::{Chromium, View},
    driver,
};
use crate::support::{
    example_application::{ExampleApplication, Place},
    phone::Phone,
    server::{TestServer, simulator},
};

/// A server, the example application, and a browser.
pub struct Scene {
    pub server: TestServer,
    /// the example application's origin
    pub app: String,
    pub chromium: Chromium,
    /// the simulator's origin
    pub simulator: &'static str,
    _application: ExampleApplication,
}

impl Scene {
    /// None where the tests with a browser are left out.
    pub async fn open(view: View) -> Option<Self> {
        Self::open_with(view, |_| {}).await
    }

    /// The same, the server's settings changed.
    pub async fn open_with(view: View, change: impl FnOnce(&mut Settings)) -> Option<Self> {
        if driver::is_left_out() {
            return None;
        }
        let place = Place::find().await;
        let app = place.address.clone();
        let (server, chromium) = tokio::join!(TestServer::start_for(&app, change), Chromium::start(view));
        let application = ExampleApplication::serve(&server, place, Clock::System).await;
        Some(Self { server, app, chromium, simulator: &simulator().await.url, _application: application })
    }

    /// Before a server that is there already, for the example application at `place`.
    pub async fn before(server: TestServer, place: Place, view: View) -> Self {
        let (app, chromium) = (place.address.clone(), Chromium::start(view).await);
        let application = ExampleApplication::serve(&server, place, Clock::System).await;
        Self { server, app, chromium, simulator: &simulator().await.url, _application: application }
    }

    // What people do

    /// From the example application to the page that asks for the phone number.
    pub async fn ask_to_sign_in(&self) {
        self.chromium.open(&format!("{}/", self.app)).await;
        self.chromium.press("form[action='/login'] button").await;
        self.choose_sim().await;
    }

    /// Chooses the electronic ID on the SIM card, and waits for the page that asks for the number.
    pub async fn choose_sim(&self) {
        self.chromium.press("button[name=identity_provider][value=sim]").await;
        self.chromium.sees("#phone_number").await;
    }

    /// Gives the number.
    pub async fn give(&self, number: &str) {
        self.chromium.fill_in("#phone_number", number).await;
        self.chromium.press("#start").await;
    }

    /// Signs in at the example application with a phone that approves at once.
    pub async fn sign_in(&self, phone: &Phone) {
        self.ask_to_sign_in().await;
        self.give(&phone.number).await;
        self.is_signed_in(phone).await;
    }

    /// Waits until the example application greets whoever holds the phone.
    pub async fn is_signed_in(&self, phone: &Phone) {
        self.chromium.is_at(&phone.name).await;
        assert_eq!(self.chromium.url().await.as_str(), format!("{}/", self.app));
    }

    /// Waits until the example application says something else than a greeting.
    pub async fn is_told(&self, heading: &str) {
        self.chromium.arrives(&self.app).await;
        self.chromium.is_at(heading).await;
    }

    // Addresses

    /// A request of a client, as the example application makes them, with more parameters.
    pub fn request(&self, client_id: &str, redirect_uri: &str, more: &[(&str, &str)]) -> String {
        let challenge = digest::base64url(digest::sha256(&[&entropy::bytes::<32>()]));
        let parameters = [
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("response_type", "code"),
            ("scope", "openid profile offline_access @myorg.is/documents:read @myorg.is/documents:write"),
            ("state", "state-of-the-test"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let mut url = url::Url::parse(&self.server.issuer).expect("the issuer");
        url.set_path("/connect/authorize");
        let others = parameters.into_iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
        url.query_pairs_mut().extend_pairs(others).extend_pairs(more);
        url.into()
    }

    /// A request of the example application that it does not know of: how it ends stands in the address.
    pub fn webapp_request(&self, more: &[(&str, &str)]) -> String {
        self.request("@myorg.is/webapp", &format!("{}/oauth/callback", self.app), more)
    }

    /// Where the phone shows requests.
    pub fn phone_page(&self, phone: &Phone) -> String {
        format!("{}/phone/{}", self.simulator, phone.national_id)
    }
}

/// A text of our pages.
pub fn say(language: Language, key: &str) -> String {
    language.text(key, &[])
}
