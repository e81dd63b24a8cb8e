//! /signin/card: what a browser brings of an identity card (eid.md §4). POST takes a token of its Web eID extension; GET leads to the
//! card host, where the browser shows a certificate, and /signin/card/return takes what it comes back with.

use axum::{extract::State, response::Response};
use time::OffsetDateTime;

use super::{
    step::Step,
    wait::find,
    way_back::{is_this_browsers, step_of},
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
    model::{sign_in_attempt::SignInAttempt, urls::path},
    outbound::eid::{Event, Step as Next},
    protocol::refusals,
    store::sign_in_attempts,
};

/// A token. Whatever it is worth, the challenge is spent (EID-05); the page of the attempt tells what came of it.
pub async fn post(State(app): State<App>, form: PageForm) -> Result<Response, Response> {
    let now = app.clock.now();
    let step = Step::of_form(&app, &form, now).await?;
    let attempt = find(&app, &form.browser, &step, &form.params).await?;
    let token = form.params.get("web_eid_token").ok().flatten().unwrap_or_default();
    submit(&app, &form.browser, &attempt, Event::WebEidToken(token.to_owned()), now).await?;
    Ok(step.go_to(path::WAIT, &[("attempt", &attempt.id.to_string())]))
}

/// On to the card host, with a fresh ticket.
pub async fn certificate(State(app): State<App>, browser: Browser) -> Result<Response, Response> {
    let now = app.clock.now();
    let step = Step::of_page(&app, &browser, now).await?;
    let attempt = find(&app, &browser, &step, &browser.query).await?;
    if let Some(Next::ReadCard(card)) = sign_in::step(&app, &attempt, now)
        && let Some(host) = card.card_host
    {
        let ticket = CertificatePass::ticket(&app, &attempt, step.language, now);
        return Ok(see_other(&format!("{}{}", host.origin().ascii_serialization(), path::card_ticket(&ticket))));
    }
    // over, or a way that is closed: the page shows which
    Ok(step.go_to(path::WAIT, &[("attempt", &attempt.id.to_string())]))
}

/// Back from the card host, with a `proof` of the certificate or, where there was none, with the `ticket`.
pub async fn come_back(State(app): State<App>, browser: Browser) -> Result<Response, Response> {
    let now = app.clock.now();
    let sent = |name| browser.query.get(name).ok().flatten();
    let proof = sent("proof").and_then(|proof| CertificatePass::read_proof(&app, proof));
    let pass = proof.clone().or_else(|| CertificatePass::read_ticket(&app, sent("ticket")?));
    let unreadable = || browser.refuse(&app, PageRefusal::new(Message::Unreadable, &refusals::SIGN_IN_UNREADABLE));
    let pass = pass.ok_or_else(unreadable)?;
    let found = sign_in_attempts::find(&app.pool, pass.attempt).await;
    let attempt = found.map_err(|error| browser.refuse(&app, unavailable(error)))?.ok_or_else(unreadable)?;
    if !is_this_browsers(&browser, &attempt) {
        // EID-04: a neutral page, which consumes nothing
        let refusal = PageRefusal::new(Message::ReturnedElsewhere, &refusals::SIGN_IN_OTHER_BROWSER);
        return Err(browser.refuse(&app, refusal));
    }
    let step = step_of(&app, &browser, &attempt, now).await?.ok_or_else(unreadable)?;
    if let Some(proof) = proof.filter(|proof| !proof.is_over(now)) {
        submit(&app, &browser, &attempt, Event::ClientCertificate(proof.certificate), now).await?;
    }
    Ok(step.go_to(path::WAIT, &[("attempt", &attempt.id.to_string())]))
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
