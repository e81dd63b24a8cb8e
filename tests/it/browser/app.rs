//! The app in a real browser: the QR code as a camera sees it, the app on the same device and the way back, in both languages, and
//! by keyboard alone.

use fantoccini::key::Key;
use ias::base::text::Language;
use serde_json::Value;

use super::{
    chromium::{Chromium, View},
    scene::{Scene, say},
};
use crate::support::{
    app::{approve, decode, does, open, request},
    phone::{Phone, eventually},
};

const ENGLISH: View = View { language: "en", ..View::WIDE };

impl Scene {
    /// From the example application to the page on which the app begins.
    async fn choose_app(&self) {
        self.chromium.open(&format!("{}/", self.app)).await;
        self.chromium.press("form[action='/login'] button").await;
        self.chromium.press("button[name=identity_provider][value=app]").await;
        self.chromium.sees("#national_id").await;
    }
}

/// What a camera reads on the page, whatever the page's markup: the QR code's own path, as soon as it is there.
async fn scan(browser: &Chromium) -> String {
    let script = "const qr = document.getElementById('qr');
        return qr && [qr.getAttribute('viewBox').split(' ')[2], qr.querySelector('path').getAttribute('d')]";
    let drawn = eventually("a QR code", async || Some(browser.run(script, "").await).filter(Value::is_array)).await;
    decode(drawn[0].as_str().expect("a size"), drawn[1].as_str().expect("a path"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_qr_code_renews_itself_and_signs_in_whoever_scans_it_in_both_languages() {
    for view in [View::WIDE, ENGLISH] {
        let Some(scene) = Scene::open(view).await else { return };
        let browser = &scene.chromium;
        let language = if view.language == "is" { Language::Is } else { Language::En };
        let phone = Phone::new().await;
        scene.choose_app().await;
        browser.press("#app-other_device").await;
        browser.is_at(&say(language, "wait-qr-heading")).await;
        let first = scan(browser).await;
        let host = scene.server.issuer.strip_prefix("http://").expect("plain http");
        assert!(browser.text("main").await.contains(host), "eid.md §10.2, qr.warn");
        // black on white, and large enough for a camera
        let size = browser.run("return document.getElementById('qr').getBoundingClientRect().width", "").await;
        assert!(size.as_f64().is_some_and(|pixels| pixels >= 200.0), "{size}");
        scene.server.clock.advance(time::Duration::seconds(1));
        let second = eventually("a new code", async || Some(scan(browser).await).filter(|code| *code != first)).await;
        assert!(second.contains("elapsedSeconds=1&"), "{second}");
        assert_eq!(open(&second, &phone, "approve").await, None);
        scene.is_signed_in(&phone).await;
        scene.chromium.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_qr_code_without_connection_is_hidden_and_comes_back_with_it() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    let phone = Phone::new().await;
    scene.choose_app().await;
    browser.press("#app-other_device").await;
    let first = scan(browser).await;
    let is_shown =
        async || browser.run("return document.getElementById('qr').checkVisibility()", "").await == Value::Bool(true);
    assert!(is_shown().await);
    browser.block(&["*/signin/status*"]).await;
    eventually("no code", async || (!is_shown().await).then_some(())).await;
    assert!(browser.text("#qr-stale").await.starts_with("Samband rofnaði"), "{}", browser.text("main").await);
    browser.block(&[]).await;
    eventually("the code again", async || is_shown().await.then_some(())).await;
    // about as long as all this took, by the simulator's clock
    scene.server.clock.advance(time::Duration::seconds(6));
    let fresh = eventually("a fresh code", async || Some(scan(browser).await).filter(|code| *code != first)).await;
    open(&fresh, &phone, "approve").await;
    scene.is_signed_in(&phone).await;
    scene.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone_the_app_opens_asks_and_leads_back_in_both_languages() {
    for language in [Language::Is, Language::En] {
        let Some(scene) = Scene::open(View { language: language.tag(), ..View::PHONE }).await else { return };
        let browser = &scene.chromium;
        let phone = Phone::new().await;
        scene.choose_app().await;
        browser.press("#app-this_device").await;
        browser.is_at(&say(language, "wait-open-app-heading")).await;
        browser.press("#open-app").await;
        // the app's own page
        browser.arrives(&format!("{}/device-link?deviceLinkType=Web2App", scene.simulator)).await;
        browser.run("document.getElementById('person').value = arguments[0]", phone.national_id.as_str()).await;
        browser.press("button[value=approve]").await;
        scene.is_signed_in(&phone).await;
        scene.chromium.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_leads_into_a_new_tab_which_goes_on_and_the_first_one_ends_in_both_languages() {
    for language in [Language::Is, Language::En] {
        let Some(scene) = Scene::open(View { language: language.tag(), ..View::WIDE }).await else { return };
        let browser = &scene.chromium;
        let phone = Phone::new().await;
        scene.choose_app().await;
        browser.press("#app-this_device").await;
        browser.sees("#open-app").await;
        let link = browser.attribute("#open-app", "href").await.expect("a link");
        // asleep, as a phone leaves it: the new tab is the one that goes on
        let (first, waiting) = (browser.tab().await, browser.url().await);
        browser.open("about:blank").await;
        let redirect = open(&link, &phone, "approve").await.expect("a way back");
        browser.new_tab().await;
        browser.open(&redirect).await;
        scene.is_signed_in(&phone).await;
        browser.go_to_tab(&first).await;
        browser.open(waiting.as_str()).await;
        browser.is_at(&say(language, "ended-heading")).await;
        assert!(!browser.has("#open-app").await && !browser.has("#waiting").await, "it is over here");
        scene.chromium.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eid_04_a_foreign_browser_is_turned_away_and_the_right_one_goes_on_in_both_languages() {
    for language in [Language::Is, Language::En] {
        let view = View { language: language.tag(), ..View::WIDE };
        let Some(scene) = Scene::open(view).await else { return };
        let browser = &scene.chromium;
        let phone = Phone::new().await;
        scene.choose_app().await;
        browser.press("#app-this_device").await;
        browser.sees("#open-app").await;
        let link = browser.attribute("#open-app", "href").await.expect("a link");
        let redirect = open(&link, &phone, "approve").await.expect("a way back");
        let foreign = Chromium::start(view).await;
        foreign.open(&redirect).await;
        foreign.is_at(&say(language, "other-browser-heading")).await;
        foreign.close().await;
        assert!(browser.has("#waiting").await, "nothing is consumed");
        browser.open(&redirect).await;
        scene.is_signed_in(&phone).await;
        scene.chromium.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_keyboard_alone_the_app_on_the_same_device_signs_a_person_in() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    let (phone, enter) = (Phone::new().await, Key::Enter.to_string());
    scene.choose_app().await;
    browser.tab_to("#app-this_device").await;
    browser.keys(&enter).await;
    browser.sees("#open-app").await;
    browser.tab_to("#open-app").await;
    browser.keys(&enter).await;
    // the app's own page: the list goes to the name that begins so
    browser.arrives(&format!("{}/device-link?deviceLinkType=Web2App", scene.simulator)).await;
    browser.sees("#person").await;
    browser.tab_to("#person").await;
    browser.keys(&phone.name).await;
    assert_eq!(browser.value("#person").await, phone.national_id);
    browser.tab_to("button[value=approve]").await;
    browser.keys(&enter).await;
    scene.is_signed_in(&phone).await;
    scene.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_keyboard_alone_a_kennitala_reaches_the_app_and_a_qr_code_is_shown() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    let phone = Phone::new().await;
    does(&phone, "ask").await;
    let enter = Key::Enter.to_string();
    browser.open(&format!("{}/", scene.app)).await;
    browser.tab_to("form[action='/login'] button").await;
    browser.keys(&enter).await;
    browser.sees("button[name=identity_provider][value=app]").await;
    browser.tab_to("button[name=identity_provider][value=app]").await;
    browser.keys(&enter).await;
    browser.sees("#national_id").await;
    // the QR code first, and back again
    browser.tab_to("#app-other_device").await;
    browser.keys(&enter).await;
    browser.sees("#qr").await;
    browser.tab_to("#restart").await;
    browser.keys(&enter).await;
    browser.sees("#national_id").await;
    browser.tab_to("#national_id").await;
    browser.keys(&format!("{}{enter}", phone.national_id)).await;
    browser.sees("#verification-code").await;
    let code = browser.text("#verification-code").await;
    assert_eq!(request(&phone).await["verificationCode"], Value::String(code.clone()), "EID-03");
    approve(&phone, Some(&code)).await;
    scene.is_signed_in(&phone).await;
    scene.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_a_kennitala_and_a_qr_code_work_as_well() {
    let Some(scene) = Scene::open(View { script: false, ..View::WIDE }).await else { return };
    let browser = &scene.chromium;
    let phone = Phone::new().await;
    does(&phone, "ask").await;
    scene.choose_app().await;
    browser.fill_in("#national_id", &phone.national_id).await;
    browser.press("#start").await;
    browser.sees("#verification-code").await;
    approve(&phone, None).await;
    browser.press("#allow").await;
    scene.is_signed_in(&phone).await;
    browser.forget_cookies().await;
    let other = Phone::new().await;
    scene.choose_app().await;
    browser.press("#app-other_device").await;
    // the page looks again by itself, which renews the code as well
    assert_eq!(open(&scan(browser).await, &other, "approve").await, None);
    browser.press("#allow").await;
    scene.is_signed_in(&other).await;
    scene.chromium.close().await;
}
