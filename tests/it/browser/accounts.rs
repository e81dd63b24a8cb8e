//! A session that lives: single sign-on, going on as oneself or as somebody else, signing in once more, signing out.

use ias::base::text::Language;

use super::{
    chromium::View,
    scene::{Scene, say},
};
use crate::support::phone::Phone;

#[tokio::test(flavor = "multi_thread")]
async fn who_is_signed_in_goes_on_or_signs_in_as_somebody_else() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    let callback = format!("{}/oauth/callback?code=", scene.app);
    let [one, other] = [Phone::new().await, Phone::new().await];
    scene.sign_in(&one).await;

    // another application: no page at all
    let portal = scene.request(
        "@otherorg.is/portal",
        &format!("{}/oauth/callback", scene.app),
        &[("scope", "openid @otherorg.is/cases:read")],
    );
    browser.open(&portal).await;
    browser.arrives(&callback).await;

    // go on as the one who is signed in
    let select = scene.webapp_request(&[("prompt", "select_account")]);
    browser.open(&select).await;
    browser.is_at("Hver er að skrá sig inn?").await;
    browser.reads("#subject-current", &format!("Halda áfram sem {}", one.name)).await;
    browser.press("#subject-current").await;
    browser.arrives(&callback).await;

    // somebody else, who then is the one signed in
    browser.open(&select).await;
    browser.press("#subject-other").await;
    scene.choose_sim().await;
    scene.give(&other.number).await;
    browser.arrives(&callback).await;
    browser.open(&select).await;
    browser.reads("#subject-current", &format!("Halda áfram sem {}", other.name)).await;

    // a client that wants to see the person now
    browser.open(&scene.webapp_request(&[("prompt", "login")])).await;
    scene.choose_sim().await;
    scene.give(&other.number).await;
    browser.arrives(&callback).await;
    scene.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_without_a_hint_asks_first() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    let end_session = format!("{}/connect/endsession?client_id=%40myorg.is%2Fwebapp", scene.server.issuer);
    let phone = Phone::new().await;
    scene.sign_in(&phone).await;

    browser.open(&end_session).await;
    browser.is_at(&say(Language::Is, "end-session-heading")).await;
    assert!(browser.text("main").await.contains(&phone.name));
    // back at the service, and still signed in
    browser.press("#cancel").await;
    scene.is_signed_in(&phone).await;

    browser.open(&end_session).await;
    browser.press("#logout").await;
    browser.is_at(&say(Language::Is, "logged-out-heading")).await;
    browser.open(&scene.webapp_request(&[])).await;
    browser.sees("button[name=identity_provider]").await;
    // the form of a page that was left open does no harm
    browser.open(&end_session).await;
    browser.is_at(&say(Language::Is, "logged-out-heading")).await;
    scene.chromium.close().await;
}
