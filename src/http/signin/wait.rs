//! GET and POST /signin/wait, GET /signin/status: the attempt while the person confirms it on the phone. The page can be
//! reloaded, opened in another tab and left alone; it always shows the attempt as it stands.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    choose,
    step::{Step, remember_language},
};
use crate::{
    app::App,
    base::id::AttemptId,
    flows::{
        authorization_request::Progress,
        sign_in::{self, CompleteRefusal},
    },
    http::{
        cookies,
        error::{page::PageRefusal, unavailable},
        extract::browser::{Browser, PageForm},
        html::{html_with, with_cookie},
        page::{
            message::Message,
            problem::Problem,
            qr::QrPath,
            signin::{WaitPage, WaitState},
        },
    },
    model::{
        sign_in_attempt::{AttemptState, SignInAttempt},
        urls::path,
    },
    outbound::eid::{EidErrorKind, Step as NextStep},
    protocol::{params::Params, refusals},
    store::sign_in_attempts,
};

/// The page of the attempt as it stands.
pub async fn get(State(app): State<App>, browser: Browser) -> Result<Response, Response> {
    let now = app.clock.now();
    let step = Step::of_page_unlooked(&app, &browser, now)?;
    let attempt = attended(&app, &browser, &step, now).await?;
    let id = attempt.id.to_string();
    let parameter = [("attempt", id.as_str())];
    let status_url = step.url(path::STATUS, &parameter);
    let providers = choose::methods(&app, &step);
    let provider = providers.iter().find(|provider| provider.id == attempt.identity_provider_id);
    let retry_url = match provider {
        Some(provider) => step.url(path::START, &[("identity_provider", &*provider.name), ("attempt", id.as_str())]),
        None => step.url(path::CHOOSE, &[]),
    };
    let host = app.settings.server.issuer.authority();
    let other_url = step.url(path::CHOOSE, &[]);
    let has_others = providers.len() > 1;
    let continue_url = step.url(path::AUTHORIZE, &[]);
    let incident = attempt.incident.map(|incident| incident.to_string());
    let next = sign_in::step(&app, &attempt, now);
    let state = match attempt.state_at(now, app.settings.sign_in.verified_ttl) {
        AttemptState::Created | AttemptState::Pending => WaitState::Pending {
            step: next.as_ref(),
            status_url: &status_url,
            restart_url: &retry_url,
            host,
            seconds_left: seconds_left(&attempt, now),
        },
        AttemptState::Verified => WaitState::Verified,
        AttemptState::Consumed => WaitState::Elsewhere { continue_url: &continue_url },
        AttemptState::Failed | AttemptState::Cancelled | AttemptState::Expired => WaitState::Failed {
            problem: problem(&app, &attempt, now),
            incident: incident.as_deref(),
            retry_url: &retry_url,
            other_url: has_others.then_some(&other_url),
        },
    };
    let page = WaitPage {
        chrome: step.chrome(&app, path::WAIT, &parameter),
        request: &step.sealed,
        attempt: &id,
        csrf: &step.csrf(&app, None),
        kind: attempt.identity_provider,
        state,
        certificate_url: &step.url(path::CARD, &parameter),
    };
    let simulator = match &next {
        Some(NextStep::ReadCard(card)) => card.shim.as_ref().map(|shim| shim.origin().ascii_serialization()),
        _ => None,
    };
    let response = html_with(StatusCode::OK, &page, step.form_target().as_deref(), simulator.as_deref());
    Ok(remember_language(&app, &browser, response))
}

/// GET /signin/status: the state alone, for the page's script. It carries no identity (eid.md §6).
pub async fn status(State(app): State<App>, browser: Browser) -> Result<Response, Response> {
    let now = app.clock.now();
    let step = Step::of_page_unlooked(&app, &browser, now)?;
    let attempt = attended(&app, &browser, &step, now).await?;
    let state = match attempt.state_at(now, app.settings.sign_in.verified_ttl) {
        AttemptState::Created | AttemptState::Pending => "pending",
        AttemptState::Verified => "verified",
        AttemptState::Consumed => "ended",
        AttemptState::Failed | AttemptState::Cancelled | AttemptState::Expired => "failed",
    };
    let next = sign_in::step(&app, &attempt, now);
    let mut answer = json!({
        "state": state,
        "step": next.as_ref().map_or("", NextStep::name),
        "seconds_left": seconds_left(&attempt, now),
    });
    if let Some(NextStep::ShowQr(link)) = &next
        && let Some(QrPath { size, path }) = QrPath::of(link)
    {
        answer["qr"] = json!({ "size": size, "path": path });
    }
    Ok(Json(answer).into_response())
}

