//! The ends of the pipeline: on to a page, a code to the client, or a refusal.

use axum::response::Response;
use time::Duration;

use super::{
    Authorization, PROGRESS, REQUEST, Work,
    destination::{Destination, service},
    next_step::{ConsentUse, code_consent},
};
use crate::{
    app::App,
    base::{handle::Handle, id::FamilyId, text::Language},
    flows::authorization_request::{PendingRequest, Progress},
    http::{
        cookies,
        error::{page::PageRefusal, unavailable},
        html::{see_other, with_cookie},
        page::{Label, message::Message},
    },
    model::{
        audit::{About, AuditEvent, AuditRecord},
        authorization_code::{self, Authentication, NewAuthorizationCode},
        session::Session,
        urls::{Urls, path},
    },
    protocol::{
        error::{OAuthError, Refusal},
        refusals,
    },
    store::{
        authorization_codes::{self, FinishedRequest},
        finished_requests,
    },
    telemetry::metrics,
};

/// On to choosing a way to sign in: nothing that was established before counts for it.
pub(super) fn sign_in_page(authorization: Authorization<'_>) -> Response {
    page(Authorization { found: None, progress: None, ..authorization }, path::CHOOSE)
}

/// On to one of our pages, with the request sealed. A page that draws what belongs to a session is told which: the cookie may
/// change in another tab. A browser without a binding cookie gets one; one that came is never replaced.
pub(super) fn page(authorization: Authorization<'_>, path: &str) -> Response {
    let Authorization { app, browser, work, found, progress, now, .. } = authorization;
    let pending = match work {
        Work::New(request) => PendingRequest::new(request, browser.cookies.binding, now),
        Work::Shown(pending) => pending,
    };
    let sealed = pending.seal(app);
    // progress belongs to a browser; one that has no cookie yet comes back here with it
    let progress = found.filter(|_| pending.binding.is_some()).map(|found| {
        let progress = progress.unwrap_or_else(|| Progress::of(&pending));
        Progress { session_id: Some(found.session.id), ..progress }.seal(app)
    });
    let mut parameters = vec![(REQUEST, sealed.as_str())];
    parameters.extend(progress.as_deref().map(|progress| (PROGRESS, progress)));
    let response = see_other(&Urls::with_parameters(path, &parameters));
    let cookie = browser.cookies.binding.is_none().then(|| cookies::new_binding(app));
    with_cookie(response, cookie)
}

/// A refusal that the client is told, and that ends nothing: the request was never shown, or could not be judged.
pub(super) fn refuse(app: &App, destination: &Destination, error: &OAuthError, language: Language) -> Response {
    let (refusal, client_id) = (error.refusal, &destination.client.client.client_id);
    metrics::REFUSALS.increment(&["authorize", refusal.code.as_str()]);
    if refusal.status >= 500 {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(refusal = refusal.id, client_id, cause, "authorization failed");
    } else {
        tracing::info!(refusal = refusal.id, client_id, "authorization refused");
    }
    destination.failure(app, error, language)
}

/// A refusal that the client is told. Where a page has shown the request, it ends with it, once (INT-04).
pub(super) async fn end(authorization: &Authorization<'_>, refusal: &'static Refusal) -> Response {
    let Authorization { app, browser, destination, language, now, .. } = authorization;
    let Work::Shown(pending) = &authorization.work else { return refuse(app, destination, &refusal.into(), *language) };
    let network = browser.caller.origin.network.clone().unwrap_or_default();
    // INT-06: it costs a stranger nothing to end requests, and each leaves a row
    if authorization.found.is_none() && !app.anonymous_endings.take(network, *now) {
        metrics::RATE_LIMITED.increment(&["endings"]);
        return PageRefusal::new(Message::TooManyRequests { minutes: 1 }, &refusals::RATE_LIMITED).respond(app, *language);
    }
    let event = AuditEvent::AuthorizationRefused { error: refusal.code.as_str() };
    let audit = AuditRecord::new(*now, about(authorization), event);
    match finished_requests::take(&app.pool, finished(app, pending), &audit).await {
        Ok(true) => refuse(app, destination, &refusal.into(), *language),
        Ok(false) => ended(app, destination, *language),
        Err(error) => refuse(app, destination, &unavailable(error), *language),
    }
}

/// A code for the client, by one statement that judges session, person and request once more.
pub(super) async fn issue(authorization: &Authorization<'_>, consent: ConsentUse, scope: Vec<String>) -> Response {
    let Authorization { app, destination, work, language, now, .. } = authorization;
    let Some(found) = &authorization.found else {
        return refuse(app, destination, &(&refusals::LOGIN_REQUIRED).into(), *language);
    };
    let id = FamilyId::new(*now);
    let handle = Handle::new(id.0);
    let code = new_code(authorization, &found.session, id, &handle, scope);
    let finished = match work {
        Work::New(_) => None,
        Work::Shown(pending) => Some(finished(app, pending)),
    };
    let about = About { family_id: Some(id), ..about(authorization) };
    let audit = AuditRecord::new(*now, about, AuditEvent::CodeIssued { scope: code.scope.clone() });
    let consent = code_consent(consent, &destination.client.client, *now);
    match authorization_codes::insert(&app.pool, &code, finished, consent, &audit).await {
        Ok(true) => {
            let text = handle.to_text(authorization_code::PREFIX);
            destination.success(app, &text, &code.scope.join(" "), *language)
        }
        // the request was ended in another tab, or the session in the meantime
        Ok(false) if finished.is_some() => ended(app, destination, *language),
        Ok(false) => refuse(app, destination, &(&refusals::LOGIN_REQUIRED).into(), *language),
        Err(error) => refuse(app, destination, &unavailable(error), *language),
    }
}

fn new_code(
    authorization: &Authorization<'_>,
    session: &Session,
    id: FamilyId,
    handle: &Handle,
    scope: Vec<String>,
) -> NewAuthorizationCode {
    let client = &authorization.destination.client.client;
    let request = authorization.work.request();
    NewAuthorizationCode {
        id,
        secret_hash: handle.hash(),
        client_id: client.id,
        redirect_uri: authorization.destination.redirect_uri.clone(),
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
        created_at: authorization.now,
        expires_at: authorization.now + Duration::seconds(i64::from(client.authorization_code_ttl)),
        scope,
    }
}

fn finished<'a>(app: &App, pending: &'a PendingRequest) -> FinishedRequest<'a> {
    FinishedRequest { request_id: &pending.id, expires_at: pending.remembered_until(app) }
}

/// The request has had its answer: back to the service (INT-03).
fn ended(app: &App, destination: &Destination, language: Language) -> Response {
    let service = service(&destination.client, language);
    PageRefusal::new(Message::Ended, &refusals::SIGN_IN_COMPLETED)
        .for_service(service.display_name, service.organisation_name)
        .with_button(Label::BackToService, destination.client.client.way_back(&destination.redirect_uri))
        .respond(app, language)
}

fn about(authorization: &Authorization<'_>) -> About {
    let client = &authorization.destination.client;
    let session = authorization.found.as_ref().map(|found| &found.session);
    About {
        organisation_id: Some(client.organisation.id),
        client_id: Some(client.client.id),
        actor_id: session.map(|session| session.person.id),
        subject_id: session.map(|session| session.person.id.into()),
        session_id: session.map(|session| session.id),
        family_id: None,
        origin: authorization.browser.caller.origin.clone(),
    }
}
