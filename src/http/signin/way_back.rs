//! GET /signin/return/{provider}: the browser comes back from another OpenID provider (RFC 6749 §4.1.2, RFC 9207). The address
//! holds nothing of the authorization request: the attempt that `state` names does, for the browser that began it.

use axum::{
    extract::{Path, State},
    response::Response,
};
use time::OffsetDateTime;

use super::step::Step;
use crate::{
    app::App,
    base::digest,
    flows::sign_in,
    http::{
        error::{page::PageRefusal, unavailable},
        extract::browser::Browser,
        page::message::Message,
    },
    model::{sign_in_attempt::SignInAttempt, urls::path},
    outbound::eid::{
        Event,
        oidc::{self, AuthorizationResponse},
    },
    protocol::{params::Params, refusals},
    store::sign_in_attempts,
};

/// Looks at the answer, once; then the page of the attempt shows what came of it, and goes on by itself where the person is proven.
/// A second time it shows the attempt as it stands.
pub async fn get(State(app): State<App>, Path(provider): Path<String>, browser: Browser) -> Result<Response, Response> {
    let now = app.clock.now();
    let unreadable = || browser.refuse(&app, PageRefusal::new(Message::Unreadable, &refusals::SIGN_IN_UNREADABLE));
    let response = read(&browser.query, provider).ok_or_else(unreadable)?;
    let attempt = find(&app, &browser, &response.state).await?.ok_or_else(unreadable)?;
    if !is_this_browsers(&browser, &attempt) {
        // EID-04: a neutral page, which consumes nothing
        return Err(browser.refuse(&app, PageRefusal::new(Message::ReturnedElsewhere, &refusals::SIGN_IN_OTHER_BROWSER)));
    }
    let Some(step) = step_of(&app, &browser, &attempt, now).await? else {
        return Err(browser.refuse(&app, PageRefusal::new(Message::Ended, &refusals::SIGN_IN_COMPLETED)));
    };
    sign_in::submit(&app, &attempt, Event::AuthorizationResponse(response), now)
        .await
        .map_err(|error| browser.refuse(&app, unavailable(error)))?;
    Ok(step.go_to(path::WAIT, &[("attempt", &attempt.id.to_string())]))
}

/// The answer, each parameter once.
fn read(query: &Params, provider: String) -> Option<AuthorizationResponse> {
    let optional = |name| query.get(name).ok().map(|value| value.map(ToOwned::to_owned));
    Some(AuthorizationResponse {
        provider,
        state: optional("state")??,
        code: optional("code")?,
        error: optional("error")?,
        error_description: optional("error_description")?,
        issuer: optional("iss")?,
    })
}

async fn find(app: &App, browser: &Browser, state: &str) -> Result<Option<SignInAttempt>, Response> {
    let Some(id) = oidc::attempt_of(state) else { return Ok(None) };
    sign_in_attempts::find(&app.pool, id).await.map_err(|error| browser.refuse(app, unavailable(error)))
}

pub(super) fn is_this_browsers(browser: &Browser, attempt: &SignInAttempt) -> bool {
    browser.cookies.binding.is_some_and(|binding| digest::equal(&binding, &attempt.binding_hash))
}

/// The request that the attempt is of; none where it is forgotten.
pub(super) async fn step_of(
    app: &App,
    browser: &Browser,
    attempt: &SignInAttempt,
    now: OffsetDateTime,
) -> Result<Option<Step>, Response> {
    let Some(sealed) = &attempt.request else { return Ok(None) };
    let step = Step::of_sealed(app, browser, sealed, now).await?;
    Ok(Some(step).filter(|step| attempt.belongs_to(&step.pending.id, &step.binding)))
}
