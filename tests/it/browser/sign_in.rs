//! The whole way: the example application, the electronic ID on the SIM card, the claims, the documents API, and out again.

use fantoccini::key::Key;

use super::{chromium::View, scene::Scene};
use crate::support::phone::Phone;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_reads_documents_and_signs_out_in_icelandic() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    let phone = Phone::new().await;
    scene.ask_to_sign_in().await;
    assert_eq!(browser.attribute("html", "lang").await.as_deref(), Some("is"));
    browser.reads("h1", "Sláðu inn símanúmerið þitt").await;
    assert!(browser.text(".service").await.starts_with("Þú ert að skrá þig inn í þjónustuna Vefur stofnunarinnar minnar"));
    scene.give(&phone.number).await;
    scene.is_signed_in(&phone).await;
    assert!(browser.text("main").await.contains(&phone.national_id));

    use_the_application(&scene).await;
    scene.chromium.close().await;
}

/// Calls the API, adds a document, and signs out at both.
async fn use_the_application(scene: &Scene) {
    let browser = &scene.chromium;
    browser.press("form[action='/documents'] button").await;
    browser.fill_in("#title", "Bréf til sýslumanns").await;
    browser.press("form[action='/documents'] button").await;
    browser.sees(".documents li:nth-child(3)").await;
    assert!(browser.text(".documents").await.contains("Bréf til sýslumanns"));
    browser.press("a[href='/']:not(.brand)").await;
    browser.press("form[action='/logout'] button").await;
    browser.sees("[role=status]").await;
    assert!(browser.url().await.as_str().starts_with(&format!("{}/?state=", scene.app)));
    // the identity provider has forgotten the person, too
    browser.press("form[action='/login'] button").await;
    browser.sees("button[name=identity_provider][value=sim]").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_language_keeps_the_attempt_and_the_phone_is_answered_in_a_second_tab() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    let phone = Phone::asking().await;
    scene.ask_to_sign_in().await;
    browser.press("nav a[hreflang=en]").await;
    browser.is_at("Enter your phone number").await;
    assert_eq!(browser.attribute("html", "lang").await.as_deref(), Some("en"));
    scene.give(&phone.number).await;
    browser.is_at("Confirm on your phone").await;
    let code = browser.text("#verification-code").await;
    browser.press("nav a[hreflang=is]").await;
    browser.is_at("Staðfestu í símanum").await;
    browser.reads("#verification-code", &code).await;
    browser.press("nav a[hreflang=en]").await;
    browser.is_at("Confirm on your phone").await;

    let sign_in = browser.tab().await;
    browser.new_tab().await;
    answer_on_the_phone(&scene, &phone, &code).await;
    browser.go_to_tab(&sign_in).await;
    scene.is_signed_in(&phone).await;
    scene.chromium.close().await;
}

/// The same code stands on the phone; the first PIN is wrong.
async fn answer_on_the_phone(scene: &Scene, phone: &Phone, code: &str) {
    let browser = &scene.chromium;
    browser.open(&scene.phone_page(phone)).await;
    browser.reads(".code [aria-hidden]", code).await;
    browser.fill_in("#pin", "9999").await;
    browser.press("button[value=approve]").await;
    assert!(browser.text("[role=alert]").await.contains("Rangt PIN-númer"));
    browser.fill_in("#pin", "1234").await;
    browser.press("button[value=approve]").await;
    assert!(browser.text("[role=status]").await.contains("Staðfest"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_all_of_it_works() {
    let Some(scene) = Scene::open(View { script: false, ..View::WIDE }).await else { return };
    let browser = &scene.chromium;
    let phone = Phone::asking().await;
    scene.ask_to_sign_in().await;
    scene.give(&phone.number).await;
    let code = browser.text("#verification-code").await;
    assert_eq!(code.len(), 4);
    phone.approve().await;
    // the page looks again by itself, and goes on by a button
    browser.is_at("Innskráning tókst").await;
    browser.press("#allow").await;
    scene.is_signed_in(&phone).await;

    // the answer to the client as a form has a button as well
    let request = scene.webapp_request(&[("response_mode", "form_post")]);
    browser.open(&request).await;
    browser.press("#continue").await;
    browser.arrives(&format!("{}/oauth/callback", scene.app)).await;
    use_the_application_without_form_post(&scene).await;
    scene.chromium.close().await;
}

async fn use_the_application_without_form_post(scene: &Scene) {
    scene.chromium.open(&format!("{}/", scene.app)).await;
    use_the_application(scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_small_phone_every_page_fits_and_every_control_is_big_enough() {
    let Some(scene) = Scene::open(View::PHONE).await else { return };
    let browser = &scene.chromium;
    let phone = Phone::asking().await;
    browser.open(&format!("{}/", scene.app)).await;
    fits_a_finger(&scene).await;
    browser.press("form[action='/login'] button").await;
    browser.sees("button[name=identity_provider]").await;
    fits_a_finger(&scene).await;
    scene.choose_sim().await;
    fits_a_finger(&scene).await;
    scene.give(&phone.number).await;
    browser.sees("#verification-code").await;
    fits_a_finger(&scene).await;
    phone.approve().await;
    scene.is_signed_in(&phone).await;
    fits_a_finger(&scene).await;
    browser.open(&scene.webapp_request(&[("prompt", "consent")])).await;
    browser.sees("#allow").await;
    fits_a_finger(&scene).await;
    scene.chromium.close().await;
}

/// Nothing is wider than the screen; buttons, fields and links outside of sentences are 44 pixels high.
async fn fits_a_finger(scene: &Scene) {
    let script = "
        if (document.documentElement.scrollWidth > window.innerWidth) return ['the page is too wide'];
        return [...document.querySelectorAll('button, .button, input:not([type=hidden]):not([type=checkbox]), nav a, label, summary')]
            .filter(control => control.getBoundingClientRect().height < (control.matches('label') ? 0 : 44))
            .map(control => control.outerHTML)";
    let small = scene.chromium.run(script, "").await;
    assert_eq!(small, serde_json::json!([]), "{}", scene.chromium.url().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_is_enough() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    let enter = Key::Enter.to_string();
    let phone = Phone::new().await;
    browser.open(&format!("{}/", scene.app)).await;
    browser.tab_to("form[action='/login'] button").await;
    browser.keys(&enter).await;
    browser.sees("button[name=identity_provider][value=sim]").await;
    browser.tab_to("button[name=identity_provider][value=sim]").await;
    browser.keys(&enter).await;
    browser.sees("#phone_number").await;
    browser.tab_to("#phone_number").await;
    browser.keys("12").await;
    browser.keys(&enter).await;
    // the summary of what is wrong leads to the field
    browser.tab_to("#problem a").await;
    browser.keys(&enter).await;
    assert_eq!(browser.value("#phone_number:focus").await, "12");
    browser.fill_in("#phone_number", &phone.number).await;
    browser.keys(&enter).await;
    scene.is_signed_in(&phone).await;
    browser.tab_to("form[action='/logout'] button").await;
    browser.keys(&enter).await;
    browser.sees("[role=status]").await;
    scene.chromium.close().await;
}
