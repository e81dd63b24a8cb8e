//! GET and POST /signin/start: what the identity provider asks for, and with it the beginning of an attempt.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::Response,
};
use time::Duration;
use uuid::Uuid;

use super::{
    choose,
    step::{Step, remember_language},
};
use crate::{
    app::App,
    base::id::AttemptId,
    config::environment::Environment,
    flows::sign_in::{self, BeginRefusal, Begun},
    http::{
        error::{page::PageRefusal, unavailable},
        extract::browser::{Browser, PageForm},
        html::{html, see_other},
        page::{message::Message, problem::Problem, signin::StartPage},
        signin::wait::problem_of,
    },
    model::{
        identity_provider::{Asks, IdentityProvider},
        national_id::{NationalId, NationalIdKind},
        phone_number::PhoneNumber,
        urls::path,
    },
    outbound::eid::{BeginInput, Driver, EidErrorKind, Step as Next},
    protocol::{params::Params, refusals},
    store::sign_in_attempts,
};

/// The page; after a failed attempt (`attempt`) with the number that was typed then.
pub async fn get(State(app): State<App>, browser: Browser) -> Result<Response, Response> {
    let step = Step::of_page(&app, &browser, app.clock.now()).await?;
    let provider = provider(&app, &browser, &step, &browser.query)?;
    let typed = match attempt_id(&browser.query) {
        Some(id) => typed_before(&app, &browser, &step, id).await?,
        None => step.pending.request.login_hint.clone().filter(|hint| input(&app, &provider, hint).is_ok()),
    };
    let on_phone = browser.is_on_phone();
    let response = draw(&app, &step, &provider, on_phone, &typed.unwrap_or_default(), None, StatusCode::OK);
    Ok(remember_language(&app, &browser, response))
}

/// The answer.
pub async fn post(State(app): State<App>, form: PageForm) -> Result<Response, Response> {
    let step = Step::of_form_unlooked(&app, &form, app.clock.now())?;
    if form.params.get("decision") == Ok(Some("cancel")) {
        return Ok(step.cancel(&app));
    }
    let provider = provider(&app, &form.browser, &step, &form.params)?;
    let field = match provider.driver.asks() {
        Asks::PhoneNumber => "phone_number",
        Asks::NationalId => "national_id",
        Asks::Nothing | Asks::Card => "",
    };
    let on_phone = form.browser.is_on_phone();
    let typed = form.params.get(field).ok().flatten().unwrap_or_default();
    let chosen = match form.params.get("app").ok().flatten() {
        Some(app) => device_link(&provider, app).ok_or(Problem::Unavailable),
        None => input(&app, &provider, typed),
    };
    let input = match chosen {
        Ok(input) => input,
        Err(problem) => return Ok(draw(&app, &step, &provider, on_phone, typed, Some(problem), StatusCode::BAD_REQUEST)),
    };
    begin(&app, &form.browser, &step, &provider, input, typed).await
}

/// Begins an attempt. A prompt leaves only where no other attempt for it is open and no limit is reached (EID-06).
pub(super) async fn begin(
    app: &App,
    browser: &Browser,
    step: &Step,
    provider: &IdentityProvider,
    input: BeginInput,
    typed: &str,
) -> Result<Response, Response> {
    let now = app.clock.now();
    let begun = sign_in::begin(app, &step.sign_in_request(browser), provider, input, typed, now).await;
    let is_asked_national_id = provider.driver.asks() == Asks::NationalId;
    let (problem, status, again_after) = match begun {
        Ok(begun) => return Ok(go_on(app, step, provider, begun)),
        Err(BeginRefusal::Store(error)) => return Err(browser.refuse(app, unavailable(error))),
        Err(BeginRefusal::Ended) => return Err(step.ended(app)),
        Err(BeginRefusal::Full) => (Problem::Unavailable, StatusCode::SERVICE_UNAVAILABLE, Some(Duration::MINUTE)),
        Err(BeginRefusal::Busy) => (Problem::Busy, StatusCode::TOO_MANY_REQUESTS, Some(Duration::MINUTE)),
        Err(BeginRefusal::Limited(pause)) => {
            let minutes = whole_seconds(pause).div_ceil(60).max(1);
            (Problem::TooManyAttempts { minutes }, StatusCode::TOO_MANY_REQUESTS, Some(pause))
        }
        Err(BeginRefusal::NotAvailable) => (Problem::Unavailable, StatusCode::BAD_REQUEST, None),
        Err(BeginRefusal::Driver(error)) if error.kind == EidErrorKind::InvalidInput && is_asked_national_id => {
            (Problem::InvalidNationalId, StatusCode::BAD_REQUEST, None)
        }
        Err(BeginRefusal::Driver(error)) => (problem_of(error.kind), StatusCode::BAD_REQUEST, None),
    };
    let mut response = draw(app, step, provider, browser.is_on_phone(), typed, Some(problem), status);
    if let Some(pause) = again_after {
        // RFC 6585 §4, RAT-02
        response.headers_mut().insert(header::RETRY_AFTER, whole_seconds(pause).into());
    }
    Ok(response)
}

