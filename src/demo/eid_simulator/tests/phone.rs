//! The phone page as a browser without a script uses it.

use reqwest::Method;

use super::{Asked, Stage};
use crate::demo::eid_simulator::Mode;

impl Stage {
    async fn page(&self, path: &str) -> String {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.expect("an answer");
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.expect("a text")
    }

    /// Presses a button; where the browser is then sent.
    async fn press(&self, asked: &Asked, choice: &str, pin: &str) -> String {
        let response = self
            .http
            .post(format!("{}/phone/0101302989/answer", self.url))
            .header("origin", &self.url)
            .form(&[("session", asked.session.as_str()), ("pin", pin), ("choice", choice)])
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), 303);
        response.headers()["location"].to_str().expect("a text").to_owned()
    }
}

#[tokio::test]
async fn the_phone_shows_what_was_delivered_and_signs_with_the_pin() {
    let stage = Stage::new(Mode::Manual).await;
    assert!(stage.page("/phone/0101302989").await.contains("Engin beiðni"));
    let asked = stage.ask("0102989").await;
    assert!(stage.page("/phone").await.contains("Beiðni bíður"));
    let (_, session) = stage.control(Method::GET, &format!("/sessions/{}", asked.session), None).await;
    let page = stage.page("/phone/0101302989").await;
    for shown in [
        "HERMIR",
        "Gervimaður Ameríka",
        "IAS DEMO",
        "Öryggistala 1462. Innskráning: Þjónusta",
        "value=\"1234\"",
        "Staðfesta",
        "Approve",
        "Hafna",
        "Decline",
        session["verificationCode"].as_str().expect("a code"),
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert_eq!(page.matches("<h1").count(), 1);
    let (answer, location) = tokio::join!(stage.poll(&asked), stage.press(&asked, "approve", "1234"));
    assert_eq!((answer["result"].as_str(), location.as_str()), (Some("OK"), "/phone/0101302989?notice=signed"));
    assert!(stage.page(&location).await.contains("Confirmed."));
    assert_eq!(stage.press(&asked, "approve", "1234").await, "/phone/0101302989?notice=over");
}

#[tokio::test]
async fn declining_and_wrong_pins_end_as_they_do_on_a_phone() {
    let stage = Stage::new(Mode::Manual).await;
    let asked = stage.ask("0102989").await;
    assert_eq!(stage.press(&asked, "decline", "").await, "/phone/0101302989?notice=declined");
    assert_eq!(stage.poll(&asked).await["result"], "USER_CANCELLED");

    let asked = stage.ask("0102989").await;
    for notice in ["wrong-pin", "wrong-pin", "blocked"] {
        assert_eq!(stage.press(&asked, "approve", "0000").await, format!("/phone/0101302989?notice={notice}"));
    }
    assert!(stage.page("/phone/0101302989").await.contains("Skilríkin eru læst"));
    let unblock = stage.http.post(format!("{}/phone/0101302989/unblock", stage.url)).header("sec-fetch-site", "same-origin");
    assert_eq!(unblock.send().await.expect("an answer").status(), 303);
    let asked = stage.ask("0102989").await;
    assert_eq!(stage.press(&asked, "approve", "1234").await, "/phone/0101302989?notice=signed");
}

#[tokio::test]
async fn a_phone_answers_its_own_requests_only() {
    let stage = Stage::new(Mode::Manual).await;
    let asked = stage.ask("0103019").await;
    assert_eq!(stage.press(&asked, "approve", "1234").await, "/phone/0101302989?notice=over");
    let (_, session) = stage.control(Method::GET, &format!("/sessions/{}", asked.session), None).await;
    assert_eq!(session["state"], "pending");
}

#[tokio::test]
async fn other_sites_neither_post_nor_read() {
    let stage = Stage::new(Mode::Manual).await;
    let asked = stage.ask("0102989").await;
    let form = [("session", asked.session.as_str()), ("pin", "1234"), ("choice", "approve")];
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("origin", "http://localhost:8080"), ("origin", "null"), ("x-none", "1")]
    {
        let response =
            stage.http.post(format!("{}/phone/0101302989/answer", stage.url)).header(name, value).form(&form).send().await;
        assert_eq!(response.expect("an answer").status(), 403, "{name}: {value}");
    }
    let rebound =
        stage.http.get(format!("{}/phone", stage.url)).header("host", "evil.example").send().await.expect("an answer");
    assert_eq!(rebound.status(), 403);
    let page = stage.http.get(format!("{}/phone", stage.url)).send().await.expect("an answer");
    let policy = page.headers()["content-security-policy"].to_str().expect("a text");
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe") && policy.contains("frame-ancestors 'none'")
    );
    assert_eq!(page.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn the_script_learns_of_changes_by_a_short_text() {
    let stage = Stage::new(Mode::Manual).await;
    assert_eq!(stage.page("/phone/0101302989/state").await, "");
    let asked = stage.ask("0102989").await;
    assert_eq!(stage.page("/phone/0101302989/state").await, asked.session);
    assert_eq!(stage.page("/phone/state").await, "0101302989");
    assert!(stage.page("/phone/phone.js").await.contains("XMLHttpRequest"));
    assert!(stage.page("/phone/phone.css").await.contains(":focus-visible"));
    let page = stage.page("/phone").await;
    assert!(
        page.contains("samþykkir strax") && page.contains("0000001") && page.contains("<noscript><meta http-equiv=\"refresh\"")
    );
}

#[tokio::test]
async fn nobody_has_no_phone() {
    let stage = Stage::new(Mode::Manual).await;
    assert_eq!(stage.get("/phone/0000000000").await.0, 404);
}
