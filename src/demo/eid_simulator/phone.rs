//! The phones (eid.md §11.4): `/phone` lists the people, `/phone/{national_id}` is one person's screen.
//!
//! Works without a script; with one, a page notices by itself that something changed.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    body::Bytes,
    extract::{Path, RawQuery, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use uuid::Uuid;

use super::{
    Shared,
    behaviour::{Outcome, SCENARIOS, Scenario},
    origin,
    people::PIN,
    play::PinVerdict,
    session::{Session, TextFormat},
    smart_id::AppSession,
    world::World,
};

const STYLE: &str = include_str!("../../../static/demo/eid_simulator.css");
const SCRIPT: &str = include_str!("../../../static/demo/eid_simulator.js");
/// What the pages may load, and where their forms lead.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// The routes of the phones.
pub fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/phone", get(list))
        .route("/phone/state", get(list_state))
        .route("/phone/phone.css", get(style))
        .route("/phone/phone.js", get(script))
        .route("/phone/{national_id}", get(screen))
        .route("/phone/{national_id}/state", get(screen_state))
        .route("/phone/{national_id}/answer", post(answer))
        .route("/phone/{national_id}/unblock", post(unblock))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), guard))
}

#[derive(Template)]
#[template(path = "demo/eid_simulator/list.html")]
struct ListPage {
    people: Vec<ListedPerson>,
    scenarios: &'static [Scenario],
    state: String,
}

struct ListedPerson {
    national_id: String,
    name: String,
    phone: String,
    waiting: bool,
}

#[derive(Template)]
#[template(path = "demo/eid_simulator/phone.html")]
struct PhonePage {
    national_id: String,
    name: String,
    phone: String,
    blocked: bool,
    scenario: Option<&'static Scenario>,
    prompt: Option<Prompt>,
    notice: Option<Notice>,
    pin: &'static str,
}

/// What the screen shows of a request.
struct Prompt {
    session: Uuid,
    relying_party: String,
    text: Option<String>,
    /// of the text
    format: &'static str,
    /// what the person compares
    code: Option<String>,
    code_in_digits: String,
    /// the codes among which the person chooses, in the app
    choices: Vec<String>,
}

/// What became of the last press of a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    Signed,
    Declined,
    WrongPin,
    Blocked,
    Over,
}

impl Notice {
    const ALL: [Self; 5] = [Self::Signed, Self::Declined, Self::WrongPin, Self::Blocked, Self::Over];

    fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Declined => "declined",
            Self::WrongPin => "wrong-pin",
            Self::Blocked => "blocked",
            Self::Over => "over",
        }
    }

    fn is_error(self) -> bool {
        matches!(self, Self::WrongPin | Self::Blocked | Self::Over)
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Signed => ("Staðfest.", "Confirmed."),
            Self::Declined => ("Hafnað.", "Declined."),
            Self::WrongPin => ("Rangt PIN-númer. Reyndu aftur.", "Wrong PIN. Try again."),
            Self::Blocked => {
                ("Rangt PIN-númer þrisvar í röð. Skilríkin eru læst.", "Wrong PIN three times. The electronic ID is blocked.")
            }
            Self::Over => ("Beiðnin er útrunnin.", "The request is over."),
        }
    }
}

async fn list(State(shared): State<Arc<Shared>>) -> Response {
    let now = shared.clock.now();
    let mut world = shared.world();
    let state = world.waiting(now);
    let people = world.people.values().filter(|person| !person.of_crowd && Scenario::of(&person.national_id).is_none());
    let people = people
        .map(|person| ListedPerson {
            national_id: person.national_id.clone(),
            name: person.name.clone(),
            phone: person.phone.clone(),
            waiting: state.contains(&person.national_id),
        })
        .collect();
    page(&ListPage { people, scenarios: SCENARIOS, state: state.join(",") })
}

async fn list_state(State(shared): State<Arc<Shared>>) -> String {
    let now = shared.clock.now();
    shared.world().waiting(now).join(",")
}

async fn screen(State(shared): State<Arc<Shared>>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    let now = shared.clock.now();
    let mut world = shared.world();
    let prompt = world.pending(&id, now).map(Prompt::of_sim).or_else(|| world.app_pending(&id, now).map(Prompt::of_app));
    let Some(person) = world.people.get(&id) else { return StatusCode::NOT_FOUND.into_response() };
    let query = query.unwrap_or_default();
    page(&PhonePage {
        national_id: person.national_id.clone(),
        name: person.name.clone(),
        phone: person.phone.clone(),
        blocked: person.blocked,
        scenario: Scenario::of(&id),
        prompt,
        notice: Notice::ALL.into_iter().find(|notice| query.strip_prefix("notice=") == Some(notice.name())),
        pin: PIN,
    })
}

