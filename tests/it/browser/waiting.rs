//! The page that waits for a phone, while the server behind it restarts or dies.

use time::Duration;

use super::{chromium::View, driver, scene::Scene};
use crate::support::{
    example_application::Place,
    mortal::{Mortal, lead_to},
    phone::{Phone, eventually},
};

/// How a node ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// it has put everything in order
    Stop,
    /// nothing is put in order
    Death,
}

/// A person waits, the node that asks the provider ends, and another one stands in its place.
async fn a_wait_goes_on_after(end: End) {
    if driver::is_left_out() {
        return;
    }
    let place = Place::find().await;
    let mortal = Mortal::start_for(&place.address).await;
    let phone = Phone::asking().await;
    let scene = Scene::before(mortal.server.second_node().await, place, View::WIDE).await;
    let browser = &scene.chromium;
    scene.ask_to_sign_in().await;
    scene.give(&phone.number).await;
    let code = browser.text("#verification-code").await;
    phone.prompt().await;
    let owner = scene.server.owner().await;
    eventually("the prompt in the row", async || {
        let pending = "select id::text from sign_in_attempts where state = 'pending'";
        sqlx::query_scalar::<_, String>(pending).fetch_optional(&owner).await.unwrap()
    })
    .await;
    if end == End::Stop {
        mortal.server.stop_jobs().await;
    }
    mortal.kill();
    lead_to(&scene.server).await;
    if end == End::Death {
        // the lease of the node that died runs out
        scene.server.clock.advance(Duration::seconds(45));
    }
    browser.reads("#verification-code", &code).await;
    phone.approve().await;
    scene.is_signed_in(&phone).await;
    assert_eq!(phone.prompts().await.len(), 1, "the person was asked once");
    scene.chromium.close_after_an_outage().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_goes_on_after_a_restart_of_the_server() {
    a_wait_goes_on_after(End::Stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_goes_on_after_the_death_of_the_node_that_polled() {
    a_wait_goes_on_after(End::Death).await;
}
