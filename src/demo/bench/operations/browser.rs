//! A browser as far as the sign-in pages need one: cookies, redirects within the issuer, hidden fields.

use std::{collections::BTreeMap, time::Duration};

use axum::http::{HeaderName, HeaderValue, header};
use tokio::time::Instant;

use super::{Place, form, line};
use crate::{
    base::{digest, entropy},
    demo::bench::{
        http::{Answer, Call, Failure, Http},
        target::{Client, Target},
    },
    model::urls::{Urls, path},
    protocol::pkce::CodeVerifier,
};

/// A person's page asks each second; here nobody reads it meanwhile.
const POLL: Duration = Duration::from_millis(50);
/// The simulated telephone answers at once.
const PATIENCE: Duration = Duration::from_secs(30);
const MOST_REDIRECTS: usize = 10;

/// A browser with nobody else's cookies.
#[derive(Clone, Debug, Default)]
pub(super) struct Browser {
    cookies: BTreeMap<String, String>,
}

/// A code, with what its client has to know to exchange it.
pub(super) struct Code {
    value: String,
    verifier: String,
}

/// Where redirects have ended.
enum Arrival {
    Page(Page),
    /// an address of somebody else
    Elsewhere(String),
}

struct Page {
    target: String,
    html: String,
}

impl Browser {
    /// From the client's request to its code, through a sign-in where the browser has no session.
    pub(super) async fn code(&mut self, http: &mut Http, client: &Client, phone: &str) -> Result<Code, Failure> {
        let verifier = digest::base64url(entropy::bytes::<32>());
        let challenge = CodeVerifier::parse(&verifier).map_err(|_| Failure("a verifier".to_owned()))?.challenge().to_string();
        let target = Urls::with_parameters(
            path::AUTHORIZE,
            &[
                ("client_id", client.id.as_str()),
                ("redirect_uri", &client.redirect_uri),
                ("response_type", "code"),
                ("scope", &client.scope),
                ("state", "af0ifjsldkj"),
                ("nonce", "n-0S6_WzA2Mj"),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ],
        );
        let mut arrival = self.open(http, &target).await?;
        loop {
            arrival = match arrival {
                Arrival::Page(page) => self.go_on(http, &page, phone).await?,
                Arrival::Elsewhere(url) => return Ok(Code { value: code_of(&url)?, verifier }),
            };
        }
    }

    /// What a person does on this page.
    async fn go_on(&mut self, http: &mut Http, page: &Page, phone: &str) -> Result<Arrival, Failure> {
        match page.path() {
            path::CHOOSE => self.submit(http, page, &[("identity_provider", "sim")]).await,
            path::START => self.submit(http, page, &[("identity_provider", "sim"), ("phone_number", phone)]).await,
            path::WAIT => {
                self.wait_for_approval(http, page).await?;
                match self.open(http, &page.target).await? {
                    Arrival::Page(page) => self.submit(http, &page, &[("decision", "allow")]).await,
                    elsewhere @ Arrival::Elsewhere(_) => Ok(elsewhere),
                }
            }
            path::CONSENT => self.submit(http, page, &[("decision", "allow")]).await,
            other => Err(Failure(format!("a page of {other}"))),
        }
    }

    async fn wait_for_approval(&mut self, http: &mut Http, page: &Page) -> Result<(), Failure> {
        let status = page.target.replacen(path::WAIT, path::STATUS, 1);
        let deadline = Instant::now() + PATIENCE;
        loop {
            http.polls += 1;
            let answer = http.expect(Call::get(&status, &self.headers("empty")?), 200).await?;
            match answer.member("state")?.as_str() {
                "pending" if Instant::now() < deadline => tokio::time::sleep(POLL).await,
                "verified" => return Ok(()),
                other => return Err(Failure(format!("sign-in {other}"))),
            }
        }
    }

