//! GET and POST /connect/authorize (OpenID Connect Core §3.1.2): one ordered pipeline.
//!
//! **load** (parameters, or the sealed request that a page hands back) → **destination** (a failure before it is a page, after it
//! a redirect) → **checks** → **next_step** (pure) → **respond**. Pages never send people to one another: each returns here
//! (architecture.md, decisions A and B).

mod checks;
mod destination;
mod next_step;
mod respond;

use axum::{
    extract::{Request, State},
    http::Method,
    response::Response,
};
use time::OffsetDateTime;

use self::{
    destination::Destination,
    next_step::{Facts, NextStep},
};
use crate::{
    app::App,
    base::{handle::Handle, id::SessionId, text::Language},
    flows::{
        authorization_request::{PendingRequest, Progress, answering},
        consent,
    },
    http::{
        error::{page::PageRefusal, unavailable},
        extract::{browser::Browser, form::Form},
        html::see_other,
        page::message::Message,
    },
    model::urls::{Urls, path},
    protocol::{authorize::AuthorizeRequest, params::Params, refusals},
    store::sessions::{self, SessionWithConsent},
};

/// The parameter of a request that comes back from a page.
const REQUEST: &str = "request";
const PROGRESS: &str = "progress";
/// A longer request has to be pushed, once that exists (decision A).
const MOST_BYTES: usize = 4096;

/// GET: by value from a client, or sealed from one of our pages.
pub async fn get(State(app): State<App>, browser: Browser) -> Response {
    if browser.is_embedded() {
        return embedded(&app, &browser);
    }
    if is_our_own(&browser.query) {
        return resume(&app, &browser).await;
    }
    by_value(&app, &browser, &browser.query, &Method::GET).await
}

/// POST by value. Its cookies may be missing (SameSite), so it only seals and sends the browser on by GET, where they are sent.
pub async fn post(State(app): State<App>, browser: Browser, request: Request) -> Response {
    if browser.is_embedded() {
        return embedded(&app, &browser);
    }
    match Form::read(request).await {
        Ok(Form(params)) => by_value(&app, &browser, &params, &Method::POST).await,
        Err(error) => browser.refuse(&app, error),
    }
}

/// SES-04: what asks in the background or in a frame gets no session.
fn embedded(app: &App, browser: &Browser) -> Response {
    browser.refuse(app, PageRefusal::new(Message::Embedded, &refusals::SIGN_IN_EMBEDDED))
}

/// A sealed request is ours where the client's own parameters are absent: `request` is also the name of a request object.
fn is_our_own(params: &Params) -> bool {
    let absent = |name| params.get(name).is_ok_and(|value| value.is_none());
    !absent(REQUEST) && absent("client_id")
}

async fn by_value(app: &App, browser: &Browser, params: &Params, method: &Method) -> Response {
    let configuration = app.configuration();
    let destination = match Destination::find(app, configuration.snapshot(), params) {
        Ok(destination) => destination,
        Err(refusal) => return browser.refuse(app, refusal),
    };
    let now = app.clock.now();
    let request = match checks::request(params, &destination)
        .and_then(|request| checks::policy(&configuration, &destination, &request).map(|()| request))
    {
        Ok(request) => request,
        Err(refusal) => return respond::refuse(app, &destination, &refusal.into(), browser.language(&[])),
    };
    checks::count_repeated_challenge(app, &request, now);
    if *method == Method::POST {
        let sealed = PendingRequest::new(request, None, now).seal(app);
        return see_other(&Urls::with_parameters(path::AUTHORIZE, &[(REQUEST, &sealed)]));
    }
    go_on(app, browser, destination, Work::New(request), None, now).await
}

