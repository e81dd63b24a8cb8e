//! The consent page, as a person answers it.

use ias::base::text::Language;

use super::{
    chromium::View,
    scene::{Scene, say},
};
use crate::support::phone::Phone;

const WRITE: &str = "input[name=scope][value='@myorg.is/documents:write']";
const OFFLINE: &str = "input[name=scope][value=offline_access]";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_allows_some_of_it_or_all_of_it_or_nothing() {
    let Some(scene) = Scene::open(View::WIDE).await else { return };
    let browser = &scene.chromium;
    scene.sign_in(&Phone::new().await).await;
    let request = scene.webapp_request(&[("prompt", "consent")]);

    // a scope unticked is not granted
    browser.open(&request).await;
    browser.is_at("Vefur stofnunarinnar minnar biður um aðgang").await;
    let main = browser.text("main").await;
    assert!(main.contains("Lesaðgangur að skjölum notandans."));
    // without the isolating characters that Fluent sets around the number
    let told = main.replace(['\u{2068}', '\u{2069}'], "");
    assert!(told.contains("Aðgangur þegar þú ert ekki við"), "{told}");
    assert!(told.contains("heldur aðganginum í allt að 24 klukkustundir án þess að þú skráir þig inn aftur"), "{told}");
    browser.press(WRITE).await;
    browser.press("#allow").await;
    let allowed = answer(&scene).await;
    assert!(allowed.contains_key("code"));
    assert_eq!(allowed["scope"], "openid profile offline_access @myorg.is/documents:read");

    // nor is access for later
    browser.open(&request).await;
    browser.press(OFFLINE).await;
    browser.press("#allow").await;
    assert_eq!(answer(&scene).await["scope"], "openid profile @myorg.is/documents:read @myorg.is/documents:write");

    // all of it, in English
    browser.open(&request).await;
    browser.press("nav a[hreflang=en]").await;
    browser.is_at("My Org Webapp asks for access").await;
    assert!(browser.text("main").await.contains("Access while you are away"));
    browser.press("#allow").await;
    let all = "openid profile offline_access @myorg.is/documents:read @myorg.is/documents:write";
    assert_eq!(answer(&scene).await["scope"], all);

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
