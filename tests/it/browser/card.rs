//! Signing in with an identity card: the simulator's reader stands in for the Web eID extension (eid.md §4.2).

use fantoccini::key::Key;
use ias::base::text::Language;

use super::{
    chromium::{Chromium, View},
    driver,
    scene::{Scene, say},
};
use crate::support::{
    card::{pkcs12, with_tls},
    phone::Phone,
};

/// From the example application to the page that asks for the card.
async fn ask_for_the_card(scene: &Scene) {
    scene.chromium.open(&format!("{}/", scene.app)).await;
    scene.chromium.press("form[action='/login'] button").await;
    scene.chromium.press("button[name=identity_provider][value=card]").await;
    scene.chromium.sees("#start").await;
}

/// Puts the card of this person into the reader that the page shows, and gives the PIN.
async fn confirm(browser: &Chromium, holder: &Phone) {
    browser.enter_frame("#card-reader").await;
    browser.choose("#person", &holder.national_id).await;
    browser.press("#sign").await;
    browser.leave_frame().await;
}

async fn a_card_in(language: Language) {
    let Some(scene) = Scene::open(View { language: language.tag(), ..View::WIDE }).await else { return };
    let browser = &scene.chromium;
    let holder = Phone::new().await;
    ask_for_the_card(&scene).await;
    browser.is_at(&say(language, "card-heading")).await;
    browser.photograph(&format!("start-card.{}", language.tag())).await;
    browser.press("#start").await;
    // it begins by itself; somebody who thinks better of it can begin again
    browser.enter_frame("#card-reader").await;
    browser.press("#cancel").await;
    browser.leave_frame().await;
    browser.reads("#card-problem", &say(language, "problem-cancelled")).await;
    browser.photograph(&format!("card-cancelled.{}", language.tag())).await;
    for (code, key) in [
        ("ERR_WEBEID_NATIVE_UNAVAILABLE", "card-install"),
        ("ERR_WEBEID_VERSION_MISMATCH", "card-update"),
        ("ERR_WEBEID_USER_TIMEOUT", "problem-timed-out"),
        ("ERR_WEBEID_ACTION_PENDING", "card-already-open"),
        ("ERR_WEBEID_NATIVE_FATAL", "card-failed"),
    ] {
        browser.press("#read-card").await;
        browser.enter_frame("#card-reader").await;
        browser.press("summary").await;
        browser.press(&format!("button[value={code}]")).await;
        browser.leave_frame().await;
        browser.reads("#card-problem", &say(language, key)).await;
    }
    browser.press("#read-card").await;
    browser.photograph(&format!("card-reader.{}", language.tag())).await;
    confirm(browser, &holder).await;
    scene.is_signed_in(&holder).await;
    scene.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_signs_a_person_in_in_icelandic() {
    a_card_in(Language::Is).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_signs_a_person_in_in_english() {
    a_card_in(Language::En).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_reads_a_card() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    let enter = Key::Enter.to_string();
    let holder = Phone::new().await;
    ask_for_the_card(&scene).await;
    browser.tab_to("#start").await;
    browser.keys(&enter).await;
    browser.enter_frame("#card-reader").await;
    browser.tab_to("#cancel").await;
    browser.keys(&enter).await;
    browser.leave_frame().await;
    browser.reads("#card-problem", &say(Language::Is, "problem-cancelled")).await;
    // the focus is on what to do next
    browser.tab_to("#read-card:focus").await;
    browser.keys(&enter).await;
    browser.enter_frame("#card-reader").await;
    browser.tab_to("#person").await;
    // the names that begin so
    browser.keys(&holder.name).await;
    browser.tab_to("#sign").await;
    browser.keys(&enter).await;
    browser.leave_frame().await;
    scene.is_signed_in(&holder).await;
    scene.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_the_browsers_certificates_are_the_way() {
    let Some(scene) = Scene::open(View { script: false, ..View::WIDE }).await else { return };
    let browser = &scene.chromium;
    ask_for_the_card(&scene).await;
    browser.press("#start").await;
    browser.sees("#certificate").await;
    assert!(browser.text("main").await.contains(&say(Language::Is, "card-no-script")));
    assert_eq!(browser.attribute("#read-card", "hidden").await.as_deref(), Some("true"));
    scene.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_card_software_the_page_says_what_is_missing() {
    let Some(scene) = Scene::open(View::PHONE).await else { return };
    let browser = &scene.chromium;
    browser.block(&["*/card/shim.js"]).await;
    ask_for_the_card(&scene).await;
    browser.press("#start").await;
    browser.reads("#card-problem", &say(Language::Is, "card-install")).await;
    browser.photograph("card-install.phone").await;
    let too_wide = browser.run("return document.documentElement.scrollWidth > window.innerWidth", "").await;
    assert_eq!(too_wide, false);
    scene.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_the_browser_signs_a_person_in_in_both_languages_and_by_keyboard() {
    if driver::is_left_out() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    // browsers have one folder of certificates, and show the first that fits
    let (holder, file) = (Phone::new().await, directory.path().join("card.p12"));
    std::fs::write(&file, pkcs12(&holder).await).expect("a file");
    if !driver::give_certificate(&file, "1234") {
        return;
    }
    for language in [Language::Is, Language::En] {
        let view = View { script: false, language: language.tag(), ..View::WIDE };
        let Some(scene) = Scene::open_with(view, with_tls(&directory)).await else { return };
        let browser = &scene.chromium;
        let enter = Key::Enter.to_string();
        ask_for_the_card(&scene).await;
        assert_eq!(browser.attribute("html", "lang").await.as_deref(), Some(language.tag()));
        for step in ["#start", "#certificate", "#allow"] {
            browser.sees(step).await;
            browser.tab_to(step).await;
            browser.keys(&enter).await;
        }
        scene.is_signed_in(&holder).await;
        scene.chromium.close().await;
    }
}