/// The request that a page hands back, judged again from the beginning (INT-05).
async fn resume(app: &App, browser: &Browser) -> Response {
    let now = app.clock.now();
    let sealed = browser.query.get(REQUEST).ok().flatten().unwrap_or_default();
    let pending = match PendingRequest::open(app, sealed, browser.cookies.binding, now) {
        Ok(pending) => pending,
        Err(fault) => return browser.refuse(app, fault),
    };
    let configuration = app.configuration();
    let destination = match Destination::of(app, configuration.snapshot(), &pending.request) {
        Ok(destination) => destination,
        Err(refusal) => return browser.refuse(app, refusal),
    };
    if let Err(refusal) = checks::policy(&configuration, &destination, &pending.request) {
        return respond::refuse(app, &destination, &refusal.into(), browser.language(&pending.request.ui_locales));
    }
    let progress = match browser.query.get(PROGRESS).ok().flatten() {
        None => None,
        Some(sealed) => match Progress::open(app, sealed, &pending) {
            Some(progress) => Some(progress),
            None => return browser.refuse(app, PageRefusal::new(Message::Unreadable, &refusals::SIGN_IN_STEP)),
        },
    };
    let work = match pending.binding {
        Some(_) => Work::Shown(pending),
        // sealed by a POST and never shown: as if it came by GET, so that nothing is written for a stranger
        None => Work::New(pending.request),
    };
    go_on(app, browser, destination, work, progress, now).await
}

/// The living session that counts for this request: the one that its pages named, else the one that the cookie names — which a
/// client with single sign-on off does not see.
async fn session(
    app: &App,
    destination: &Destination,
    cookie: Option<&Handle>,
    named: Option<SessionId>,
    now: OffsetDateTime,
) -> sqlx::Result<Option<SessionWithConsent>> {
    let client = &destination.client.client;
    let id = match (named, cookie) {
        (Some(id), _) => id,
        (None, Some(cookie)) if client.sso => SessionId(cookie.id),
        _ => return Ok(None),
    };
    let found = sessions::find(&app.pool, id, Some(client.id)).await?;
    let lifetimes = app.session_lifetimes();
    Ok(found.filter(|found| {
        // SES-01: a shared session counts with its cookie alone, also where a page has named it
        let is_this_browsers = if found.session.shared {
            cookie.is_some_and(|cookie| found.session.was_given_to(cookie))
        } else {
            named.is_some()
        };
        is_this_browsers && found.session.is_alive(lifetimes, now)
    }))
}

/// A request on its way.
enum Work {
    /// from the client
    New(AuthorizeRequest),
    /// with an id, because a page has shown it: it ends once
    Shown(PendingRequest),
}

impl Work {
    fn request(&self) -> &AuthorizeRequest {
        match self {
            Self::New(request) => request,
            Self::Shown(pending) => &pending.request,
        }
    }
}

/// A valid request and everything that its answer is made of.
struct Authorization<'a> {
    app: &'a App,
    browser: &'a Browser,
    destination: Destination,
    work: Work,
    found: Option<SessionWithConsent>,
    progress: Option<Progress>,
    language: Language,
    now: OffsetDateTime,
}

async fn go_on(
    app: &App,
    browser: &Browser,
    destination: Destination,
    work: Work,
    progress: Option<Progress>,
    now: OffsetDateTime,
) -> Response {
    let configuration = app.configuration();
    let request = work.request();
    let language = browser.language(&request.ui_locales);
    let client = &destination.client.client;
    let hint = match checks::hinted_subject(app, &destination, request) {
        Ok(hint) => hint,
        Err(refusal) => return respond::refuse(app, &destination, &refusal.into(), language),
    };
    let named = progress.as_ref().and_then(|progress| progress.session_id);
    let found = match session(app, &destination, browser.cookies.session.as_ref(), named, now).await {
        Ok(found) => found,
        Err(error) => return respond::refuse(app, &destination, &unavailable(error), language),
    };
    let providers: Vec<_> = answering(&configuration, client, request).map(|provider| provider.id).collect();
    let step = next_step::decide(&Facts {
        request,
        client,
        providers: &providers,
        scope: &consent::granted_scope(configuration.snapshot(), client, request),
        hint: hint.as_deref(),
        found: found.as_ref(),
        progress: progress.as_ref(),
        not_before: configuration.snapshot().not_before(client),
        now,
    });
    let authorization = Authorization { app, browser, destination, work, found, progress, language, now };
    match step {
        NextStep::SignIn => respond::sign_in_page(authorization),
        NextStep::SelectAccount => respond::page(authorization, path::CHOOSE),
        NextStep::AskConsent => respond::page(authorization, path::CONSENT),
        NextStep::Refuse(refusal) => respond::end(&authorization, refusal).await,
        NextStep::Issue { consent, scope } => respond::issue(&authorization, consent, scope).await,
    }
}
