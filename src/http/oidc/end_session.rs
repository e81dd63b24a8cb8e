//! GET and POST /connect/endsession (OpenID Connect RP-Initiated Logout 1.0): the session ends on the server; the person confirms
//! unless the client proves by an ID token that it is this person's own (OUT-01).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::{
    app::App,
    base::{digest, id::SessionId, text::Language},
    flows::end_session,
    http::{
        cookies,
        error::{page::PageRefusal, unavailable},
        extract::{
            browser::{Browser, PageForm},
            form::Form,
        },
        html::{html, see_other, with_cookie},
        page::{
            Button, Chrome, Label, Service,
            end_session::{EndSessionPage, LoggedOutPage},
            message::Message,
        },
    },
    model::{
        client::{ClientType, RegisteredClient},
        session::Session,
        urls::{Urls, path},
    },
    protocol::{
        claims::IdTokenClaims,
        error::OAuthError,
        jwt::{self, Expiry},
        logout::LogoutRequest,
        redirect_uri::{self, MatchRules},
        refusals,
    },
    store::sessions,
};

const PURPOSE: &str = "logout request";
const TTL: Duration = Duration::minutes(15);

/// A logout request on its way through the confirmation, or from a POST to the GET that has the cookies.
#[derive(Serialize, Deserialize)]
struct PendingLogout {
    request: LogoutRequest,
    #[serde(with = "time::serde::timestamp")]
    began_at: OffsetDateTime,
}

/// A logout request that has been judged.
struct Logout {
    request: LogoutRequest,
    /// identified by a valid hint, or only named by `client_id`
    client: Option<Arc<RegisteredClient>>,
    hint: Option<IdTokenClaims>,
    language: Language,
}

/// GET: from a client, or sealed by ourselves.
pub async fn get(State(app): State<App>, browser: Browser) -> Result<Response, Response> {
    let now = app.clock.now();
    let request = match browser.query.get("logout").ok().flatten() {
        Some(sealed) => open(&app, sealed, now).ok_or_else(|| expired(&app, &browser))?,
        None => LogoutRequest::read(&browser.query).map_err(|refusal| browser.refuse(&app, OAuthError::from(refusal)))?,
    };
    let logout = judge(&app, &browser, request, now)?;
    let session = current(&app, &browser, &logout).await?;
    match session {
        None => Ok(finish(&app, &logout, logout.hint.is_some())),
        Some(session) if names(&logout, &session) => {
            end_session::sign_out(&app, &session, &browser.caller.origin, now)
                .await
                .map_err(|error| browser.refuse(&app, unavailable(error)))?;
            Ok(finish(&app, &logout, true))
        }
        Some(session) => Ok(confirm(&app, &logout, &session, now)),
    }
}

/// POST by a client: its cookies may be missing (SameSite), so it is sealed and sent on by GET. POST of our confirmation: done.
pub async fn post(State(app): State<App>, browser: Browser, request: Request) -> Result<Response, Response> {
    let Form(params) = Form::read(request).await.map_err(|error| browser.refuse(&app, error))?;
    if params.get("decision") != Ok(None) {
        browser.require_same_origin(&app)?;
        return confirmed(&app, PageForm { browser, params }).await;
    }
    let request = LogoutRequest::read(&params).map_err(|refusal| browser.refuse(&app, OAuthError::from(refusal)))?;
    let sealed = seal(&app, request, app.clock.now());
    Ok(see_other(&Urls::with_parameters(path::END_SESSION, &[("logout", &sealed)])))
}