/// Give up, or go on after the approval.
pub async fn post(State(app): State<App>, form: PageForm) -> Result<Response, Response> {
    let now = app.clock.now();
    let step = Step::of_form_unlooked(&app, &form, now)?;
    let id = attempt_id(&form.params).ok_or_else(|| not_this_step(&app, &form.browser))?;
    let here = [("attempt", &*id.to_string())];
    match form.params.get("decision").ok().flatten() {
        Some("cancel") => {
            let attempt = find(&app, &form.browser, &step, &form.params).await?;
            sign_in::cancel(&app, attempt.id, now).await.map_err(|error| form.browser.refuse(&app, unavailable(error)))?;
            Ok(step.go_to(path::CHOOSE, &[]))
        }
        Some("allow") => {
            let request = step.sign_in_request(&form.browser);
            let cookie = form.browser.cookies.session.as_ref();
            match sign_in::complete(&app, &request, id, cookie, now).await {
                Ok(completed) => {
                    let progress =
                        Progress { session_id: Some(completed.session_id), signed_in: true, ..Progress::of(&step.pending) };
                    let response = step.resume(&app, &progress);
                    let response = with_cookie(response, completed.cookie.map(|handle| cookies::session(&app, &handle)));
                    Ok(with_cookie(response, Some(cookies::method(&app, &completed.identity_provider))))
                }
                Err(CompleteRefusal::Store(error)) => Err(form.browser.refuse(&app, unavailable(error))),
                // EID-10
                Err(CompleteRefusal::NotAvailable) => Err(not_this_step(&app, &form.browser)),
                // not confirmed yet, too late, or done in another tab: the page shows which
                Err(CompleteRefusal::NothingToClaim) => {
                    find(&app, &form.browser, &step, &form.params).await?;
                    Ok(step.go_to(path::WAIT, &here))
                }
            }
        }
        _ => Ok(step.go_to(path::WAIT, &here)),
    }
}

/// The attempt that the request names, where it is of this request in this browser (EID-01).
pub(super) async fn find(app: &App, browser: &Browser, step: &Step, params: &Params) -> Result<SignInAttempt, Response> {
    let found = match attempt_id(params) {
        Some(id) => sign_in_attempts::find(&app.pool, id).await.map_err(|error| browser.refuse(app, unavailable(error)))?,
        None => None,
    };
    let own = found.filter(|attempt| attempt.belongs_to(&step.pending.id, &step.binding));
    match own {
        Some(attempt) if attempt.request_has_ended => Err(step.ended(app)),
        Some(attempt) => Ok(attempt),
        None => {
            step.refuse_ended(app, browser).await?;
            Err(not_this_step(app, browser))
        }
    }
}

fn attempt_id(params: &Params) -> Option<AttemptId> {
    params.get("attempt").ok().flatten()?.parse::<Uuid>().ok().map(AttemptId)
}

pub(super) fn not_this_step(app: &App, browser: &Browser) -> Response {
    browser.refuse(app, PageRefusal::new(Message::InvalidRequest, &refusals::SIGN_IN_STEP))
}

/// The attempt as it stands, after this node has gone on with it where nobody did.
async fn attended(app: &App, browser: &Browser, step: &Step, now: OffsetDateTime) -> Result<SignInAttempt, Response> {
    let attempt = find(app, browser, step, &browser.query).await?;
    let has_ended = sign_in::take_over(app, &attempt, now).await.map_err(|error| browser.refuse(app, unavailable(error)))?;
    if has_ended { find(app, browser, step, &browser.query).await } else { Ok(attempt) }
}

fn seconds_left(attempt: &SignInAttempt, now: OffsetDateTime) -> u32 {
    u32::try_from((attempt.expires_at - now).whole_seconds().max(0)).unwrap_or(0)
}

/// What the person reads of an attempt that came to nothing.
fn problem(app: &App, attempt: &SignInAttempt, now: OffsetDateTime) -> Problem {
    match attempt.state_at(now, app.settings.sign_in.verified_ttl) {
        AttemptState::Cancelled => Problem::Cancelled,
        AttemptState::Expired => Problem::TimedOut,
        _ => attempt.error_kind.as_deref().and_then(EidErrorKind::parse).map_or(Problem::Rejected, problem_of),
    }
}

/// One sentence for each class of error (eid.md §8.7): what only the log may know is told apart there alone (EID-07).
pub(super) const fn problem_of(kind: EidErrorKind) -> Problem {
    match kind {
        EidErrorKind::InvalidInput => Problem::InvalidPhoneNumber,
        EidErrorKind::NotAvailableForUser | EidErrorKind::Restricted => Problem::NotAvailable,
        EidErrorKind::Timeout => Problem::TimedOut,
        EidErrorKind::UserCancelled => Problem::Cancelled,
        EidErrorKind::WrongCodeChosen => Problem::WrongCode,
        EidErrorKind::AppTooOld => Problem::AppOutdated,
        EidErrorKind::DeviceUnreachable => Problem::Unreachable,
        EidErrorKind::CredentialBlocked | EidErrorKind::CredentialBroken | EidErrorKind::CredentialRevoked => Problem::Blocked,
        EidErrorKind::CertificateRejected
        | EidErrorKind::IdentityMismatch
        | EidErrorKind::SignatureInvalid
        | EidErrorKind::TokenRejected => Problem::Rejected,
        EidErrorKind::AssuranceTooLow => Problem::AssuranceTooLow,
        EidErrorKind::RevocationUnavailable
        | EidErrorKind::ProviderConfig
        | EidErrorKind::ProviderProtocol
        | EidErrorKind::ProviderUnavailable => Problem::Unavailable,
    }
}
