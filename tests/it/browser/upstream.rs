//! Signing in at another OpenID provider: there and back, in both languages, by keyboard, without script, and on a phone.

use fantoccini::key::Key;

use super::{chromium::View, scene::Scene};
use crate::support::{
    broker::{add_brokers, secrets},
    phone::Phone,
};

async fn scene(view: View) -> Option<Scene> {
    let scene = Scene::open_with(view, |settings| settings.sign_in.secrets_dir = Some(secrets())).await?;
    add_brokers(&scene.server).await;
    Some(scene)
}

impl Scene {
    /// From the example application to the page of a broker.
    async fn go_to_the_broker(&self, name: &str) {
        self.chromium.open(&format!("{}/", self.app)).await;
        self.chromium.press("form[action='/login'] button").await;
        self.chromium.press(&format!("button[name=identity_provider][value={name}]")).await;
        self.chromium.arrives(&format!("{}/op/", self.simulator)).await;
    }

    /// The person approves at the broker.
    async fn approve_at_the_broker(&self, phone: &Phone) {
        self.chromium.fill_in("#person", &phone.national_id).await;
        self.chromium.press("#approve").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_goes_to_the_broker_and_comes_back_signed_in_in_icelandic_on_a_phone() {
    let Some(scene) = scene(View::PHONE).await else { return };
    let phone = Phone::new().await;
    scene.chromium.open(&format!("{}/", scene.app)).await;
    scene.chromium.press("form[action='/login'] button").await;
    scene.chromium.sees("#identity-provider-signicat").await;
    let overflow = scene.chromium.run("return document.documentElement.scrollWidth - window.innerWidth", "").await;
    assert!(overflow.as_i64().is_some_and(|pixels| pixels <= 0), "the page with all the brokers is too wide: {overflow}");
    scene.chromium.photograph("choose-brokers").await;
    scene.go_to_the_broker("audkenni-sim").await;
    scene.chromium.photograph("broker").await;
    scene.approve_at_the_broker(&phone).await;
    // the page between goes on by itself
    scene.is_signed_in(&phone).await;
    assert!(scene.chromium.text("main").await.contains(&phone.national_id));
    scene.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_declines_and_chooses_another_broker_in_english() {
    let Some(scene) = scene(View { language: "en", ..View::WIDE }).await else { return };
    let (browser, phone) = (&scene.chromium, Phone::new().await);
    scene.go_to_the_broker("kenni").await;
    browser.press("#decline").await;
    browser.is_at("You could not be signed in").await;
    assert_eq!(browser.attribute("html", "lang").await.as_deref(), Some("en"));
    browser.reads("#problem", "The sign-in was cancelled.").await;
    browser.press("#other").await;
    browser.press("button[name=identity_provider][value=signicat]").await;
    browser.arrives(&format!("{}/op/signicat/", scene.simulator)).await;
    scene.approve_at_the_broker(&phone).await;
    scene.is_signed_in(&phone).await;
    scene.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_is_enough_for_a_broker() {
    let Some(scene) = scene(View::WIDE).await else { return };
    let (browser, phone, enter) = (&scene.chromium, Phone::new().await, Key::Enter.to_string());
    browser.open(&format!("{}/", scene.app)).await;
    browser.tab_to("form[action='/login'] button").await;
    browser.keys(&enter).await;
    browser.sees("button[name=identity_provider][value=signicat]").await;
    browser.tab_to("button[name=identity_provider][value=signicat]").await;
    browser.keys(&enter).await;
    browser.sees("#person").await;
    browser.tab_to("#person").await;
    browser.keys(&phone.national_id).await;
    browser.tab_to("#approve").await;
    browser.keys(&enter).await;
    scene.is_signed_in(&phone).await;
    scene.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_a_button_goes_on() {
    let Some(scene) = scene(View { script: false, ..View::WIDE }).await else { return };
    let (browser, phone) = (&scene.chromium, Phone::new().await);
    scene.go_to_the_broker("audkenni-app").await;
    scene.approve_at_the_broker(&phone).await;
    browser.is_at("Innskráning tókst").await;
    browser.press("#allow").await;
    scene.is_signed_in(&phone).await;
    scene.chromium.close().await;
}