async fn confirmed(app: &App, form: PageForm) -> Result<Response, Response> {
    let now = app.clock.now();
    let browser = &form.browser;
    let sealed = form.params.get("logout").ok().flatten().unwrap_or_default();
    let request = open(app, sealed, now).ok_or_else(|| expired(app, browser))?;
    let logout = judge(app, browser, request, now)?;
    let Some(session) = current(app, browser, &logout).await? else { return Ok(finish(app, &logout, true)) };
    let sent = form.params.get("csrf").ok().flatten().unwrap_or_default();
    if !digest::equal(sent.as_bytes(), csrf(app, &session).as_bytes()) {
        let again = Urls::with_parameters(path::END_SESSION, &[("logout", sealed)]);
        let refusal =
            PageRefusal::new(Message::InvalidForm, &refusals::FORM_NOT_OURS).with_button(Label::TryAgain, Some(again));
        return Err(browser.refuse(app, refusal));
    }
    if form.params.get("decision") != Ok(Some("logout")) {
        return Ok(stay(app, &logout, &session, now));
    }
    end_session::sign_out(app, &session, &browser.caller.origin, now)
        .await
        .map_err(|error| browser.refuse(app, unavailable(error)))?;
    Ok(finish(app, &logout, true))
}

/// Hint and client. A hint that is none of ours is refused rather than ignored: the client's developers should know (OUT-02).
fn judge(app: &App, browser: &Browser, request: LogoutRequest, now: OffsetDateTime) -> Result<Logout, Response> {
    let refuse = |refusal| browser.refuse(app, OAuthError::from(refusal));
    let keys = app.keys();
    let hint = match &request.id_token_hint {
        Some(hint) => Some(
            jwt::verify::<IdTokenClaims>(hint, app.urls.issuer(), now, Expiry::Allowed, |kid| keys.hint_key(kid))
                .map_err(|_| refuse(&refusals::LOGOUT_HINT_INVALID))?,
        ),
        None => None,
    };
    // OUT-03
    if let (Some(hint), Some(client_id)) = (&hint, &request.client_id)
        && hint.aud != *client_id
    {
        return Err(refuse(&refusals::LOGOUT_HINT_OTHER_CLIENT));
    }
    let client_id = hint.as_ref().map(|hint| &hint.aud).or(request.client_id.as_ref());
    let client = client_id.and_then(|client_id| app.configuration().snapshot().client(client_id).cloned());
    let language = browser.language(&request.ui_locales);
    Ok(Logout { request, client, hint, language })
}

/// The session that is to end: the browser's, also where it has been idle for long, since what was given in it may live on (D12);
/// else the one that a hint names which no cookie does, as where single sign-on is off.
async fn current(app: &App, browser: &Browser, logout: &Logout) -> Result<Option<Session>, Response> {
    let find = async |id| {
        let found = sessions::find(&app.pool, id, None).await.map_err(|error| browser.refuse(app, unavailable(error)))?;
        Ok(found.map(|found| found.session).filter(|session| session.ended_at.is_none()))
    };
    if let Some(cookie) = &browser.cookies.session
        && let Some(session) = find(SessionId(cookie.id)).await?.filter(|session| session.was_given_to(cookie))
    {
        return Ok(Some(session));
    }
    let named = logout.hint.as_ref().and_then(|hint| hint.sid.parse().ok()).map(SessionId);
    let Some(id) = named else { return Ok(None) };
    Ok(find(id).await?.filter(|session| !session.shared && names(logout, session)))
}

/// OUT-01: the hint is of this very person and session. An ID token of an earlier session proves no wish to end this one.
fn names(logout: &Logout, session: &Session) -> bool {
    logout.hint.as_ref().is_some_and(|hint| hint.sub == session.sub && hint.sid == session.id.to_string())
}

fn confirm(app: &App, logout: &Logout, session: &Session, now: OffsetDateTime) -> Response {
    let sealed = seal(app, logout.request.clone(), now);
    let links = Language::ALL.into_iter().filter(|language| *language != logout.language).map(|language| {
        (language, Urls::with_parameters(path::END_SESSION, &[("logout", sealed.as_str()), ("lang", language.tag())]))
    });
    let page = EndSessionPage {
        chrome: chrome(app, logout, links.collect()),
        logout: &sealed,
        csrf: &csrf(app, session),
        person_name: session.person.name.as_deref().unwrap_or_default(),
    };
    // WEB-02: either answer leads on, and not always to the same place
    let ways_on = [target(logout), way_back(logout)].into_iter().flatten();
    let mut origins: Vec<String> = ways_on.filter_map(|uri| redirect_uri::origin(&uri)).collect();
    origins.dedup();
    html(StatusCode::OK, &page, Some(origins.join(" ")).filter(|origins| !origins.is_empty()).as_deref())
}

