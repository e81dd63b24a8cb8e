//! The browser against pages that keep the promise of the sign-in pages.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use axum::{
    Form, Router,
    http::HeaderMap,
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use axum_extra::extract::cookie::CookieJar;
use tokio::net::TcpListener;

use super::*;

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

fn page(form: &str) -> Html<String> {
    Html(format!(r#"<!doctype html><form method="post" action="/step?r=1&amp;x">{form}</form>"#))
}

/// Chooses what comes next by what was sent, as the sign-in pages do.
async fn step(Form(fields): Form<Vec<(String, String)>>) -> Response {
    let has = |name: &str, value: &str| fields.contains(&(name.to_owned(), value.to_owned()));
    assert!(has("csrf", "a&b"), "{fields:?}");
    if has("identity_provider", "sim") && has("phone_number", "0000001") {
        return Redirect::to("/wait").into_response();
    }
    assert!(has("decision", "allow"), "{fields:?}");
    if has("consent", "1") {
        return Redirect::to("https://app.example/oauth/callback?code=c&state=s").into_response();
    }
    let consent = r#"<input type="hidden" name="csrf" value="a&amp;b"><input type="hidden" name="consent" value="1">
        <button name="decision" value="deny">Nei</button><button name="decision" value="allow">Já</button>"#;
    page(consent).into_response()
}

#[tokio::test]
async fn a_person_walks_from_the_request_to_the_redirect_uri() {
    let looks = Arc::new(AtomicU32::new(0));
    let start = r#"<input type="hidden" name="csrf" value="a&amp;b"><input name="phone_number" type="tel">
        <button name="identity_provider" value="app">App</button><button name="identity_provider" value="sim">SIM</button>"#;
    let wait = move || async move {
        if looks.fetch_add(1, Ordering::SeqCst) < 2 {
            return Html(
                r#"<meta http-equiv="refresh" content="2; url=/wait"><p id="verification-code"> 12 34 </p>"#.to_owned(),
            );
        }
        page(r#"<input type="hidden" name="csrf" value="a&amp;b"><button name="decision" value="allow">Áfram</button>"#)
    };
    let router = Router::new()
        .route("/connect/authorize", get(async move || page(start)))
        .route("/step", axum::routing::post(step))
        .route("/wait", get(wait));
    let base = serve(router).await;
    let mut person = Person::new().stopping_at("https://app.example/oauth/callback");
    let callback = person.sign_in(format!("{base}/connect/authorize?client_id=x"), "0000001").await;
    assert_eq!(callback.query(), Some("code=c&state=s"));
    assert_eq!(person.verification_code.as_deref(), Some("12 34"));
}

#[tokio::test]
async fn cookies_are_kept_sent_back_and_taken_away() {
    let set = async || [("set-cookie", "a=1; Path=/; HttpOnly")];
    let narrow = async || [("set-cookie", "b=2; Path=/deep")];
    let unset = async || [("set-cookie", "a=; Path=/; Max-Age=0")];
    let show = async |jar: CookieJar| jar.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let router = Router::new()
        .route("/set", get(set))
        .route("/narrow", get(narrow))
        .route("/unset", get(unset))
        .route("/show", get(show))
        .route("/deep/show", get(show));
    let base = serve(router).await;
    let mut person = Person::new();
    person.get(format!("{base}/set")).await;
    person.get(format!("{base}/narrow")).await;
    assert_eq!(person.cookie("127.0.0.1", "a"), Some("1"));
    person.get(format!("{base}/show")).await;
    assert_eq!(person.page().html, "a=1");
    person.get(format!("{base}/deep/show")).await;
    assert!(person.page().html.contains("b=2"));
    person.get(format!("{base}/unset")).await;
    person.get(format!("{base}/show")).await;
    assert_eq!(person.page().html, "");
}

#[tokio::test]
async fn forms_say_where_they_come_from() {
    let form = r#"<form method="post" action="/told"></form>"#;
    let told = async |headers: HeaderMap| format!("{:?} {:?}", headers["origin"], headers["sec-fetch-site"]);
    let router = Router::new()
        .route("/open", get(async move || Html(form)))
        .route("/shy", get(async move || ([("referrer-policy", "no-referrer")], Html(form))))
        .route("/told", axum::routing::post(told));
    let base = serve(router).await;
    let mut person = Person::new();
    person.get(format!("{base}/open")).await;
    person.submit_to("/told", &[]).await;
    assert_eq!(person.page().html, format!("{base:?} \"same-origin\""));
    person.get(format!("{base}/shy")).await;
    person.submit_to("/told", &[]).await;
    assert_eq!(person.page().html, "\"null\" \"same-origin\"");
}
