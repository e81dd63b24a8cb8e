//! GET and POST /signin/consent: who wants what, and what the person allows (CON-01 … CON-05).

use axum::{extract::State, http::StatusCode, response::Response};

use super::step::{Step, remember_language};
use crate::{
    app::App,
    base::text::Language,
    config::environment::Environment,
    flows::{
        authorization_request::{ConsentGiven, Progress},
        consent,
    },
    http::{
        error::{page::PageRefusal, unavailable},
        extract::browser::{Browser, PageForm},
        html::html,
        page::{
            consent::{ConsentOrganisation, ConsentPage, ScopeLine},
            message::Message,
        },
    },
    model::{
        client::ClientType,
        scope::{OFFLINE_ACCESS, OPENID, PROFILE, Scope},
        urls::path,
    },
    protocol::{redirect_uri, refusals},
    store::sessions,
};

/// The page. Without a session that authorize has named, authorize decides what comes first (INT-02).
pub async fn get(State(app): State<App>, browser: Browser) -> Result<Response, Response> {
    let step = Step::of_page(&app, &browser, app.clock.now()).await?;
    let Some((progress, session_id)) =
        step.progress(&app, &browser.query).and_then(|progress| progress.session_id.map(|session_id| (progress, session_id)))
    else {
        return Ok(step.go_to(path::AUTHORIZE, &[]));
    };
    let found = sessions::find(&app.pool, session_id, None).await.map_err(|error| browser.refuse(&app, unavailable(error)))?;
    let lifetimes = app.session_lifetimes();
    let Some(session) = found.map(|found| found.session).filter(|session| session.is_alive(lifetimes, app.clock.now())) else {
        return Ok(step.go_to(path::AUTHORIZE, &[]));
    };
    let sealed = progress.seal(&app);
    let configuration = app.configuration();
    let snapshot = configuration.snapshot();
    let client = &step.client.client;
    let names = consent::granted_scope(snapshot, client, &step.pending.request);
    let offline_seconds = client.absolute_refresh_token_ttl.unsigned_abs();
    let mut scopes: Vec<(i16, ScopeLine<'_>)> = names
        .iter()
        .filter_map(|name| match name.as_str() {
            OPENID => Some((-2, ScopeLine::openid(step.language))),
            PROFILE => Some((-1, ScopeLine::profile(step.language))),
            OFFLINE_ACCESS => Some((i16::MAX, ScopeLine::offline_access(step.language, offline_seconds))),
            name => snapshot.scope(name).map(|scope| (scope.display_order, line(scope, step.language))),
        })
        .collect();
    scopes.sort_by_key(|(order, _)| *order);
    let scopes: Vec<ScopeLine<'_>> = scopes.into_iter().map(|(_, line)| line).collect();
    let page = ConsentPage {
        chrome: step.chrome(&app, path::CONSENT, &[("progress", &sealed)]),
        request: &step.sealed,
        progress: &sealed,
        csrf: &step.csrf(&app, Some(session_id)),
        organisation: ConsentOrganisation {
            name: step.client.organisation.display_name.get(step.language),
            domain: &step.client.organisation.domain,
        },
        client_name: client.display_name.get(step.language),
        redirect_host: if shows_target(&app, client.client_type) {
            redirect_uri::shown(&step.pending.request.redirect_uri)
        } else {
            None
        },
        person_name: session.person.name.as_deref().unwrap_or_default(),
        scopes: &scopes,
        remember: is_remembered(client.allow_remember_consent, client.client_type),
    };
    let response = html(StatusCode::OK, &page, step.form_target().as_deref());
    Ok(remember_language(&app, &browser, response))
}

/// The answer.
pub async fn post(State(app): State<App>, form: PageForm) -> Result<Response, Response> {
    let step = Step::of_form(&app, &form, app.clock.now()).await?;
    let Some(progress) = step.progress(&app, &form.params).filter(|progress| progress.session_id.is_some()) else {
        return Ok(step.go_to(path::AUTHORIZE, &[]));
    };
    match form.params.get("decision").ok().flatten() {
        Some("deny" | "cancel") => Ok(step.resume(&app, &Progress { denied: true, ..progress })),
        Some("allow") => {
            let configuration = app.configuration();
            let client = &step.client.client;
            let asked = consent::granted_scope(configuration.snapshot(), client, &step.pending.request);
            let ticked: Vec<&str> = form.params.iter().filter(|(name, _)| *name == "scope").map(|(_, value)| value).collect();
            // CON-02: posted scopes may only shrink the request
            if ticked.iter().any(|name| !asked.iter().any(|asked| asked == name)) {
                let refusal = PageRefusal::new(Message::InvalidRequest, &refusals::CONSENT_SCOPE_UNKNOWN);
                return Err(form.browser.refuse(&app, refusal));
            }
            let is_required =
                |name: &str| name == OPENID || configuration.snapshot().scope(name).is_some_and(|scope| scope.required);
            let is_allowed =
                |name: &str| asked.iter().any(|asked| asked == name) && (ticked.contains(&name) || is_required(name));
            let remembered = is_remembered(client.allow_remember_consent, client.client_type);
            let consent = ConsentGiven::new(&step.pending.request, is_allowed, remembered);
            Ok(step.resume(&app, &Progress { consent: Some(consent), ..progress }))
        }
        _ => Ok(step.go_to(path::AUTHORIZE, &[("progress", &progress.seal(&app))])),
    }
}

fn line(scope: &Scope, language: Language) -> ScopeLine<'_> {
    ScopeLine {
        name: &scope.name,
        display_name: scope.display_name.get(language).to_owned(),
        description: scope.description.get(language).to_owned(),
        required: scope.required,
        emphasize: scope.emphasize,
    }
}

/// RED-09: a native client asks each time, so nothing is remembered for it.
fn is_remembered(allowed: bool, client_type: ClientType) -> bool {
    allowed && client_type != ClientType::Native
}

/// CON-03, RED-08: where the answer goes, if that is not plainly the organisation's own: a native client's address, or one that a
/// wildcard may cover.
fn shows_target(app: &App, client_type: ClientType) -> bool {
    client_type == ClientType::Native || app.settings.environment != Environment::Production
}
