//! The consent page, as a person answers it.

use ias::base::text::Language;

use super::{
    chromium::View,
    scene::{Scene, say},
};
use crate::support::phone::Phone;

const WRITE: &str = "input[name=scope][value='@myorg.is/documents:write']";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_allows_some_of_it_or_all_of_it_or_nothing() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    scene.sign_in(&Phone::new().await).await;
    let request = scene.webapp_request(&[("prompt", "consent")]);

    // a scope unticked is not granted
    browser.open(&request).await;
    browser.is_at("Vefur stofnunarinnar minnar biður um aðgang").await;
    assert!(browser.text("main").await.contains("Lesaðgangur að skjölum notandans."));
    browser.press(WRITE).await;
    browser.press("#allow").await;
    let allowed = answer(&scene).await;
    assert!(allowed.contains_key("code"));
    assert_eq!(allowed["scope"], "openid profile @myorg.is/documents:read");

    // all of it, in English
    browser.open(&request).await;
    browser.press("nav a[hreflang=en]").await;
    browser.is_at("My Org Webapp asks for access").await;
    browser.press("#allow").await;
    assert_eq!(answer(&scene).await["scope"], "openid profile @myorg.is/documents:read @myorg.is/documents:write");

    // nothing
    browser.open(&request).await;
    browser.press("#deny").await;
    let denied = answer(&scene).await;
    assert_eq!(denied["error"], "access_denied");
    assert!(!denied.contains_key("code"));

    // and the page that was answered has ended
    browser.back().await;
    browser.reload().await;
    browser.is_at(&say(Language::En, "ended-heading")).await;
    scene.chromium.close().await;
}

/// What the client was sent; the application itself knows nothing of this request.
async fn answer(scene: &Scene) -> std::collections::HashMap<String, String> {
    scene.chromium.arrives(&format!("{}/oauth/callback?", scene.app)).await;
    scene.chromium.url().await.query_pairs().into_owned().collect()
}
