//! What stands around a browser: a server, the example application that signs people in with it, and the people's phones.

use ias::{
    base::{digest, entropy, secret::Secret, text::Language},
    demo::relying_party::{self, Options},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    chromium::{Chromium, View},
    driver,
};
use crate::support::server::{SECRET, SharedSimulator, TestServer, simulator};

/// A person with a phone. Each test has people of its own, because all of them share the phones.
#[derive(Clone, Copy, Debug)]
pub struct Gervimadur {
    pub name: &'static str,
    pub national_id: &'static str,
    pub phone: &'static str,
}

macro_rules! gervimenn {
    ($($constant:ident $name:literal $national_id:literal $phone:literal)*) => {
        $(pub const $constant: Gervimadur =
            Gervimadur { name: concat!("Gervimaður ", $name), national_id: $national_id, phone: $phone };)*
    };
}

gervimenn! {
    NOREGUR "Noregur" "0101302129" "0102129"
    FINNLAND "Finnland" "0101302209" "0102209"
    FAEREYJAR "Færeyjar" "0101302399" "0102399"
    DANMORK "Danmörk" "0101302479" "0102479"
    SVITHJOD "Svíþjóð" "0101302559" "0102559"
    GRAENLAND "Grænland" "0101302639" "0102639"
    EVROPA "Evrópa" "0101302719" "0102719"
    AFRIKA "Afríka" "0101303019" "0103019"
    ASIA "Asía" "0101303369" "0103369"
    BRETLAND "Bretland" "0101304929" "0104929"
    BANDARIKIN "Bandaríkin" "0101305069" "0105069"
    UTLOND "útlönd" "0101307789" "0107789"
}

/// A server, the example application, and a browser.
pub struct Scene {
    pub server: TestServer,
    /// the example application's origin
    pub app: String,
    pub chromium: Chromium,
    simulator: &'static SharedSimulator,
    _stop: DropGuard,
}

impl Scene {
    /// None where the tests with a browser are left out.
    pub async fn open(view: View) -> Option<Self> {
        if driver::is_left_out() {
            return None;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let app = format!("http://localhost:{}", listener.local_addr().expect("an address").port());
        let simulator = simulator().await;
        let (server, chromium) = tokio::join!(TestServer::start_for(&app, |_| {}), Chromium::start(view));
        let options = Options {
            issuer: server.issuer.clone(),
            client_id: "@myorg.is/webapp".to_owned(),
            client_secret: Secret::new(SECRET.to_owned()),
            base_url: app.clone(),
            scopes: ["openid", "profile", "@myorg.is/documents:read", "@myorg.is/documents:write"].map(str::to_owned).to_vec(),
            phone_url: Some(format!("{}/phone", simulator.url)),
            persons: simulator.simulator.persons().into_iter().map(|person| (person.name, person.phone_number)).collect(),
        };
        let stop = CancellationToken::new();
        tokio::spawn(relying_party::serve(options, listener, stop.clone()));
        Some(Self { server, app, chromium, simulator, _stop: stop.drop_guard() })
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
    pub async fn give(&self, phone: &str) {
        self.chromium.fill_in("#phone_number", phone).await;
        self.chromium.press("#start").await;
    }

    /// Signs in at the example application with a phone that approves at once.
    pub async fn sign_in(&self, person: Gervimadur) {
        self.ask_to_sign_in().await;
        self.give(person.phone).await;
        self.is_signed_in(person).await;
    }

    /// Waits until the example application greets the person.
    pub async fn is_signed_in(&self, person: Gervimadur) {
        self.chromium.is_at(person.name).await;
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
            ("scope", "openid profile @myorg.is/documents:read @myorg.is/documents:write"),
            ("state", "state-of-the-test"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let mut url = url::Url::parse(&self.server.issuer).expect("the issuer");
        url.set_path("/connect/authorize");
        url.query_pairs_mut().extend_pairs(parameters).extend_pairs(more);
        url.into()
    }

    /// A request of the example application that it does not know of: how it ends stands in the address.
    pub fn webapp_request(&self, more: &[(&str, &str)]) -> String {
        self.request("@myorg.is/webapp", &format!("{}/oauth/callback", self.app), more)
    }

    /// Where the person's phone shows requests.
    pub fn phone_page(&self, person: Gervimadur) -> String {
        format!("{}/phone/{}", self.simulator.url, person.national_id)
    }

    // Phones

    /// From now on the person's phone asks; the person answers on its page, or [`Self::approve`] does.
    pub async fn phone_asks(&self, person: Gervimadur) {
        let behaviour = json!({ "method": "sim", "action": "ask" });
        let path = format!("/control/persons/{}/behaviour", person.national_id);
        self.control(reqwest::Method::PUT, &path, Some(behaviour)).await;
    }

    /// The person confirms what waits on the phone.
    pub async fn approve(&self, person: Gervimadur) {
        let path = format!("/control/sessions?state=pending&person={}", person.national_id);
        for _ in 0..500 {
            let waiting = self.control(reqwest::Method::GET, &path, None).await;
            if let Some(id) = waiting["sessions"][0]["id"].as_str() {
                self.control(reqwest::Method::POST, &format!("/control/sessions/{id}/approve"), None).await;
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("nothing waits on the phone of {}", person.name);
    }

    async fn control(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Value {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let mut request = client.request(method, format!("{}{path}", self.simulator.url)).bearer_auth(&self.simulator.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("the simulator answers");
        assert!(answer.status().is_success(), "{}: {}", path, answer.status());
        answer.json().await.expect("JSON")
    }
}

/// A text of our pages.
pub fn say(language: Language, key: &str) -> String {
    language.text(key, &[])
}
