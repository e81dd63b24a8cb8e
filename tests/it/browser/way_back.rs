//! The browser's back button, reload and bookmarks, at every step.

use ias::base::text::Language;

use super::{
    chromium::View,
    scene::{Scene, say},
};
use crate::support::phone::Phone;

#[tokio::test(flavor = "multi_thread")]
async fn back_and_reload_at_every_step_do_no_harm() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    let phone = Phone::asking().await;
    scene.ask_to_sign_in().await;
    browser.back().await;
    browser.reload().await;
    scene.choose_sim().await;
    browser.reload().await;

    // a page with an error comes from a form; back is the page before it
    scene.give("12").await;
    browser.sees("#problem").await;
    browser.back().await;
    browser.sees("#phone_number").await;
    scene.give(&phone.number).await;
    browser.sees("#verification-code").await;
    let bookmark = browser.url().await;

    // back from the waiting page, and on to the same attempt
    browser.back().await;
    browser.sees("#phone_number").await;
    browser.open(bookmark.as_str()).await;
    browser.sees("#verification-code").await;
    phone.approve().await;
    scene.is_signed_in(&phone).await;

    // what is over says so, and leads to the application, where the person is signed in already
    browser.open(bookmark.as_str()).await;
    browser.is_at(&say(Language::Is, "ended-heading")).await;
    browser.press("#continue").await;
    scene.is_signed_in(&phone).await;
    scene.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gives_up_while_the_phone_waits_begins_again() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    let phone = Phone::asking().await;
    scene.ask_to_sign_in().await;
    scene.give(&phone.number).await;
    browser.sees("#verification-code").await;
    let waiting = browser.url().await;
    browser.press("#cancel").await;
    browser.sees("button[name=identity_provider]").await;
    browser.open(waiting.as_str()).await;
    browser.reads("#problem p", &say(Language::Is, "problem-cancelled")).await;
    browser.press("#retry").await;
    assert_eq!(browser.value("#phone_number").await, phone.number);
    scene.chromium.close().await;
}
