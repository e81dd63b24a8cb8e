//! The reader that the script shows in the login page: choose a card, give the PIN, or let something go wrong (eid.md §11.4).

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use super::{
    super::{
        Shared,
        behaviour::Scenario,
        origin,
        people::{MOST_WRONG_PINS, PIN},
        world::World,
    },
    failed,
    token::{self, Answer, Question},
};
use crate::base::text::Language;

const SCRIPT: &str = include_str!("../../../../static/demo/card_reader.js");
/// Any page may show the reader: it asks nothing that is worth stealing.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'";

/// What can go wrong between page and card (eid.md §4.2), with the words for it.
const TROUBLES: [(&str, &str, &str); 5] = [
    ("ERR_WEBEID_NATIVE_FATAL", "Taka kortið úr", "Remove the card"),
    ("ERR_WEBEID_NATIVE_UNAVAILABLE", "Enginn kortalesari", "No reader"),
    ("ERR_WEBEID_VERSION_MISMATCH", "Gamall hugbúnaður", "Old software"),
    ("ERR_WEBEID_USER_TIMEOUT", "Svara ekki", "No answer"),
    ("ERR_WEBEID_ACTION_PENDING", "Annar gluggi er opinn", "Another window is open"),
];

/// The routes of the reader.
pub fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/card/reader", get(page).post(answer))
        .route("/card/reader.js", get(script))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), guard))
}

#[derive(Template)]
#[template(path = "demo/eid_simulator/reader.html")]
struct ReaderPage {
    lang: &'static str,
    origin: String,
    nonce: String,
    people: Vec<(String, String)>,
    chosen: String,
    /// (Icelandic, English)
    notice: Option<(&'static str, &'static str)>,
    troubles: &'static [(&'static str, &'static str, &'static str)],
    pin: &'static str,
}

#[derive(Template)]
#[template(path = "demo/eid_simulator/reader_done.html")]
struct DonePage {
    lang: &'static str,
    origin: String,
    /// the extension's message, JSON
    answer: String,
}

/// What came with the query or the form.
#[derive(Default)]
struct Fields {
    origin: String,
    nonce: String,
    lang: String,
    person: String,
    pin: String,
    choice: String,
}

impl Fields {
    fn read(text: &[u8]) -> Option<Self> {
        let mut fields = Self::default();
        for (name, value) in form_urlencoded::parse(text) {
            let field = match &*name {
                "origin" => &mut fields.origin,
                "nonce" => &mut fields.nonce,
                "lang" => &mut fields.lang,
                "person" => &mut fields.person,
                "pin" => &mut fields.pin,
                "choice" => &mut fields.choice,
                _ => return None,
            };
            *field = value.into_owned();
        }
        Some(fields)
    }

    fn language(&self) -> &'static str {
        self.lang.parse::<Language>().unwrap_or(Language::Is).tag()
    }
}

async fn page(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    match Fields::read(query.unwrap_or_default().as_bytes()) {
        Some(fields) => draw(&shared.world(), fields, None),
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn answer(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let Some(fields) = Fields::read(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    let now = shared.clock.now();
    let mut world = shared.world();
    if fields.choice != "sign" {
        let code = TROUBLES.iter().map(|trouble| trouble.0).find(|code| *code == fields.choice);
        return done(&fields, &Answer::Error(code.unwrap_or("ERR_WEBEID_USER_CANCELLED")));
    }
    let Some(person) = world.people.get_mut(&fields.person) else { return StatusCode::BAD_REQUEST.into_response() };
    if person.blocked {
        return draw(&world, fields, Some(("Kortið er læst.", "The card is blocked.")));
    }
    if fields.pin.trim() != PIN {
        person.wrong_pins += 1;
        person.blocked = person.wrong_pins >= MOST_WRONG_PINS;
        return draw(&world, fields, Some(("Rangt PIN-númer.", "Wrong PIN.")));
    }
    person.wrong_pins = 0;
    let question = Question { origin: &fields.origin, nonce: &fields.nonce };
    match token::answer(&mut world, &fields.person, &question, now) {
        Ok(answer) => done(&fields, &answer),
        Err(error) => failed(&error),
    }
}

fn draw(world: &World, fields: Fields, notice: Option<(&'static str, &'static str)>) -> Response {
    // the people first, then the numbers that play something
    let mut people: Vec<_> = world.people.values().filter(|person| !person.of_crowd).collect();
    people.sort_by_key(|person| Scenario::of(&person.national_id).is_some());
    let people = people.into_iter().map(|person| {
        let scenario = Scenario::of(&person.national_id);
        let outcome = scenario.map(|it| if fields.language() == "is" { it.outcome_is } else { it.outcome });
        let name = outcome.map_or_else(|| person.name.clone(), |outcome| format!("{}: {outcome}", person.name));
        (person.national_id.clone(), name)
    });
    render(&ReaderPage {
        lang: fields.language(),
        people: people.collect(),
        origin: fields.origin,
        nonce: fields.nonce,
        chosen: fields.person,
        notice,
        troubles: &TROUBLES,
        pin: PIN,
    })
}

fn done(fields: &Fields, answer: &Answer) -> Response {
    let message = match answer {
        // what is no JSON reaches the page as the text that it is
        Answer::Token(text) => match serde_json::from_str::<serde_json::Value>(text) {
            Ok(mut token) => {
                token["action"] = "web-eid:authenticate-success".into();
                token
            }
            Err(_) => json!({ "action": "web-eid:authenticate-success", "unverifiedCertificate": text }),
        },
        Answer::Error(code) => {
            json!({ "action": "web-eid:authenticate-failure", "error": { "code": code, "message": "HERMIR" } })
        }
    };
    render(&DonePage { lang: fields.language(), origin: fields.origin.clone(), answer: message.to_string() })
}

fn render(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => failed(&anyhow::Error::new(error)),
    }
}

async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

/// Takes forms from the reader itself alone, and gives every page its headers.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let ours = origin::host_is_ours(headers, &shared.public_url);
    if !ours || (request.method() == Method::POST && !origin::form_is_ours(headers)) {
        return (StatusCode::FORBIDDEN, "only from the simulator's own page").into_response();
    }
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
