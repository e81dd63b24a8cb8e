//! The ends of the pipeline: on to a page, a code to the client, or a refusal.

use axum::response::Response;
use time::{Duration, OffsetDateTime};

use super::{
    Work,
    destination::{Destination, service},
    next_step::{ConsentUse, Established, code_consent},
};
use crate::{
    app::App,
    base::{
        handle::Handle,
        id::{FamilyId, SessionId},
        text::Language,
    },
    flows::authorization_request::{PendingRequest, Progress},
    http::{
        cookies,
        error::{page::PageRefusal, unavailable},
        extract::browser::Browser,
        html::{see_other, with_cookie},
        page::{Label, message::Message},
    },
    model::{
        audit::{About, AuditEvent, AuditRecord},
        authorization_code::{self, Authentication, NewAuthorizationCode},
        urls::Urls,
    },
    protocol::{
        error::{OAuthError, Refusal},
        refusals,
    },
    store::{
        authorization_codes::{self, FinishedRequest},
        finished_requests,
        sessions::SessionWithConsent,
    },
};

/// On to one of our pages, with the request sealed. A browser without a binding cookie gets one; one that came is never replaced.
pub(super) fn page(
    app: &App,
    browser: &Browser,
    pending: &PendingRequest,
    path: &str,
    progress: Option<Progress>,
    session_id: Option<SessionId>,
) -> Response {
    let sealed = pending.seal(app);
    // a page that draws what belongs to a session is told which: the cookie may change in another tab
    let progress = match (pending.binding, session_id) {
        (Some(_), Some(session_id)) => {
            let progress = progress.unwrap_or_else(|| Progress::of(pending));
            Some(Progress { session_id: Some(session_id), ..progress }.seal(app))
        }
        _ => None,
    };
    let mut parameters = vec![("request", sealed.as_str())];
    parameters.extend(progress.as_deref().map(|progress| ("progress", progress)));
    let response = see_other(&Urls::with_parameters(path, &parameters));
    let cookie = browser.cookies.binding.is_none().then(|| cookies::new_binding(app).0);
    with_cookie(response, cookie)
}

/// A refusal that the client is told, and that ends nothing: the request was never shown.
pub(super) fn refuse(app: &App, destination: &Destination, error: &OAuthError, language: Language) -> Response {
    tracing::info!(refusal = error.refusal.id, client_id = destination.client.client.client_id, "authorization refused");
    if error.refusal.status >= 500 {
        tracing::error!(cause = std::error::Error::source(error).map(ToString::to_string), "authorization failed");
    }
    destination.failure(app, error, language)
}

/// A refusal that the client is told. Where pages have shown the request, it ends with it, once (INT-04).
#[expect(clippy::too_many_arguments, reason = "the pipeline's whole state, handed on once")]
pub(super) async fn end(
    app: &App,
    browser: &Browser,
    destination: &Destination,
    work: &Work,
    established: &Established<'_>,
    refusal: &'static Refusal,
    language: Language,
    now: OffsetDateTime,
) -> Response {
    let Work::Resumed(pending) = work else { return refuse(app, destination, &refusal.into(), language) };
    let about = about(destination, browser, established.found);
    let event = AuditEvent::AuthorizationRefused { error: refusal.code.as_str() };
    let finished = FinishedRequest { request_id: &pending.id, expires_at: pending.remembered_until(app) };
    match finished_requests::take(&app.pool, finished, &AuditRecord::new(now, about, event)).await {
        Ok(true) => refuse(app, destination, &refusal.into(), language),
        Ok(false) => ended(app, destination, language),
        Err(error) => refuse(app, destination, &unavailable(error), language),
    }
}

/// A code for the client, by one statement that judges session, person and request once more.
#[expect(clippy::too_many_arguments, reason = "the pipeline's whole state, handed on once")]
pub(super) async fn issue(
    app: &App,
    browser: &Browser,
    destination: &Destination,
    work: &Work,
    established: &Established<'_>,
    consent: ConsentUse,
    scope: Vec<String>,
    language: Language,
    now: OffsetDateTime,
) -> Response {
    let Some(SessionWithConsent { session, .. }) = established.found else {
        return refuse(app, destination, &(&refusals::LOGIN_REQUIRED).into(), language);
    };
    let client = &destination.client.client;
    let request = work.request();
    let id = FamilyId::new(now);
    let handle = Handle::new(id.0);
    let code = NewAuthorizationCode {
        id,
        secret_hash: handle.hash(),
        client_id: client.id,
        redirect_uri: destination.redirect_uri.clone(),
        code_challenge: request.code_challenge.as_ref().map(ToString::to_string),
        nonce: request.nonce.clone(),
        authentication: Authentication {
            session_id: session.id,
            actor_id: session.person.id,
            subject_id: session.person.id.into(),
            sub: session.sub.clone(),
            identity_provider: session.identity_provider,
            acr: session.acr.clone(),
            amr: session.amr.clone(),
            auth_time: session.auth_time,
        },
        consent_id: None,
        created_at: now,
        expires_at: now + Duration::seconds(i64::from(client.authorization_code_ttl)),
        scope,
    };
    let finished = match work {
        Work::New(_) => None,
        Work::Resumed(pending) => Some(FinishedRequest { request_id: &pending.id, expires_at: pending.remembered_until(app) }),
    };
    let about = About { family_id: Some(id), ..about(destination, browser, established.found) };
    let event = AuditEvent::CodeIssued { scope: code.scope.clone() };
    let consent = code_consent(consent, client, now);
    let audit = AuditRecord::new(now, about, event);
    match authorization_codes::insert(&app.pool, &code, finished, consent, &audit).await {
        Ok(true) => {
            let text = handle.to_text(authorization_code::PREFIX);
            destination.success(app, &text, &code.scope.join(" "), language)
        }
        // the request was ended in another tab, or the session in the meantime
        Ok(false) if finished.is_some() => ended(app, destination, language),
        Ok(false) => refuse(app, destination, &(&refusals::LOGIN_REQUIRED).into(), language),
        Err(error) => refuse(app, destination, &unavailable(error), language),
    }
}

/// The request has had its answer: back to the service (INT-03).
fn ended(app: &App, destination: &Destination, language: Language) -> Response {
    let service = service(&destination.client, language);
    PageRefusal::new(Message::Ended, &refusals::SIGN_IN_COMPLETED)
        .for_service(service.display_name, service.organisation_name)
        .with_button(Label::BackToService, destination.client.client.way_back(&destination.redirect_uri))
        .respond(app, language)
}

fn about(destination: &Destination, browser: &Browser, found: Option<&SessionWithConsent>) -> About {
    let client = &destination.client;
    let person = found.map(|found| found.session.person.id);
    About {
        organisation_id: Some(client.organisation.id),
        client_id: Some(client.client.id),
        actor_id: person,
        subject_id: person.map(Into::into),
        session_id: found.map(|found| found.session.id),
        family_id: None,
        origin: browser.caller.origin.clone(),
    }
}
