//! What goes wrong: on the phone, in the field, and while time goes by. Every page of it has a way on.

use ias::base::text::Language;
use time::Duration;

use super::{
    chromium::View,
    scene::{Scene, say},
};
use crate::support::phone::Phone;

#[tokio::test(flavor = "multi_thread")]
async fn who_refuses_on_the_phone_may_try_again_with_the_number_kept() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    let phone = Phone::asking().await;
    scene.ask_to_sign_in().await;
    scene.give(&phone.number).await;
    browser.sees("#verification-code").await;
    let sign_in = browser.tab().await;
    let other = browser.new_tab().await;
    browser.open(&scene.phone_page(&phone)).await;
    browser.press("button[value=decline]").await;

    browser.go_to_tab(&sign_in).await;
    browser.reads("#problem p", &say(Language::Is, "problem-cancelled")).await;
    assert_eq!(browser.run("return document.activeElement.id", "").await, "heading", "the reader begins at the news");
    browser.press("#retry").await;
    assert_eq!(browser.value("#phone_number").await, phone.number);
    browser.press("#start").await;
    browser.sees("#verification-code").await;
    browser.go_to_tab(&other).await;
    browser.press("button[value=approve]").await;
    browser.go_to_tab(&sign_in).await;
    scene.is_signed_in(&phone).await;
    scene.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_thing_that_can_happen_on_a_phone_is_told_in_one_sentence() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    scene.ask_to_sign_in().await;
    for wrong in ["", "12", "123456a"] {
        scene.give(wrong).await;
        browser.reads("#problem p", &say(Language::Is, "problem-phone-number")).await;
        assert_eq!(browser.attribute("#phone_number", "aria-invalid").await.as_deref(), Some("true"));
        assert_eq!(browser.value("#phone_number").await, wrong);
    }
    for (phone, sentence) in [
        ("0000003", "problem-timed-out"),
        ("0000004", "problem-unreachable"),
        ("0000005", "problem-not-available"),
        ("0000007", "problem-blocked"),
        ("0000012", "problem-rejected"),
    ] {
        scene.give(phone).await;
        browser.is_at(&say(Language::Is, "wait-failed-heading")).await;
        browser.reads("#problem p", &say(Language::Is, sentence)).await;
        browser.press("#retry").await;
        browser.sees("#phone_number").await;
    }
    browser.press("#cancel").await;
    scene.is_told("Hætt var við innskráningu").await;
    scene.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_goes_by_on_the_waiting_page_and_on_a_page_left_open() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    let phone = Phone::asking().await;
    scene.ask_to_sign_in().await;
    scene.give(&phone.number).await;
    let code = browser.text("#verification-code").await;
    browser.reload().await;
    browser.reads("#verification-code", &code).await;
    scene.server.clock.advance(Duration::seconds(131));
    browser.is_at(&say(Language::Is, "wait-failed-heading")).await;
    browser.reads("#problem p", &say(Language::Is, "problem-timed-out")).await;

    browser.press("#retry").await;
    browser.sees("#phone_number").await;
    scene.server.clock.advance(Duration::minutes(20));
    scene.give(&phone.number).await;
    browser.is_at(&say(Language::Is, "expired-heading")).await;
    // the same request begins anew
    browser.press("#continue").await;
    scene.choose_sim().await;
    browser.press("#cancel").await;
    scene.is_told("Hætt var við innskráningu").await;
    scene.chromium.close().await;
}
