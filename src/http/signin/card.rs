//! /signin/card: what a browser brings of an identity card (eid.md §4). POST takes a token of its Web eID extension; GET leads to the
//! card host, where the browser shows a certificate, and /signin/card/return takes what it comes back with.

use axum::{extract::State, response::Response};
use time::OffsetDateTime;

use super::{
    step::Step,
    wait::{find, not_this_step},
};
use crate::{
    app::App,
    flows::sign_in::{self, CertificatePass},
    http::{
        error::{page::PageRefusal, unavailable},
        extract::browser::{Browser, PageForm},
        html::see_other,
        page::message::Message,
    },
    model::{
        sign_in_attempt::SignInAttempt,
        urls::{Urls, path},
    },
    outbound::eid::{Event, Step as Next, card::CardStep},
    protocol::refusals,
    store::sign_in_attempts,
};

/// A token. Whatever it is worth, the challenge is spent (EID-05); the page of the attempt tells what came of it.
pub async fn post(State(app): State<App>, form: PageForm) -> Result<Response, Response> {
    let now = app.clock.now();
    let step = Step::of_form(&app, &form, now).await?;
    let attempt = find(&app, &form.browser, &step, &form.params).await?;
    let token = form.params.get("web_eid_token").ok().flatten().unwrap_or_default();
    if card(&app, &attempt, now).is_some_and(|card| card.nonce.is_some()) {
        submit(&app, &form.browser, &attempt, Event::WebEidToken(token.to_owned()), now).await?;
    }
    Ok(step.go_to(path::WAIT, &[("attempt", &attempt.id.to_string())]))
}

/// On to the card host, with a fresh ticket.
pub async fn certificate(State(app): State<App>, browser: Browser) -> Result<Response, Response> {
    let now = app.clock.now();
    let step = Step::of_page(&app, &browser, now).await?;
    let attempt = find(&app, &browser, &step, &browser.query).await?;
    match card(&app, &attempt, now).and_then(|card| card.card_host) {
        Some(host) => {
            let ticket = CertificatePass::ticket(&app, &attempt, step.language, now);
            Ok(see_other(&format!("{}{}", host.origin().ascii_serialization(), path::card_ticket(&ticket))))
        }
        // over, or a way that is closed: the page shows which
        None => Ok(step.go_to(path::WAIT, &[("attempt", &attempt.id.to_string())])),
    }
}

/// Back from the card host, with a `proof` of the certificate or, where there was none, with the `ticket`. Only the browser that
/// began the attempt has the cookie that counts here; in any other nothing happens (EID-04).
pub async fn come_back(State(app): State<App>, browser: Browser) -> Result<Response, Response> {
    let now = app.clock.now();
    let sent = |name| browser.query.get(name).ok().flatten();
    let proof = sent("proof").and_then(|proof| CertificatePass::read_proof(&app, proof));
    let pass = proof.clone().or_else(|| CertificatePass::read_ticket(&app, sent("ticket")?));
    let Some(pass) = pass else {
        return Err(browser.refuse(&app, PageRefusal::new(Message::Unreadable, &refusals::SIGN_IN_UNREADABLE)));
    };
    let found = sign_in_attempts::find(&app.pool, pass.attempt).await;
    let found = found.map_err(|error| browser.refuse(&app, unavailable(error)))?;
    let attempt = found.ok_or_else(|| not_this_step(&app, &browser))?;
    let is_own = browser.cookies.binding.is_some_and(|binding| attempt.belongs_to(&attempt.request_id, &binding));
    if !is_own {
        return Err(browser.refuse(&app, PageRefusal::new(Message::OtherBrowser, &refusals::SIGN_IN_OTHER_BROWSER)));
    }
    let Some(request) = attempt.request.as_deref() else {
        return Err(browser.refuse(&app, PageRefusal::new(Message::Ended, &refusals::SIGN_IN_COMPLETED)));
    };
    let accepts = || card(&app, &attempt, now).is_some_and(|card| card.card_host.is_some());
    if let Some(proof) = proof.filter(|proof| !proof.is_over(now) && accepts()) {
        submit(&app, &browser, &attempt, Event::ClientCertificate(proof.certificate), now).await?;
    }
    let parameters = [("request", request), ("attempt", &attempt.id.to_string())];
    Ok(see_other(&Urls::with_parameters(path::WAIT, &parameters)))
}

async fn submit(
    app: &App,
    browser: &Browser,
    attempt: &SignInAttempt,
    event: Event,
    now: OffsetDateTime,
) -> Result<(), Response> {
    sign_in::submit(app, attempt, event, now).await.map_err(|error| browser.refuse(app, unavailable(error)))
}

/// How the card of the attempt can be read, while it waits for that.
fn card(app: &App, attempt: &SignInAttempt, now: OffsetDateTime) -> Option<CardStep> {
    match sign_in::step(app, attempt, now)? {
        Next::ReadCard(card) => Some(card),
        Next::ShowCode(_) => None,
    }
}
