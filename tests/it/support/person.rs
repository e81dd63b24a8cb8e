//! A person with a small browser: follows redirects, keeps cookies, fills in forms, and knows the sign-in pages.
//!
//! It keeps to what the pages promise: one form per page, hidden fields travel with it; a button `identity_provider`, an
//! input `phone_number`, a waiting page that shows `#verification-code` until there is a button `decision=allow`.

use std::time::Duration;

use axum_extra::extract::cookie::Cookie;
use ias::base::clock::Clock;
use reqwest::{
    Method, StatusCode,
    header::{COOKIE, HeaderMap, LOCATION, ORIGIN, REFERRER_POLICY, SET_COOKIE},
};
use scraper::{ElementRef, Html, Selector};
use tokio::time::Instant;
use url::Url;

/// How long a person waits for the phone.
const PATIENCE: Duration = Duration::from_secs(30);

/// A person with a browser that has one window.
pub struct Person {
    http: reqwest::Client,
    cookies: Vec<StoredCookie>,
    page: Option<Page>,
    stop_at: Option<String>,
    /// Every address that the browser has asked or was sent to.
    pub visited: Vec<Url>,
    /// The last verification code that a page has shown.
    pub verification_code: Option<String>,
}

/// Where the browser has ended up.
#[derive(Debug)]
pub enum Arrival {
    /// on a page, which is now the person's page
    Page,
    /// before the address at which it stops: that one has not been asked
    Stopped(Url),
}

impl Arrival {
    /// The address before which the browser has stopped.
    #[track_caller]
    pub fn stopped(self) -> Url {
        match self {
            Self::Stopped(url) => url,
            Self::Page => panic!("the browser is on a page and has not been sent on"),
        }
    }
}

/// A page as it came.
#[derive(Debug)]
pub struct Page {
    pub url: Url,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub html: String,
}

/// A form of a page.
#[derive(Debug)]
pub struct Form {
    pub action: Url,
    pub method: Method,
    /// names and values of what would be sent whichever button is pressed
    pub fields: Vec<(String, String)>,
    /// names and values of the buttons
    pub buttons: Vec<(String, String)>,
}

struct StoredCookie {
    host: String,
    path: String,
    name: String,
    value: String,
}