/// To the page of the attempt, or at once to the provider's, where the form that was sent may lead there (WEB-02); the page of the
/// attempt has a link for all others.
fn go_on(app: &App, step: &Step, provider: &IdentityProvider, begun: Begun) -> Response {
    let origin = app.configuration().driver(provider.id).and_then(Driver::origin);
    match begun.step {
        Some(Next::Redirect(url)) if origin == Some(url.origin().ascii_serialization()) => see_other(url.as_str()),
        _ => step.go_to(path::WAIT, &[("attempt", &begun.attempt.to_string())]),
    }
}

fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.whole_seconds().max(0)).unwrap_or(u32::MAX)
}

fn draw(
    app: &App,
    step: &Step,
    provider: &IdentityProvider,
    on_phone: bool,
    typed: &str,
    problem: Option<Problem>,
    status: StatusCode,
) -> Response {
    let only_one = choose::methods(app, step).len() == 1;
    let other_url = step.url(path::CHOOSE, &[]);
    let page = StartPage {
        chrome: step.chrome(app, path::START, &[("identity_provider", &provider.name)]),
        request: &step.sealed,
        csrf: &step.csrf(app, None),
        identity_provider: &provider.name,
        asks: provider.driver.asks(),
        device_links: provider.driver.device_links(),
        on_phone,
        identifier: typed,
        valid_seconds: whole_seconds(app.settings.sign_in.attempt_ttl),
        problem,
        other_url: (!only_one).then_some(&other_url),
    };
    html(status, &page, step.form_target().as_deref())
}

/// The way that was chosen, where the client allows it (EID-10).
fn provider(app: &App, browser: &Browser, step: &Step, params: &Params) -> Result<Arc<IdentityProvider>, Response> {
    let sent = params.get("identity_provider").ok().flatten();
    choose::methods(app, step)
        .into_iter()
        .find(|provider| sent == Some(provider.name.as_str()))
        .ok_or_else(|| browser.refuse(app, PageRefusal::new(Message::InvalidRequest, &refusals::SIGN_IN_STEP)))
}

/// What the person typed, as the driver wants it.
fn input(app: &App, provider: &IdentityProvider, typed: &str) -> Result<BeginInput, Problem> {
    match provider.driver.asks() {
        // Test people have numbers that no phone has (eid.md §5.3); production knows none of them.
        Asks::PhoneNumber => PhoneNumber::parse(typed, app.settings.environment != Environment::Production)
            .map(BeginInput::PhoneNumber)
            .map_err(|_| Problem::InvalidPhoneNumber),
        Asks::NationalId => {
            let national_id = NationalId::parse(typed).map_err(|_| Problem::InvalidNationalId)?;
            if national_id.kind() == NationalIdKind::Company {
                return Err(Problem::CompanyNationalId);
            }
            Ok(BeginInput::NationalId(national_id))
        }
        Asks::Nothing | Asks::Card => Ok(BeginInput::Nothing),
    }
}

/// The button for an app, where the provider has it.
fn device_link(provider: &IdentityProvider, app: &str) -> Option<BeginInput> {
    let offered = provider.driver.device_links();
    match app {
        "other_device" if offered.qr => Some(BeginInput::DeviceLink { same_device: false }),
        "this_device" if offered.same_device => Some(BeginInput::DeviceLink { same_device: true }),
        _ => None,
    }
}

fn attempt_id(params: &Params) -> Option<AttemptId> {
    params.get("attempt").ok().flatten()?.parse::<Uuid>().ok().map(AttemptId)
}

async fn typed_before(app: &App, browser: &Browser, step: &Step, id: AttemptId) -> Result<Option<String>, Response> {
    let found = sign_in_attempts::find(&app.pool, id).await.map_err(|error| browser.refuse(app, unavailable(error)))?;
    let own = found.filter(|attempt| attempt.belongs_to(&step.pending.id, &step.binding));
    Ok(own.and_then(|attempt| sign_in::typed(app, &attempt)))
}
