//! Several tabs of one browser.

use super::{chromium::View, scene::Scene};
use crate::support::phone::Phone;

/// Each tab is once the first, once the second and once the last.
const ORDERS: [[usize; 3]; 3] = [[0, 1, 2], [1, 2, 0], [2, 0, 1]];

#[tokio::test(flavor = "multi_thread")]
async fn three_tabs_finish_in_any_order_each_as_its_own_person() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    let tabs = [browser.tab().await, browser.new_tab().await, browser.new_tab().await];
    for order in ORDERS {
        browser.forget_cookies().await;
        let phones = [Phone::asking().await, Phone::asking().await, Phone::asking().await];
        for (tab, phone) in tabs.iter().zip(&phones) {
            browser.go_to_tab(tab).await;
            scene.ask_to_sign_in().await;
            scene.give(&phone.number).await;
            browser.sees("#verification-code").await;
        }
        for turn in order {
            phones[turn].approve().await;
            browser.go_to_tab(&tabs[turn]).await;
            scene.is_signed_in(&phones[turn]).await;
        }
    }
    scene.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_page_in_two_tabs_is_finished_once_and_both_go_on() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    let phone = Phone::asking().await;
    scene.ask_to_sign_in().await;
    scene.give(&phone.number).await;
    browser.sees("#verification-code").await;
    let (first, waiting) = (browser.tab().await, browser.url().await);
    let second = browser.new_tab().await;
    browser.open(waiting.as_str()).await;
    browser.sees("#verification-code").await;
    phone.approve().await;
    // whichever of them asked first went on; in the other it has ended: one button, and the person is signed in there as well
    for tab in [&second, &first] {
        browser.go_to_tab(tab).await;
        browser.sees("#continue, form[action='/logout']").await;
        if browser.has("#continue").await {
            browser.press("#continue").await;
        }
        scene.is_signed_in(&phone).await;
    }
    scene.chromium.close().await;
}