impl Person {
    /// A person with an empty browser.
    pub fn new() -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build();
        Self {
            http: http.unwrap(),
            cookies: Vec::new(),
            page: None,
            stop_at: None,
            visited: Vec::new(),
            verification_code: None,
        }
    }

    /// A person whose browser trusts the authority in this PEM, and no other.
    pub fn trusting(authority: &str) -> Self {
        let authority = reqwest::Certificate::from_pem(authority.as_bytes()).unwrap();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        Self { http: http.tls_certs_only([authority]).build().unwrap(), ..Self::new() }
    }

    /// The browser stops before any address that begins so: a client's redirect URI, behind which nobody listens.
    pub fn stopping_at(mut self, prefix: &str) -> Self {
        self.stop_at(prefix);
        self
    }

    /// From now on the browser stops before these addresses, and no longer before the earlier ones.
    pub fn stop_at(&mut self, prefix: &str) {
        self.stop_at = Some(prefix.to_owned());
    }

    /// The page in the window.
    #[track_caller]
    pub fn page(&self) -> &Page {
        self.page.as_ref().expect("no page has been opened")
    }

    /// The value of a cookie that the host has set.
    pub fn cookie(&self, host: &str, name: &str) -> Option<&str> {
        self.cookies.iter().find(|cookie| cookie.host == host && cookie.name == name).map(|cookie| cookie.value.as_str())
    }

    /// The cookies that a request to `url` carries, as the header has them.
    pub fn cookie_header(&self, url: &Url) -> String {
        self.cookies_for(url)
    }

    /// Opens an address, as if typed.
    pub async fn get(&mut self, url: impl AsRef<str>) -> Arrival {
        let url = Url::parse(url.as_ref()).unwrap();
        self.navigate(Method::GET, url, None, None).await
    }

    /// Submits the form that has all these fields and buttons; its other fields go with it as they are.
    pub async fn submit(&mut self, filled: &[(&str, &str)]) -> Arrival {
        let forms = self.page().forms();
        let form = forms.into_iter().find(|form| filled.iter().all(|(name, value)| form.takes(name, value)));
        let form = form.unwrap_or_else(|| panic!("no form for {filled:?} on {}", self.page()));
        self.send(form, filled).await
    }

    /// Submits the page's first form to another path of the same origin, as a script of the page may do.
    pub async fn submit_by_script(&mut self, path: &str, filled: &[(&str, &str)]) -> Arrival {
        let mut form = self.page().forms().into_iter().next().expect("a form");
        form.action.set_path(path);
        self.send(form, filled).await
    }

    /// Submits the form whose action has this path.
    pub async fn submit_to(&mut self, path: &str, filled: &[(&str, &str)]) -> Arrival {
        let form = self.page().forms().into_iter().find(|form| form.action.path() == path);
        let form = form.unwrap_or_else(|| panic!("no form to {path} on {}", self.page()));
        self.send(form, filled).await
    }

    /// Signs in with a phone: from the client's authorization request to its redirect URI, at which the browser must be told
    /// to stop. The simulator has to approve by itself.
    pub async fn sign_in(&mut self, authorize_url: impl AsRef<str>, phone_number: &str) -> Url {
        let arrival = self.get(authorize_url).await;
        self.walk_through_sign_in(arrival, phone_number).await.stopped()
    }

    /// Goes on from the page in the window to the end of the sign-in: the redirect URI, or a page of another origin.
    pub async fn walk_through_sign_in(&mut self, mut arrival: Arrival, phone_number: &str) -> Arrival {
        let origin = self.page.as_ref().map(|page| page.url.origin());
        let deadline = Instant::now() + PATIENCE;
        loop {
            if matches!(arrival, Arrival::Stopped(_)) || origin != self.page.as_ref().map(|page| page.url.origin()) {
                return arrival;
            }
            let page = self.page();
            assert!(page.status.is_success(), "{page}");
            assert!(Instant::now() < deadline, "still waiting on {page}");
            let code = page.text_of("#verification-code");
            let next = page.sign_in_step(phone_number);
            self.verification_code = code.or(self.verification_code.take());
            arrival = if let Some(filled) = next {
                self.submit(&filled).await
            } else {
                tokio::time::sleep(Duration::from_millis(200)).await;
                let url = self.page().refreshes_to();
                self.navigate(Method::GET, url.clone(), None, Some(url)).await
            };
        }
    }

    /// Submits a form as it is now, from the page in the window.
    pub async fn send(&mut self, form: Form, filled: &[(&str, &str)]) -> Arrival {
        let from = self.page().url.clone();
        let mut fields = form.fields;
        for (name, value) in filled {
            match fields.iter_mut().find(|(field, _)| field == name) {
                Some((_, old)) => *old = (*value).to_owned(),
                None => fields.push(((*name).to_owned(), (*value).to_owned())),
            }
        }
        if form.method == Method::POST {
            return self.navigate(Method::POST, form.action, Some(fields), Some(from)).await;
        }
        let mut url = form.action;
        url.query_pairs_mut().clear().extend_pairs(fields);
        self.navigate(Method::GET, url, None, Some(from)).await
    }

    /// One navigation with all its redirects. `from` is the page that caused it, if any.
    async fn navigate(
        &mut self,
        mut method: Method,
        mut url: Url,
        mut fields: Option<Vec<(String, String)>>,
        from: Option<Url>,
    ) -> Arrival {
        let mut site = Relation::SameOrigin;
        for _ in 0..20 {
            self.visited.push(url.clone());
            if self.stop_at.as_ref().is_some_and(|prefix| url.as_str().starts_with(prefix)) {
                return Arrival::Stopped(url);
            }
            site = from.as_ref().map_or(site, |from| site.max(Relation::between(from, &url)));
            let answer = self.request(&method, &url, fields.as_deref(), from.as_ref().map(|from| (from, site))).await;
            let (status, headers) = (answer.status(), answer.headers().clone());
            self.keep_cookies(&url, &headers);
            if let Some(location) = headers.get(LOCATION).filter(|_| status.is_redirection()) {
                // RFC 9700 §4.12: a form with credentials must not be sent on.
                assert_ne!(status, StatusCode::TEMPORARY_REDIRECT, "{url} sends a form on");
                url = url.join(location.to_str().unwrap()).unwrap();
                (method, fields) = (Method::GET, None);
                continue;
            }
            let html = answer.text().await.unwrap();
            self.page = Some(Page { url, status, headers, html });
            return Arrival::Page;
        }
        panic!("too many redirects, the last one to {url}");
    }

    /// One request as a browser sends it.
    async fn request(
        &self,
        method: &Method,
        url: &Url,
        fields: Option<&[(String, String)]>,
        from: Option<(&Url, Relation)>,
    ) -> reqwest::Response {
        let mut request = self
            .http
            .request(method.clone(), url.clone())
            .header("accept", "text/html,*/*;q=0.8")
            .header("accept-language", "is")
            .header("sec-fetch-dest", "document")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-site", from.map_or("none", |(_, site)| site.name()));
        let cookies = self.cookies_for(url);
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies);
        }
        if let Some(fields) = fields {
            request = request.form(fields).header(ORIGIN, self.origin_of_form());
        }
        request.send().await.unwrap_or_else(|error| panic!("{method} {url}: {error:?}"))
    }

    /// A page that asks for no referrer hides its origin in its forms, too (Fetch §3.1).
    fn origin_of_form(&self) -> String {
        let page = self.page();
        match page.headers.get(REFERRER_POLICY) {
            Some(policy) if policy == "no-referrer" => "null".to_owned(),
            _ => page.url.origin().ascii_serialization(),
        }
    }

    /// Cookies belong to a host, whatever the port.
    fn cookies_for(&self, url: &Url) -> String {
        let sent = self.cookies.iter().filter(|cookie| url.host_str() == Some(&cookie.host) && cookie.covers(url.path()));
        sent.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect::<Vec<_>>().join("; ")
    }

    fn keep_cookies(&mut self, url: &Url, headers: &HeaderMap) {
        let host = url.host_str().unwrap().to_owned();
        for header in headers.get_all(SET_COOKIE) {
            let cookie = Cookie::parse(header.to_str().unwrap().to_owned()).unwrap();
            let path = cookie.path().unwrap_or("/").to_owned();
            self.cookies
                .retain(|old| (old.host.as_str(), old.path.as_str(), old.name.as_str()) != (&host, &path, cookie.name()));
            let is_over = cookie.max_age().is_some_and(|age| !age.is_positive())
                || cookie.expires_datetime().is_some_and(|at| at <= Clock::System.now());
            if !is_over {
                let (name, value) = (cookie.name().to_owned(), cookie.value().to_owned());
                self.cookies.push(StoredCookie { host: host.clone(), path, name, value });
            }
        }
    }
}