/// The person would rather stay signed in: back to the service, where it is known.
fn stay(app: &App, logout: &Logout, session: &Session, now: OffsetDateTime) -> Response {
    way_back(logout).map_or_else(|| confirm(app, logout, session, now), |uri| see_other(&uri))
}

/// Where the service begins, where it is known.
fn way_back(logout: &Logout) -> Option<String> {
    let client = &logout.client.as_ref()?.client;
    let uri = target(logout).or_else(|| client.redirect_uris.iter().find(|uri| !uri.contains('*')).cloned())?;
    client.way_back(&uri)
}

/// Signed out: to the registered address, where the person or a hint vouches for the client (OUT-04), else our own page.
fn finish(app: &App, logout: &Logout, vouched: bool) -> Response {
    let target = target(logout);
    let response = match &target {
        Some(uri) if vouched => {
            let state: Vec<(&str, &str)> = logout.request.state.as_deref().map(|state| ("state", state)).into_iter().collect();
            if state.is_empty() { see_other(uri) } else { see_other(&redirect_uri::with_query(uri, &state)) }
        }
        _ => {
            let page = LoggedOutPage {
                chrome: chrome(app, logout, Vec::new()),
                button: target.as_deref().and_then(|uri| Button::link(Label::BackToService, uri)),
            };
            let mut response = html(StatusCode::OK, &page, None);
            // OUT-06: not "cookies", which would sign people out of every sibling site
            response
                .headers_mut()
                .insert(header::HeaderName::from_static("clear-site-data"), HeaderValue::from_static("\"storage\", \"cache\""));
            response
        }
    };
    with_cookie(response, Some(cookies::no_session(app)))
}

/// The asked address, where it is registered for the client (OUT-04).
fn target(logout: &Logout) -> Option<String> {
    let client = &logout.client.as_ref()?.client;
    let asked = logout.request.post_logout_redirect_uri.as_ref()?;
    let rules = MatchRules { loopback_any_port: client.client_type == ClientType::Native, wildcard: false };
    let registered = redirect_uri::presentable(asked)
        && client.post_logout_redirect_uris.iter().any(|uri| redirect_uri::matches(uri, asked, rules));
    registered.then(|| asked.clone())
}

fn chrome<'a>(app: &App, logout: &'a Logout, language_links: Vec<(Language, String)>) -> Chrome<'a> {
    Chrome {
        language: logout.language,
        environment: app.settings.environment,
        service: logout.client.as_ref().map(|client| Service {
            display_name: client.client.display_name.get(logout.language),
            organisation_name: client.organisation.display_name.get(logout.language),
        }),
        language_links,
    }
}

fn csrf(app: &App, session: &Session) -> String {
    digest::base64url(digest::hmac_sha256(
        app.keys().csrf().expose(),
        &[b"logout", session.id.0.as_bytes(), &session.cookie_hash],
    ))
}

fn seal(app: &App, request: LogoutRequest, now: OffsetDateTime) -> String {
    let plain = serde_json::to_vec(&PendingLogout { request, began_at: now }).unwrap_or_default();
    digest::base64url(app.keys().sealing().seal(PURPOSE, &plain))
}

fn open(app: &App, sealed: &str, now: OffsetDateTime) -> Option<LogoutRequest> {
    let plain = app.keys().sealing().open(PURPOSE, &digest::from_base64url(sealed)?).ok()?;
    let pending: PendingLogout = serde_json::from_slice(&plain).ok()?;
    (now < pending.began_at + TTL).then_some(pending.request)
}

fn expired(app: &App, browser: &Browser) -> Response {
    browser.refuse(app, PageRefusal::new(Message::LogoutExpired, &refusals::SIGN_IN_EXPIRED))
}
