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
    next_step::{Established, NextStep},
};
use crate::{
    app::App,
    base::{handle::Handle, id::SessionId},
    flows::{
        authorization_request::{PendingRequest, Progress},
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
pub async fn get(State(app): State<App>, browser: Browser, uri: axum::http::Uri) -> Response {
    if browser.query.get(PROGRESS).is_ok_and(|value| value.is_some()) || is_our_own(&browser.query) {
        return resume(&app, &browser).await;
    }
    let size = uri.query().map_or(0, str::len);
    by_value(&app, &browser, &browser.query, size, &Method::GET).await
}

/// POST by value. Its cookies may be missing (SameSite), so it only seals and sends the browser on by GET, where they are sent.
pub async fn post(State(app): State<App>, browser: Browser, request: Request) -> Response {
    match Form::read(request).await {
        Ok(Form(params)) => {
            let size = params.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
            by_value(&app, &browser, &params, size, &Method::POST).await
        }
        Err(error) => browser.refuse(&app, error),
    }
}

/// A sealed request is ours where the client's own parameters are absent: `request` is also the name of a request object.
fn is_our_own(params: &Params) -> bool {
    let absent = |name| params.get(name).is_ok_and(|value| value.is_none());
    !absent(REQUEST) && absent("client_id")
}

async fn by_value(app: &App, browser: &Browser, params: &Params, size: usize, method: &Method) -> Response {
    let configuration = app.configuration();
    let destination = match Destination::find(app, configuration.snapshot(), params) {
        Ok(destination) => destination,
        Err(refusal) => return browser.refuse(app, refusal),
    };
    // SES-04: what asks in the background or in a frame gets no session
    if browser.is_embedded() {
        return browser.refuse(app, PageRefusal::new(Message::Embedded, &refusals::SIGN_IN_EMBEDDED));
    }
    let now = app.clock.now();
    let request = match checks::request(params, size, &destination)
        .and_then(|request| checks::policy(app, configuration.snapshot(), &destination, &request).map(|()| request))
    {
        Ok(request) => request,
        Err(refusal) => return respond::refuse(app, &destination, &refusal.into(), browser.language(&[])),
    };
    if *method == Method::POST {
        let sealed = PendingRequest::new(request, None, now).seal(app);
        return see_other(&Urls::with_parameters(path::AUTHORIZE, &[(REQUEST, &sealed)]));
    }
    let found = match session(app, &destination, browser.cookies.session.as_ref(), None, now).await {
        Ok(found) => found,
        Err(error) => return respond::refuse(app, &destination, &unavailable(error), browser.language(&[])),
    };
    let established = Established { found: found.as_ref(), progress: None };
    go_on(app, browser, &destination, Work::New(request), &established, now).await
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
    let language = browser.language(&pending.request.ui_locales);
    if let Err(refusal) = checks::policy(app, configuration.snapshot(), &destination, &pending.request) {
        return respond::refuse(app, &destination, &refusal.into(), language);
    }
    let progress = match browser.query.get(PROGRESS).ok().flatten() {
        None => None,
        Some(sealed) => match Progress::open(app, sealed, &pending) {
            Some(progress) => Some(progress),
            None => return browser.refuse(app, PageRefusal::new(Message::Unreadable, &refusals::SIGN_IN_STEP)),
        },
    };
    let named = progress.as_ref().and_then(|progress| progress.session_id);
    let found = match session(app, &destination, browser.cookies.session.as_ref(), named, now).await {
        Ok(found) => found,
        Err(error) => return respond::refuse(app, &destination, &unavailable(error), language),
    };
    let established = Established { found: found.as_ref(), progress: progress.as_ref() };
    go_on(app, browser, &destination, Work::Resumed(pending), &established, now).await
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
        let is_this_browsers = named.is_some() || cookie.is_some_and(|cookie| found.session.was_given_to(cookie));
        is_this_browsers && found.session.is_alive(lifetimes, now) && may_carry_on(app, destination, found)
    }))
}

/// Appendix B: the way to sign in is still open, and the client's sign-ins were not cut off since.
fn may_carry_on(app: &App, destination: &Destination, found: &SessionWithConsent) -> bool {
    let session = &found.session;
    let configuration = app.configuration();
    let mut providers = configuration.snapshot().identity_providers().iter();
    providers.any(|provider| provider.kind == session.identity_provider)
        && destination.client.client.not_before.is_none_or(|not_before| session.auth_time >= not_before)
}

/// A request on its way: new from the client, or with an id because a page has shown it.
enum Work {
    New(AuthorizeRequest),
    Resumed(PendingRequest),
}

impl Work {
    fn request(&self) -> &AuthorizeRequest {
        match self {
            Self::New(request) => request,
            Self::Resumed(pending) => &pending.request,
        }
    }

    /// As pages carry it: bound to the browser where that has a cookie.
    fn into_pending(self, browser: &Browser, now: OffsetDateTime) -> PendingRequest {
        match self {
            Self::New(request) => PendingRequest::new(request, browser.cookies.binding, now),
            Self::Resumed(pending) => pending,
        }
    }
}

async fn go_on(
    app: &App,
    browser: &Browser,
    destination: &Destination,
    work: Work,
    established: &Established<'_>,
    now: OffsetDateTime,
) -> Response {
    let configuration = app.configuration();
    let language = browser.language(&work.request().ui_locales);
    let hint = checks::hinted_subject(app, destination, work.request());
    let hint = match hint {
        Ok(hint) => hint,
        Err(refusal) => return respond::refuse(app, destination, &refusal.into(), language),
    };
    let scope = consent::granted_scope(configuration.snapshot(), &destination.client.client, work.request());
    let step = next_step::decide(work.request(), &destination.client.client, &scope, hint.as_deref(), established, now);
    let page = match step {
        NextStep::SignIn | NextStep::SelectAccount => path::CHOOSE,
        NextStep::AskConsent => path::CONSENT,
        NextStep::Refuse(refusal) => {
            return respond::end(app, browser, destination, &work, established, refusal, language, now).await;
        }
        NextStep::Issue { consent, scope } => {
            return respond::issue(app, browser, destination, &work, established, consent, scope, language, now).await;
        }
    };
    let session_id = established.found.map(|found| found.session.id);
    let progress = established.progress.cloned();
    let pending = work.into_pending(browser, now);
    respond::page(app, browser, &pending, page, progress, session_id)
}