impl StoredCookie {
    /// RFC 6265 §5.1.4
    fn covers(&self, path: &str) -> bool {
        path.strip_prefix(&self.path).is_some_and(|rest| self.path.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
    }
}

/// How far two addresses are apart, as `Sec-Fetch-Site` has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Relation {
    SameOrigin,
    SameSite,
    CrossSite,
}

impl Relation {
    fn between(from: &Url, to: &Url) -> Self {
        if from.origin() == to.origin() {
            Self::SameOrigin
        } else if from.host() == to.host() {
            Self::SameSite
        } else {
            Self::CrossSite
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::SameOrigin => "same-origin",
            Self::SameSite => "same-site",
            Self::CrossSite => "cross-site",
        }
    }
}

impl std::fmt::Display for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}):\n{}", self.url, self.status, self.html)
    }
}

impl Page {
    /// The text of the first element that the selector finds, its white space put right.
    pub fn text_of(&self, selector: &str) -> Option<String> {
        let document = Html::parse_document(&self.html);
        let text: String = document.select(&Selector::parse(selector).unwrap()).next()?.text().collect();
        Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The forms, in their order.
    pub fn forms(&self) -> Vec<Form> {
        let document = Html::parse_document(&self.html);
        document.select(&Selector::parse("form").unwrap()).map(|form| Form::read(form, &self.url)).collect()
    }

    /// What a person does on this sign-in page; nothing while the phone is awaited.
    fn sign_in_step<'a>(&self, phone_number: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
        self.forms().into_iter().find_map(|form| {
            let mut filled = Vec::new();
            if form.has_field("phone_number") {
                filled.push(("phone_number", phone_number));
            }
            for button in [("identity_provider", "sim"), ("decision", "allow")] {
                if form.has_button(button.0, button.1) {
                    filled.push(button);
                }
            }
            (!filled.is_empty()).then_some(filled)
        })
    }

    /// Where the page goes by itself after a while; the page itself where it doesn't say.
    fn refreshes_to(&self) -> Url {
        let document = Html::parse_document(&self.html);
        let refresh = document.select(&Selector::parse("meta[http-equiv=refresh i]").unwrap()).next();
        let target = refresh.and_then(|meta| meta.attr("content")?.split_once("url="));
        target.map_or_else(|| self.url.clone(), |(_, target)| self.url.join(target).unwrap())
    }
}

impl Form {
    fn read(form: ElementRef<'_>, page: &Url) -> Self {
        let mut read = Self {
            action: page.join(form.attr("action").unwrap_or(page.as_str())).unwrap(),
            method: if form.attr("method").is_some_and(|method| method.eq_ignore_ascii_case("post")) {
                Method::POST
            } else {
                Method::GET
            },
            fields: Vec::new(),
            buttons: Vec::new(),
        };
        for control in form.select(&Selector::parse("input[name], button[name]").unwrap()) {
            if control.attr("disabled").is_some() {
                continue;
            }
            let pair = (control.attr("name").unwrap().to_owned(), control.attr("value").unwrap_or_default().to_owned());
            match (control.value().name(), control.attr("type")) {
                (_, Some("button" | "reset")) => {}
                ("button", _) | (_, Some("submit")) => read.buttons.push(pair),
                (_, Some("checkbox" | "radio")) if control.attr("checked").is_none() => {}
                _ => read.fields.push(pair),
            }
        }
        read
    }

    /// Whether the form asks for this field.
    pub fn has_field(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field == name)
    }

    /// Whether the form has this button.
    pub fn has_button(&self, name: &str, value: &str) -> bool {
        self.buttons.iter().any(|button| button.0 == name && button.1 == value)
    }

    fn takes(&self, name: &str, value: &str) -> bool {
        self.has_field(name) || self.has_button(name, value)
    }
}

#[cfg(test)]
mod tests;
