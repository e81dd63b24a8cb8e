//! A phone of the shared simulator, with a person of its own, so that tests beside one another never ring the same one; and the
//! way of a browser to the waiting page.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use ias::{base::text::Language, model::urls::Urls};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    person::{Arrival, Person},
    server::{APP, SharedSimulator, TestServer, simulator},
};

/// The client that these sign-ins are for, and where its answers go.
pub const CLIENT: &str = "@conformance.is/basic-1";

/// A phone number and whoever holds it.
pub struct Phone {
    pub number: String,
    pub national_id: String,
    pub name: String,
}

impl Phone {
    /// A new person whose phone approves at once.
    pub async fn new() -> Self {
        let phone = Self::nobodys();
        let person = json!({"nationalId": phone.national_id, "name": phone.name, "phone": phone.number});
        phone.control(Method::POST, "/persons", person).await;
        phone
    }

    /// A number that nobody holds.
    pub fn nobodys() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(20_000);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            number: format!("00{next}"),
            // no real person has the prefix (eid.md §11.2)
            national_id: format!("00994{next}"),
            name: format!("Prófun Símadóttir{next}"),
        }
    }

    /// A new person whose phone waits for [`Self::approve`] or [`Self::refuse`].
    pub async fn asking() -> Self {
        let phone = Self::new().await;
        phone.does("ask").await;
        phone
    }

    /// From now on the phone does this: `ask`, `approve`, `refuse`, `notClient`, …
    pub async fn does(&self, action: &str) {
        let behaviour = json!({"method": "sim", "action": action});
        self.control(Method::PUT, &format!("/persons/{}/behaviour", self.national_id), behaviour).await;
    }

    /// From now on it approves with this lie (eid.md §11.3).
    pub async fn lies(&self, fault: &str) {
        let behaviour = json!({"method": "sim", "action": "approve", "fault": fault});
        self.control(Method::PUT, &format!("/persons/{}/behaviour", self.national_id), behaviour).await;
    }

    /// Every prompt that the phone was ever sent, the newest last.
    pub async fn prompts(&self) -> Vec<Value> {
        let all = self.control(Method::GET, "/sessions", Value::Null).await;
        let number = format!("+354{}", self.number);
        all["sessions"].as_array().unwrap().iter().filter(|session| session["phone"] == *number).cloned().collect()
    }

    /// The newest prompt, once it has arrived.
    pub async fn prompt(&self) -> Value {
        eventually("the prompt", async || self.prompts().await.pop()).await
    }

    /// The person confirms the newest prompt.
    pub async fn approve(&self) {
        self.answer("approve").await;
    }

    /// The person declines the newest prompt.
    pub async fn refuse(&self) {
        self.answer("refuse").await;
    }

    async fn answer(&self, word: &str) {
        let id = self.prompt().await["id"].as_str().unwrap().to_owned();
        self.control(Method::POST, &format!("/sessions/{id}/{word}"), Value::Null).await;
    }

    async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, body) = control(method, path, body).await;
        assert!(status < 300, "{path}: {status} {body}");
        body
    }
}

/// Asks the control API of the shared simulator.
pub async fn control(method: Method, path: &str, body: Value) -> (u16, Value) {
    let SharedSimulator { url, token, .. } = simulator().await;
    let request = reqwest::Client::new().request(method, format!("{url}/control{path}")).bearer_auth(token);
    let request = if body.is_null() { request } else { request.json(&body) };
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// Looks until there is something to see; fails after ten seconds.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..400 {
        if let Some(seen) = look().await {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what} has not come");
}

/// A request of [`CLIENT`], with further parameters.
pub fn authorize_url(server: &TestServer, further: &[(&str, &str)]) -> String {
    let redirect_uri = format!("{APP}/callback");
    let usual = [("client_id", CLIENT), ("redirect_uri", &redirect_uri), ("response_type", "code"), ("scope", "openid")];
    format!("{}{}", server.address, Urls::with_parameters("/connect/authorize", &[&usual, further].concat()))
}

/// A browser that stops before the client's redirect URI.
pub fn browser() -> Person {
    Person::new().stopping_at(&format!("{APP}/"))
}

/// A new browser on the page that asks for the phone number.
pub async fn at_the_number(server: &TestServer) -> Person {
    let mut person = browser();
    go_to_the_number(&mut person, server).await;
    person
}

/// The browser begins a new sign-in, up to the page that asks for the phone number.
pub async fn go_to_the_number(person: &mut Person, server: &TestServer) {
    person.get(authorize_url(server, &[("prompt", "login")])).await;
    person.submit(&[("identity_provider", "sim")]).await;
    assert!(person.page().forms()[0].has_field("phone_number"), "{}", person.page());
}

/// A new browser that has given the phone's number.
pub async fn started(server: &TestServer, phone: &Phone) -> Person {
    let mut person = at_the_number(server).await;
    person.submit(&[("phone_number", &phone.number)]).await;
    person
}

/// Reloads the waiting page until it no longer waits.
pub async fn until_answered(person: &mut Person) {
    for _ in 0..400 {
        if person.page().text_of("#verification-code").is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
        let url = person.page().url.clone();
        person.get(url).await;
    }
    panic!("still waiting on {}", person.page());
}

/// From a new browser to the client, signed in.
pub async fn signed_in(server: &TestServer, phone: &Phone) -> Person {
    let mut person = browser();
    sign_in_again(&mut person, server, phone).await;
    person
}

/// The browser signs in, whoever was signed in before.
pub async fn sign_in_again(person: &mut Person, server: &TestServer, phone: &Phone) {
    go_to_the_number(person, server).await;
    person.submit(&[("phone_number", &phone.number)]).await;
    until_answered(person).await;
    let url = confirm(person).await.stopped();
    assert!(url.query().unwrap().contains("code="), "{url}");
}

/// Presses the button that goes on after the approval.
pub async fn confirm(person: &mut Person) -> Arrival {
    person.submit(&[("decision", "allow")]).await
}

/// The value of the session cookie.
pub fn session_cookie(person: &Person) -> Option<&str> {
    person.cookie("localhost", "ias_session")
}

/// Asserts that the page shows the sentence of this key, in Icelandic, where problems stand.
#[track_caller]
pub fn assert_problem(person: &Person, key: &str) {
    assert_problem_with(person, key, &[]);
}

/// The same, with values in the sentence.
#[track_caller]
pub fn assert_problem_with(person: &Person, key: &str, values: &[(&'static str, &str)]) {
    let wanted = Language::Is.text(key, values);
    let shown = person.page().text_of("#problem p");
    // Fluent marks values with isolating characters
    let plain = |text: &str| text.replace(['\u{2068}', '\u{2069}'], "");
    assert_eq!(shown.as_deref().map(plain), Some(plain(&wanted)), "{}", person.page());
}
