//! Apps of the shared simulator, and the way of a browser with them: by kennitala, by QR code, or with the app on the same device.

use reqwest::Method;
use scraper::{Html, Selector};
use serde_json::{Value, json};

use super::{
    person::{Page, Person},
    phone::{Phone, authorize_url, browser, control, eventually},
    server::TestServer,
};

/// What the app of this person does from now on: `ask`, `approve`, `refuse`, …
pub async fn does(phone: &Phone, action: &str) {
    behave(phone, json!({"method": "app", "action": action})).await;
}

/// From now on it approves with this lie (eid.md §11.3).
pub async fn lies(phone: &Phone, fault: &str) {
    behave(phone, json!({"method": "app", "action": "approve", "fault": fault})).await;
}

async fn behave(phone: &Phone, behaviour: Value) {
    let (status, body) = control(Method::PUT, &format!("/persons/{}/behaviour", phone.national_id), behaviour).await;
    assert_eq!(status, 200, "{body}");
}

/// Every request that this person's app was ever sent, the newest last.
pub async fn requests(phone: &Phone) -> Vec<Value> {
    let (_, all) = control(Method::GET, &format!("/sessions?person={}", phone.national_id), Value::Null).await;
    let is_app = |session: &&Value| session["flow"] == "Notification";
    all["sessions"].as_array().unwrap().iter().filter(is_app).cloned().collect()
}

/// The newest request, once it has arrived.
pub async fn request(phone: &Phone) -> Value {
    eventually("the request in the app", async || requests(phone).await.pop()).await
}

/// The person confirms the newest request, with this code where one is given.
pub async fn approve(phone: &Phone, code: Option<&str>) {
    let id = request(phone).await["id"].as_str().unwrap().to_owned();
    let body = code.map_or_else(|| json!({}), |code| json!({"chosenCode": code}));
    let (status, body) = control(Method::POST, &format!("/sessions/{id}/approve"), body).await;
    assert_eq!(status, 200, "{body}");
}

/// Somebody's device opens a link and answers it: where the browser of the same device then goes.
pub async fn open(link: &str, phone: &Phone, action: &str) -> Option<String> {
    let (status, body) = follow(link, phone, action).await;
    assert_eq!(status, 200, "{body}");
    body["redirect"].as_str().map(ToOwned::to_owned)
}

/// The same, whatever comes of it.
pub async fn follow(link: &str, phone: &Phone, action: &str) -> (u16, Value) {
    control(Method::POST, "/device-link", json!({"link": link, "person": phone.national_id, "action": action})).await
}

/// A new browser on the page on which the app begins.
pub async fn at_the_app(server: &TestServer) -> Person {
    let mut person = browser();
    go_to_the_app(&mut person, server).await;
    person
}

/// The browser begins a new sign-in, up to that page.
pub async fn go_to_the_app(person: &mut Person, server: &TestServer) {
    person.get(authorize_url(server, &[("prompt", "login")])).await;
    person.submit(&[("identity_provider", "app")]).await;
    assert!(person.page().forms()[0].has_field("national_id"), "{}", person.page());
}

/// A new browser that has given the kennitala.
pub async fn named(server: &TestServer, phone: &Phone) -> Person {
    let mut person = at_the_app(server).await;
    person.submit(&[("national_id", &phone.national_id)]).await;
    person
}

/// A new browser that shows a QR code.
pub async fn with_qr(server: &TestServer) -> Person {
    let mut person = at_the_app(server).await;
    person.submit(&[("app", "other_device")]).await;
    until_there(&mut person, "#qr").await;
    person
}

/// A new browser that shows the button that opens the app.
pub async fn with_button(server: &TestServer) -> Person {
    let mut person = at_the_app(server).await;
    person.submit(&[("app", "this_device")]).await;
    until_there(&mut person, "#open-app").await;
    person
}

/// Reloads the page until the element is there.
pub async fn until_there(person: &mut Person, css: &str) {
    for _ in 0..400 {
        if attribute(person.page(), css, "id").is_some() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        let url = person.page().url.clone();
        person.get(url).await;
    }
    panic!("no {css} on {}", person.page());
}

/// Reloads the page until it no longer waits.
pub async fn until_answered(person: &mut Person) {
    for _ in 0..400 {
        if attribute(person.page(), "#waiting", "id").is_none() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        let url = person.page().url.clone();
        person.get(url).await;
    }
    panic!("still waiting on {}", person.page());
}

/// The link behind the button that opens the app.
pub fn app_link(person: &Person) -> String {
    attribute(person.page(), "#open-app", "href").expect("a button")
}

/// The link in the page's QR code.
pub fn qr_link(person: &Person) -> String {
    let view_box = attribute(person.page(), "#qr", "viewBox").expect("a QR code");
    decode(view_box.split(' ').nth(2).unwrap(), &attribute(person.page(), "#qr path", "d").unwrap())
}

/// What a camera reads in the SVG path of a QR code: the black modules, as `M{x} {y}h{length}v1h-{length}z`.
pub fn decode(size: &str, path: &str) -> String {
    const SCALE: usize = 4;
    let size: usize = size.parse().unwrap();
    let mut black = vec![false; size * size];
    for run in path.split('M').filter(|run| !run.is_empty()) {
        let (x, rest) = run.split_once(' ').unwrap();
        let (y, rest) = rest.split_once('h').unwrap();
        let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
        let length: usize = rest.split_once('v').unwrap().0.parse().unwrap();
        black[y * size + x..y * size + x + length].fill(true);
    }
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(size * SCALE, size * SCALE, |x, y| {
        if black[y / SCALE * size + x / SCALE] { 0 } else { 255 }
    });
    let codes = picture.detect_grids();
    assert_eq!(codes.len(), 1, "one QR code");
    codes[0].decode().expect("readable").1
}

/// An attribute of the first element that the selector finds.
pub fn attribute(page: &Page, css: &str, name: &str) -> Option<String> {
    let document = Html::parse_document(&page.html);
    let element = document.select(&Selector::parse(css).unwrap()).next()?;
    element.attr(name).map(ToOwned::to_owned)
}
