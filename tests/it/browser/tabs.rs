//! Several tabs of one browser.

use super::{
    chromium::View,
    scene::{DANMORK, FINNLAND, Gervimadur, SVITHJOD, Scene},
};

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

#[tokio::test(flavor = "multi_thread")]
async fn three_tabs_finish_in_every_order_each_as_its_own_person() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    let people: [Gervimadur; 3] = [FINNLAND, DANMORK, SVITHJOD];
    for person in people {
        scene.phone_asks(person).await;
    }
    let tabs = [browser.tab().await, browser.new_tab().await, browser.new_tab().await];
    for order in ORDERS {
        browser.forget_cookies().await;
        for (tab, person) in tabs.iter().zip(people) {
            browser.go_to_tab(tab).await;
            scene.ask_to_sign_in().await;
            scene.give(person.phone).await;
            browser.sees("#verification-code").await;
        }
        for turn in order {
            scene.approve(people[turn]).await;
            browser.go_to_tab(&tabs[turn]).await;
            scene.is_signed_in(people[turn]).await;
        }
    }
    scene.chromium.close().await;
}