    /// Sends the form of a page, its hidden fields with it.
    async fn submit(&mut self, http: &mut Http, page: &Page, filled: &[(&str, &str)]) -> Result<Arrival, Failure> {
        let hidden = page.hidden_fields();
        let fields: Vec<(&str, &str)> = hidden
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .filter(|(name, _)| filled.iter().all(|(other, _)| other != name))
            .chain(filled.iter().copied())
            .collect();
        let answer = http.send(Call::post(page.path(), &self.headers("document")?, &form(&fields))).await?;
        self.follow(http, page.path().to_owned(), answer).await
    }

    async fn open(&mut self, http: &mut Http, target: &str) -> Result<Arrival, Failure> {
        let answer = http.send(Call::get(target, &self.headers("document")?)).await?;
        self.follow(http, target.to_owned(), answer).await
    }

    async fn follow(&mut self, http: &mut Http, mut target: String, mut answer: Answer) -> Result<Arrival, Failure> {
        for _ in 0..MOST_REDIRECTS {
            self.keep_cookies(&answer);
            if answer.status == 200 {
                return Ok(Arrival::Page(Page { target, html: answer.text().to_owned() }));
            }
            answer.location()?.clone_into(&mut target);
            if !target.starts_with('/') {
                return Ok(Arrival::Elsewhere(target));
            }
            answer = http.send(Call::get(&target, &self.headers("document")?)).await?;
        }
        Err(Failure("too many redirects".to_owned()))
    }

    fn headers(&self, destination: &'static str) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
        let mut headers = vec![
            (HeaderName::from_static("sec-fetch-site"), HeaderValue::from_static("same-origin")),
            (HeaderName::from_static("sec-fetch-dest"), HeaderValue::from_static(destination)),
        ];
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.push(line(header::COOKIE, &pairs.join("; "))?);
        }
        Ok(headers)
    }

    fn keep_cookies(&mut self, answer: &Answer) {
        for cookie in answer.headers.get_all(header::SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok()) {
            if let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

impl Page {
    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Our own pages write them in one way, with values that need no escapes.
    fn hidden_fields(&self) -> Vec<(&str, String)> {
        let field = |rest: &'_ str| {
            let (name, rest) = rest.split_once("\" value=\"")?;
            Some((name.len(), rest.split_once('"')?.0.to_owned()))
        };
        let inputs = self.html.split(r#"<input type="hidden" name=""#).skip(1);
        inputs.filter_map(|rest| field(rest).map(|(length, value)| (&rest[..length], value))).collect()
    }
}

impl Code {
    /// The tokens' answer for it.
    pub(super) async fn exchange(&self, http: &mut Http, client: &Client) -> Result<Answer, Failure> {
        let body = form(&[
            ("grant_type", "authorization_code"),
            ("client_id", &client.id),
            ("client_secret", client.secret.expose()),
            ("redirect_uri", &client.redirect_uri),
            ("code_verifier", &self.verifier),
            ("code", &self.value),
        ]);
        http.expect(Call::post(path::TOKEN, &[], &body), 200).await
    }
}

fn code_of(url: &str) -> Result<String, Failure> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let found = pairs.find(|(name, _)| name == "code" || name == "error");
    match found {
        Some((name, value)) if name == "code" => Ok(value.into_owned()),
        Some((_, error)) => Err(Failure(format!("sent back: {error}"))),
        None => Err(Failure("sent back without a code".to_owned())),
    }
}

/// The telephone of a place.
pub(super) fn phone(target: &Target, place: Place) -> Result<String, Failure> {
    target.phones.get(place.number).cloned().ok_or_else(|| Failure("no telephone is left".to_owned()))
}

/// A browser in which the person of a place is signed in.
pub(super) async fn signed_in(target: &Target, place: Place, http: &mut Http) -> Result<Browser, Failure> {
    let mut browser = Browser::default();
    browser.code(http, &target.web, &phone(target, place)?).await?;
    Ok(browser)
}
