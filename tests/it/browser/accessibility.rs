//! Every page, in both languages: axe-core finds nothing, neither in light nor in dark colours, and at 320 pixels (400 % zoom)
//! nothing has to be scrolled sideways. With IAS_SCREENSHOTS=1 each is photographed as well.

use std::sync::OnceLock;

use ias::base::text::Language;
use serde_json::{Value, json};
use time::Duration;

use super::{
    chromium::{Chromium, View},
    scene::{Scene, say},
};
use crate::support::{
    app::open,
    broker::{add_brokers, secrets},
    phone::Phone,
};

#[tokio::test(flavor = "multi_thread")]
async fn every_page_in_icelandic_is_accessible() {
    Walk::everywhere(Language::Is).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_in_english_is_accessible() {
    Walk::everywhere(Language::En).await;
}

struct Walk {
    scene: Scene,
    language: Language,
    phone: Phone,
}

impl Walk {
    async fn everywhere(language: Language) {
        let view = View { language: language.tag(), ..View::WIDE };
        let Some(scene) = Scene::open_with(view, |settings| settings.sign_in.secrets_dir = Some(secrets())).await else {
            return;
        };
        add_brokers(&scene.server).await;
        // pages that go on by themselves stand still
        scene.chromium.block(&["*/static/signin*.js"]).await;
        let walk = Self { scene, language, phone: Phone::asking().await };
        walk.the_inspector_sees().await;
        walk.refused_before_it_begins().await;
        walk.with_a_broker().await;
        walk.with_a_card().await;
        walk.with_the_app().await;
        walk.signing_in().await;
        walk.on_the_phone().await;
        walk.signed_in().await;
        walk.over().await;
        walk.scene.chromium.close().await;
    }

    /// What is wrong is found: a page that does not say its language.
    async fn the_inspector_sees(&self) {
        let browser = &self.scene.chromium;
        browser.open(&format!("{}/", self.scene.app)).await;
        browser.run("document.documentElement.removeAttribute('lang')", "").await;
        assert_eq!(violations(browser, Value::Null).await[0]["rule"], "html-has-lang");
    }

    async fn refused_before_it_begins(&self) {
        let (scene, browser) = (&self.scene, &self.scene.chromium);
        browser.open(&scene.request("@nobody.is/nothing", "https://nobody.is/", &[])).await;
        self.look("unknown-client").await;
        browser.open(&scene.request("@myorg.is/webapp", "https://nobody.is/", &[])).await;
        self.look("invalid-redirect-uri").await;
        browser.open(&format!("{}/nowhere", scene.server.issuer)).await;
        self.look("not-found").await;
        browser.open(&format!("{}/signin/choose?request=nonsense", scene.server.issuer)).await;
        self.look("unreadable").await;
        browser.open(&format!("{}/oauth/callback?error=access_denied&state=none", scene.app)).await;
        self.look("app-failure").await;
    }

    async fn signing_in(&self) {
        let (scene, browser) = (&self.scene, &self.scene.chromium);
        browser.open(&format!("{}/", scene.app)).await;
        self.look("app-signed-out").await;
        scene.ask_to_sign_in().await;
        self.look("start").await;
        scene.give("12").await;
        browser.sees("#problem").await;
        self.look("start-problem").await;
        scene.give("0000007").await;
        browser.sees("#waiting, #problem").await;
        while !browser.has("#retry").await {
            browser.reload().await;
        }
        self.look("wait-failed").await;
        browser.press("#retry").await;
        scene.give(&self.phone.number).await;
        browser.sees("#verification-code").await;
        self.look("wait").await;
    }

    /// From the example application to the first page of a way to sign in.
    async fn choose(&self, way: &str) {
        let browser = &self.scene.chromium;
        browser.open(&self.scene.webapp_request(&[("prompt", "login")])).await;
        browser.press(&format!("button[name=identity_provider][value={way}]")).await;
    }

    async fn with_a_broker(&self) {
        let (scene, browser) = (&self.scene, &self.scene.chromium);
        browser.open(&scene.webapp_request(&[])).await;
        browser.sees("#identity-provider-signicat").await;
        self.look("choose").await;
        browser.press("#identity-provider-signicat").await;
        browser.arrives(&format!("{}/op/", scene.simulator)).await;
        self.look("phone-broker").await;
        browser.fill_in("#person", "12").await;
        browser.press("#approve").await;
        browser.sees("[role=alert]").await;
        self.look("phone-broker-unknown").await;
        browser.press("#decline").await;
        browser.is_at(&say(self.language, "wait-failed-heading")).await;
        self.look("broker-declined").await;
    }

    async fn with_a_card(&self) {
        let browser = &self.scene.chromium;
        self.choose("card").await;
        browser.is_at(&say(self.language, "card-heading")).await;
        self.look("start-card").await;
        browser.press("#start").await;
        browser.sees("#card-reader").await;
        self.look("wait-card").await;
        let reader = browser.attribute("#card-reader", "src").await.expect("an address");
        browser.enter_frame("#card-reader").await;
        browser.press("#cancel").await;
        browser.leave_frame().await;
        browser.reads("#card-problem", &say(self.language, "problem-cancelled")).await;
        self.look("wait-card-cancelled").await;
        // the reader as a page of its own
        browser.open(&reader).await;
        browser.sees("#sign").await;
        self.look("card-reader").await;
        browser.fill_in("#pin", "9999").await;
        browser.press("#sign").await;
        browser.sees("[role=alert]").await;
        self.look("card-reader-wrong-pin").await;
    }

    async fn with_the_app(&self) {
        let browser = &self.scene.chromium;
        self.choose("app").await;
        browser.sees("#national_id").await;
        self.look("start-app").await;
        browser.press("#app-other_device").await;
        while !browser.has("#qr").await {
            browser.reload().await;
        }
        self.look("wait-qr").await;
        browser.press("#restart").await;
        browser.press("#app-this_device").await;
        while !browser.has("#open-app").await {
            browser.reload().await;
        }
        self.look("wait-open-app").await;
        let link = browser.attribute("#open-app", "href").await.expect("a link");
        browser.press("#open-app").await;
        browser.sees("#person").await;
        self.look("phone-device-link").await;
        // it leads back into another browser than the one that began
        let redirect = open(&link, &self.phone, "approve").await.expect("a way back");
        browser.forget_cookies().await;
        browser.open(&redirect).await;
        browser.is_at(&say(self.language, "other-browser-heading")).await;
        self.look("other-browser").await;
        browser.open(&format!("{}/device-link", self.scene.simulator)).await;
        self.look("phone-scan").await;
    }

    async fn on_the_phone(&self) {
        let (scene, browser) = (&self.scene, &self.scene.chromium);
        let sign_in = browser.tab().await;
        browser.new_tab().await;
        browser.open(&scene.phone_page(&self.phone)).await;
        self.look("phone-request").await;
        browser.open(&format!("{}/phone", scene.simulator)).await;
        self.look("phone-list").await;
        browser.open(&scene.phone_page(&self.phone)).await;
        browser.fill_in("#pin", "9999").await;
        browser.press("button[value=approve]").await;
        browser.sees("[role=alert]").await;
        self.look("phone-wrong-pin").await;
        browser.fill_in("#pin", "1234").await;
        browser.press("button[value=approve]").await;
        browser.sees("[role=status]").await;
        self.look("phone-confirmed").await;
        browser.go_to_tab(&sign_in).await;
    }

    async fn signed_in(&self) {
        let (scene, browser) = (&self.scene, &self.scene.chromium);
        while !browser.has("#allow").await {
            browser.reload().await;
        }
        self.look("wait-verified").await;
        let waiting = browser.url().await;
        browser.press("#allow").await;
        scene.is_signed_in(&self.phone).await;
        self.look("app-signed-in").await;
        browser.press("form[action='/documents'] button").await;
        browser.sees(".documents").await;
        self.look("app-documents").await;
        browser.open(waiting.as_str()).await;
        browser.is_at(&say(self.language, "ended-heading")).await;
        self.look("ended").await;
        browser.open(&scene.webapp_request(&[("prompt", "consent")])).await;
        browser.sees("#allow").await;
        self.look("consent").await;
        browser.open(&scene.webapp_request(&[("prompt", "select_account")])).await;
        browser.sees("#subject-current").await;
        self.look("select-account").await;
        browser.open(&scene.webapp_request(&[("response_mode", "form_post")])).await;
        browser.sees("form[data-goes-on]").await;
        self.look("form-post").await;
    }

    async fn over(&self) {
        let (scene, browser) = (&self.scene, &self.scene.chromium);
        browser.open(&scene.webapp_request(&[("prompt", "login")])).await;
        scene.choose_sim().await;
        scene.server.clock.advance(Duration::minutes(16));
        browser.reload().await;
        browser.is_at(&say(self.language, "expired-heading")).await;
        self.look("expired").await;
        browser.open(&format!("{}/connect/endsession?client_id=%40myorg.is%2Fwebapp", scene.server.issuer)).await;
        browser.sees("#logout").await;
        self.look("end-session").await;
        browser.press("#logout").await;
        browser.is_at(&say(self.language, "logged-out-heading")).await;
        self.look("logged-out").await;
    }

    /// What is true of every page.
    async fn look(&self, name: &str) {
        let browser = &self.scene.chromium;
        if !name.starts_with("phone") {
            assert_eq!(browser.attribute("html", "lang").await.as_deref(), Some(self.language.tag()), "{name}");
        }
        for (colours, is_dark) in [("light", false), ("dark", true)] {
            browser.is_dark(is_dark).await;
            for (screen, size) in [("phone", (360, 740)), ("wide", (1280, 800))] {
                browser.resize(size).await;
                browser.photograph(&format!("{name}-{}-{colours}-{screen}", self.language.tag())).await;
            }
            // what is dark has the same elements in other colours
            let rules = if is_dark { json!(["color-contrast"]) } else { Value::Null };
            assert_eq!(violations(browser, rules).await, json!([]), "{name} in {colours} colours");
        }
        browser.is_dark(false).await;
        browser.resize((320, 256)).await;
        let overflow = browser.run("return document.documentElement.scrollWidth - window.innerWidth", "").await;
        assert!(overflow.as_i64().is_some_and(|pixels| pixels <= 0), "{name} is {overflow} pixels too wide at 320");
        browser.resize(View::WIDE.size).await;
    }
}

/// What axe-core finds by the rules, or by all that it has, each with its first elements.
async fn violations(browser: &Chromium, rules: Value) -> Value {
    let script = format!(
        "{}; const done = arguments[arguments.length - 1], rules = {rules};
        axe.run(document, {{ resultTypes: ['violations'], ...(rules && {{ runOnly: rules }}) }}).then(
            found => done(found.violations.map(rule => ({{
                rule: rule.id, help: rule.help, elements: rule.nodes.slice(0, 3).map(node => node.html + ' ' + node.failureSummary) }}))),
            error => done(String(error)))",
        axe()
    );
    browser.run_async(&script).await
}

fn axe() -> &'static str {
    static AXE: OnceLock<String> = OnceLock::new();
    AXE.get_or_init(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/node_modules/axe-core/axe.min.js");
        std::fs::read_to_string(path).expect("axe-core is not there: npm ci --prefix tests/clients")
    })
}