async fn screen_state(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> String {
    let now = shared.clock.now();
    shared.world().next_prompt(&id, now).map(|(session, _)| session.to_string()).unwrap_or_default()
}

impl Prompt {
    fn of_sim(session: &Session) -> Self {
        let code = session.verification_code();
        Self {
            session: session.id,
            relying_party: session.request.relying_party.clone(),
            text: session.request.text.clone(),
            format: match session.request.format {
                TextFormat::Gsm7 => "GSM-7, 100",
                TextFormat::Ucs2 => "UCS-2, 50",
            },
            code_in_digits: in_digits(&code),
            code: Some(code),
            choices: Vec::new(),
        }
    }

    fn of_app(session: &AppSession) -> Self {
        let choices = session.choices();
        let code = session.verification_code().filter(|_| choices.is_empty());
        Self {
            session: session.id,
            relying_party: session.request.relying_party.clone(),
            text: Some(session.request.shown.text().to_owned()),
            format: if session.request.shown.display_text60.is_some() { "app, 60" } else { "app, 200" },
            code_in_digits: code.as_deref().map(in_digits).unwrap_or_default(),
            code,
            choices,
        }
    }
}

fn in_digits(code: &str) -> String {
    code.chars().map(String::from).collect::<Vec<_>>().join(" ")
}

async fn answer(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Response {
    let (mut session, mut pin, mut choice, mut code) = (None, String::new(), String::new(), None);
    for (name, value) in form_urlencoded::parse(&body) {
        match &*name {
            "session" => session = value.parse().ok(),
            "pin" => pin = value.into_owned(),
            "choice" => choice = value.into_owned(),
            "code" => code = Some(value.into_owned()),
            _ => return StatusCode::BAD_REQUEST.into_response(),
        }
    }
    let Some(session) = session else { return StatusCode::BAD_REQUEST.into_response() };
    let now = shared.clock.now();
    let mut world = shared.world();
    // A screen answers its own request only.
    let Some((_, is_app)) = world.next_prompt(&id, now).filter(|(pending, _)| *pending == session) else {
        return back(&id, Notice::Over);
    };
    // In the app a code must be chosen: none is as wrong as another one.
    let code = Some(code.unwrap_or_default());
    let notice = match choice.as_str() {
        "approve" => match if is_app {
            world.approve_in_app(session, pin.trim(), code.as_deref(), now)
        } else {
            world.approve(session, pin.trim(), now)
        } {
            Ok(PinVerdict::Right) => Notice::Signed,
            Ok(PinVerdict::Wrong { .. }) => Notice::WrongPin,
            Ok(PinVerdict::Blocked) => Notice::Blocked,
            Ok(PinVerdict::Over | PinVerdict::NotTheirs) => Notice::Over,
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "a simulated phone could not answer");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        },
        "decline" if is_app && world.decide_app(session, Outcome::UserCancelled, now) => Notice::Declined,
        "decline" if !is_app && world.decide(session, Outcome::UserCancelled, now) => Notice::Declined,
        "decline" => Notice::Over,
        _ => return StatusCode::BAD_REQUEST.into_response(),
    };
    back(&id, notice)
}

async fn unblock(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let mut world = shared.world();
    let Some(person) = world.people.get_mut(&id) else { return StatusCode::NOT_FOUND.into_response() };
    (person.blocked, person.wrong_pins) = (false, 0);
    if let Err(error) = world.save_people() {
        tracing::warn!(error = format!("{error:#}"), "the simulator's persons could not be written");
    }
    Redirect::to(&format!("/phone/{id}")).into_response()
}

fn back(national_id: &str, notice: Notice) -> Response {
    Redirect::to(&format!("/phone/{national_id}?notice={}", notice.name())).into_response()
}

impl World {
    /// What a person's screen shows: a request to the SIM card before one to the app, and whether it is to the app.
    fn next_prompt(&mut self, national_id: &str, now: time::OffsetDateTime) -> Option<(Uuid, bool)> {
        let sim = self.pending(national_id, now).map(|session| (session.id, false));
        sim.or_else(|| self.app_pending(national_id, now).map(|session| (session.id, true)))
    }

    /// The people on whose phones something waits, by national id.
    fn waiting(&mut self, now: time::OffsetDateTime) -> Vec<String> {
        self.settle(now);
        self.settle_apps(now);
        let open = self.sessions.values().filter(|session| session.decision.is_none());
        let of_apps = self.apps.sessions.values().filter(|session| session.decision.is_none());
        let of_apps = of_apps.filter_map(|session| session.person.clone());
        let mut waiting: Vec<String> = open.filter_map(|session| session.person.clone()).chain(of_apps).collect();
        waiting.sort_unstable();
        waiting.dedup();
        waiting
    }
}

/// A page of the simulator.
pub fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page of the simulator could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

/// Keeps other sites out and gives every page its headers.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let headers: &HeaderMap = request.headers();
    let ours = origin::host_is_ours(headers, &shared.public_url);
    if !ours || (request.method() == Method::POST && !origin::form_is_ours(headers)) {
        return (StatusCode::FORBIDDEN, "only from the simulator's own page").into_response();
    }
    let mut response = next.run(request).await;
    response_headers(&mut response);
    response
}

/// What every page of the simulator says to the browser.
pub fn response_headers(response: &mut Response) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}
