//! A Chromium as a person uses it: opens, presses, types, reads. What it complains about in its console fails the test at the end.

use std::{
    future::Future,
    path::Path,
    time::{Duration, Instant},
};

use axum::http::Method;
use fantoccini::{
    Client, Locator,
    elements::Element,
    error::CmdError,
    key::Key,
    wd::{WebDriverCompatibleCommand, WindowHandle},
};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};
use url::{ParseError, Url};

use super::driver;

/// How long a page may take where everything else runs as well.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(20);
/// Browsers at once: more of them only make each other slow.
static TURNS: Semaphore = Semaphore::const_new(3);

/// The browser that a person brings.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// what the browser asks for in Accept-Language
    pub language: &'static str,
    /// whether scripts run
    pub script: bool,
    /// of the window's inside, in CSS pixels
    pub size: (u32, u32),
    pub dark: bool,
}

impl View {
    pub const WIDE: Self = Self { language: "is", script: true, size: (1280, 800), dark: false };
    pub const PHONE: Self = Self { size: (360, 740), ..Self::WIDE };
}

/// A browser with one or more tabs.
pub struct Chromium {
    client: Client,
    _turn: SemaphorePermit<'static>,
}

impl Chromium {
    /// A browser with an empty profile.
    pub async fn start(view: View) -> Self {
        let turn = TURNS.acquire().await.expect("never closed");
        let (width, height) = view.size;
        let mut options = json!({
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1280,900",
            ],
            "prefs": {
                "intl.accept_languages": view.language,
                // 1 allows, 2 blocks
                "profile.managed_default_content_settings.javascript": if view.script { 1 } else { 2 },
                // a certificate that a site asks for is shown without a dialog, where the browser has one
                "profile.managed_auto_select_certificate_for_urls": [r#"{"pattern":"*","filter":{}}"#],
            },
        });
        if view.size != View::WIDE.size {
            options["mobileEmulation"] =
                json!({ "deviceMetrics": { "width": width, "height": height, "pixelRatio": 2.0, "touch": true } });
        }
        // the authorities of tests are in no browser
        let capabilities = json!({ "acceptInsecureCerts": true, "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "WARNING" } });
        let Value::Object(capabilities) = capabilities else { unreachable!("an object") };
        let chromium = Self { client: driver::connect(capabilities).await, _turn: turn };
        if view.dark {
            chromium.is_dark(true).await;
        }
        chromium
    }

    /// Ends the browser. Nothing may stand in its console: no error of a script, nothing that a security policy has stopped.
    pub async fn close(self) {
        self.close_but_for(&[]).await;
    }

    /// The same where nobody answered for a while.
    pub async fn close_after_an_outage(self) {
        self.close_but_for(&["net::ERR_CONNECTION_", "net::ERR_EMPTY_RESPONSE"]).await;
    }

    async fn close_but_for(self, expected: &[&str]) {
        let mut complaints = self.complaints().await;
        complaints.retain(|complaint| !expected.iter().any(|expected| complaint.contains(expected)));
        self.client.close().await.expect("the browser closes");
        assert!(complaints.is_empty(), "the browser complains:\n{}", complaints.join("\n"));
    }

    /// What stands in the console, without the pages that are refusals on purpose.
    async fn complaints(&self) -> Vec<String> {
        let entries = self.command("se/log", json!({ "type": "browser" })).await;
        let complaints = entries.as_array().expect("entries").iter().filter_map(|entry| {
            let message = entry["message"].as_str()?;
            let (source, _) = message.split_once(' ')?;
            let is_page = Url::parse(source).is_ok_and(|url| !url.path().contains('.'));
            let is_refusal = is_page && message.contains("the server responded with a status of 4");
            let is_blocked = message.ends_with("net::ERR_BLOCKED_BY_CLIENT");
            (!is_refusal && !is_blocked).then(|| format!("{} {message}", entry["level"]))
        });
        complaints.collect()
    }

    // Where it is

    /// Opens an address, as if typed.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.expect("the page opens");
    }

    /// The browser's back button.
    pub async fn back(&self) {
        self.client.back().await.expect("the page before");
    }

    pub async fn reload(&self) {
        self.client.refresh().await.expect("the page again");
    }

    pub async fn url(&self) -> Url {
        self.client.current_url().await.expect("an address")
    }

    /// Waits until the address begins so.
    pub async fn arrives(&self, prefix: &str) {
        self.until(&format!("the address {prefix}"), async || {
            Ok(self.client.current_url().await?.as_str().starts_with(prefix).then_some(()))
        })
        .await;
    }

    /// Opens a new tab and goes there.
    pub async fn new_tab(&self) -> WindowHandle {
        let tab = self.client.new_window(true).await.expect("a tab").handle;
        self.go_to_tab(&tab).await;
        tab
    }

    pub async fn tab(&self) -> WindowHandle {
        self.client.window().await.expect("a tab")
    }

    pub async fn go_to_tab(&self, tab: &WindowHandle) {
        self.client.switch_to_window(tab.clone()).await.expect("the tab");
    }

    /// A browser without cookies, as after a restart.
    pub async fn forget_cookies(&self) {
        self.devtools("Network.clearBrowserCookies", json!({})).await;
    }

    // What it does

    /// Presses the button or follows the link.
    pub async fn press(&self, css: &str) {
        self.on(css, async |element| element.click().await).await;
    }

    /// Fills in a field.
    pub async fn fill_in(&self, css: &str, text: &str) {
        self.on(css, async |element| {
            element.clear().await?;
            element.send_keys(text).await
        })
        .await;
    }

    /// Chooses an option of a list by its value.
    pub async fn choose(&self, css: &str, value: &str) {
        self.on(css, async |element| element.select_by_value(value).await).await;
    }

    /// From now on looks at the inside of a frame.
    pub async fn enter_frame(&self, css: &str) {
        self.on(css, async |element| element.enter_frame().await).await;
    }

    /// From now on looks at the whole page again.
    pub async fn leave_frame(&self) {
        self.command("frame", json!({ "id": null })).await;
    }

    /// Types on the keyboard, wherever the focus is.
    pub async fn keys(&self, keys: &str) {
        self.client.active_element().await.expect("a focus").send_keys(keys).await.expect("keys");
    }

    /// Goes on with the Tab key until the element that the selector finds has the focus.
    pub async fn tab_to(&self, css: &str) {
        for _ in 0..30 {
            if self.run("return document.activeElement !== null && document.activeElement.matches(arguments[0])", css).await
                == true
            {
                return;
            }
            self.keys(&Key::Tab.to_string()).await;
        }
        panic!("the Tab key does not reach {css} on {}", self.describe().await);
    }

    // What it shows

    /// Waits until the element is there.
    pub async fn sees(&self, css: &str) {
        self.on(css, async |_| Ok(())).await;
    }

    /// Whether the element is there now.
    pub async fn has(&self, css: &str) -> bool {
        !self.client.find_all(Locator::Css(css)).await.expect("elements").is_empty()
    }

    /// The text of an element, as it is shown.
    pub async fn text(&self, css: &str) -> String {
        self.on(css, async |element| element.text().await).await
    }

    /// An attribute of an element.
    pub async fn attribute(&self, css: &str, name: &str) -> Option<String> {
        self.on(css, async |element| element.attr(name).await).await
    }

    /// What stands in a field.
    pub async fn value(&self, css: &str) -> String {
        self.on(css, async |element| element.prop("value").await).await.unwrap_or_default()
    }

    /// Waits until the heading reads so.
    pub async fn is_at(&self, heading: &str) {
        self.reads("h1", heading).await;
    }

    /// Waits until an element reads so.
    pub async fn reads(&self, css: &str, text: &str) {
        self.until(&format!("“{text}” in {css}"), async || {
            let element = self.client.find(Locator::Css(css)).await?;
            Ok((element.text().await? == text).then_some(()))
        })
        .await;
    }

    /// The answer of a script to one argument.
    pub async fn run(&self, script: &str, argument: impl Into<Value>) -> Value {
        self.client.execute(script, vec![argument.into()]).await.expect("the script runs")
    }

    /// The answer of a script that calls back.
    pub async fn run_async(&self, script: &str) -> Value {
        self.client.execute_async(script, Vec::new()).await.expect("the script runs")
    }

    // What people prefer

    pub async fn is_dark(&self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// The inside of the window from now on, in CSS pixels: a width of 320 is what 400 % zoom leaves of 1280.
    pub async fn resize(&self, (width, height): (u32, u32)) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// From now on nothing is loaded from these addresses; `*` stands for anything.
    pub async fn block(&self, urls: &[&str]) {
        self.devtools("Network.enable", json!({})).await;
        self.devtools("Network.setBlockedURLs", json!({ "urls": urls })).await;
    }

    /// Keeps a picture of the whole page in tests/artifacts, where IAS_SCREENSHOTS=1 asks for it.
    pub async fn photograph(&self, name: &str) {
        if std::env::var_os("IAS_SCREENSHOTS").is_none_or(|value| value != "1") {
            return;
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/artifacts");
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        let taken = self.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
        let picture = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, taken["data"].as_str().unwrap());
        std::fs::write(folder.join(format!("{name}.png")), picture.expect("base64")).expect("a picture");
    }

    // How

    /// Does something with an element as soon as it is there, and again where the page was renewed meanwhile.
    async fn on<T>(&self, css: &str, act: impl AsyncFn(Element) -> Result<T, CmdError>) -> T {
        self.until(css, async || act(self.client.find(Locator::Css(css)).await?).await.map(Some)).await
    }

    async fn until<T, F: Future<Output = Result<Option<T>, CmdError>>>(&self, what: &str, attempt: impl Fn() -> F) -> T {
        let began = Instant::now();
        loop {
            let outcome = attempt().await;
            match outcome {
                Ok(Some(value)) => return value,
                outcome if began.elapsed() > PATIENCE => {
                    panic!("no {what} on {}\n{:?}", self.describe().await, outcome.err());
                }
                Err(error) if !is_passing(&error) => panic!("{what}: {error}"),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn describe(&self) -> String {
        let text = match self.client.find(Locator::Css("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        format!("{}:\n{text}", self.client.current_url().await.map(|url| url.to_string()).unwrap_or_default())
    }

    async fn devtools(&self, method: &str, parameters: Value) -> Value {
        self.command("goog/cdp/execute", json!({ "cmd": method, "params": parameters })).await
    }

    async fn command(&self, path: &'static str, body: Value) -> Value {
        self.client.issue_cmd(Command { path, body }).await.expect("the driver obeys")
    }
}

/// Whether the same may work in a moment: the page is on its way.
fn is_passing(error: &CmdError) -> bool {
    // chromedriver has no better word for an element of the page before
    let is_of_page_before = || error.is_unknown_error() && error.to_string().contains("does not belong to the document");
    error.is_no_such_element()
        || error.is_stale_element_reference()
        || error.is_element_not_interactable()
        || is_of_page_before()
}

/// A command that chromedriver knows and the library does not.
#[derive(Debug)]
struct Command {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
