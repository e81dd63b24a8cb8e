//! The app's own pages: what opens when a device link is followed or its QR code is scanned (eid.md §11.4). Whoever opens it chooses
//! whose device it is, sees the request and answers it; on the same device the browser then goes back to the relying party.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use uuid::Uuid;

use super::{
    super::{
        Shared, origin,
        people::{self, PIN},
        phone::{POLICY, page, response_headers},
        play::PinVerdict,
    },
    session::{Flow, OpenedLink},
};

/// The routes of the pages.
pub fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/device-link", get(open).post(answer))
        .route("/device-link/scan", post(scan))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), guard))
}

#[derive(Template)]
#[template(path = "demo/eid_simulator/device_link.html")]
struct LinkPage {
    /// the link's query; goes back with the answer
    query: String,
    people: Vec<(String, String)>,
    request: Option<LinkRequest>,
    notice: Option<(&'static str, &'static str)>,
    pin: &'static str,
}

struct LinkRequest {
    relying_party: String,
    text: String,
    is_same_device: bool,
}

const UNKNOWN: (&str, &str) = ("Beiðnin er óþekkt eða útrunnin.", "The request is unknown or over.");
const NOT_OURS: (&str, &str) = ("Tengillinn er ógildur eða of gamall.", "The link is not valid or too old.");

/// The request behind a link; without one, a field for the text of a QR code.
async fn open(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    if query.is_empty() {
        return shared.link_page(String::new(), None, None);
    }
    match shared.find_link(&query, true) {
        Ok(_) => shared.link_page(query, None, None),
        Err(notice) => (StatusCode::GONE, shared.link_page(String::new(), Some(notice), None)).into_response(),
    }
}

/// A QR code's text, pasted: leads to the page of its link.
async fn scan(body: Bytes) -> Response {
    let text = form_urlencoded::parse(&body).find(|(name, _)| name == "link").map(|(_, text)| text.into_owned());
    let query = text.as_deref().and_then(|text| text.trim().split_once('?')).map_or("", |(_, query)| query);
    Redirect::to(&format!("/device-link?{query}")).into_response()
}

async fn answer(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let field =
        |wanted: &str| form_urlencoded::parse(&body).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
    let (query, person) = (field("query").unwrap_or_default(), field("person").unwrap_or_default());
    let (pin, choice) = (field("pin").unwrap_or_default(), field("choice").unwrap_or_default());
    let id = match shared.find_link(&query, false) {
        Ok(id) => id,
        Err(notice) => return (StatusCode::GONE, shared.link_page(String::new(), Some(notice), None)).into_response(),
    };
    let now = shared.clock.now();
    let answered = shared.world().answer_link(id, &person, (pin.trim(), choice == "approve"), now);
    match answered {
        Ok(PinVerdict::Right) => {}
        Ok(PinVerdict::Wrong { .. }) => {
            return shared.link_page(query, Some(("Rangt PIN-númer. Reyndu aftur.", "Wrong PIN. Try again.")), Some(&person));
        }
        Ok(PinVerdict::Blocked) => {
            let notice =
                ("Rangt PIN-númer þrisvar í röð. Skilríkin eru læst.", "Wrong PIN three times. The electronic ID is blocked.");
            return shared.link_page(String::new(), Some(notice), None);
        }
        Ok(PinVerdict::NotTheirs) => {
            return shared.link_page(query, Some(("Beiðnin er til annars.", "The request is for somebody else.")), None);
        }
        Ok(PinVerdict::Over) => return shared.link_page(String::new(), Some(UNKNOWN), None),
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "a simulated app could not answer");
            return StatusCode::BAD_REQUEST.into_response();
        }
    }
    let mut world = shared.world();
    let redirect = world.app_session(id, now).and_then(|session| session.decision.as_ref()?.redirect.clone());
    drop(world);
    match redirect {
        Some(url) => Redirect::to(&url).into_response(),
        None if choice == "approve" => shared.link_page(String::new(), Some(("Staðfest.", "Confirmed.")), None),
        None => shared.link_page(String::new(), Some(("Hafnað.", "Declined.")), None),
    }
}

impl Shared {
    /// The session of a link, which must have been made by the relying party, and be fresh where it is a QR code just scanned.
    pub(in super::super) fn find_link(&self, query: &str, is_fresh: bool) -> Result<Uuid, (&'static str, &'static str)> {
        let now = self.clock.now();
        let link = OpenedLink::read(query).ok_or(NOT_OURS)?;
        let mut world = self.world();
        let session = world.linked_session(&link.token, now).filter(|session| session.decision.is_none()).ok_or(UNKNOWN)?;
        let checked = session.check_link(&link, &self.device_link_base(), is_fresh.then_some(now));
        checked.map(|_| session.id).map_err(|reason| {
            tracing::warn!(reason, "a device link is refused");
            NOT_OURS
        })
    }

    fn link_page(&self, query: String, notice: Option<(&'static str, &'static str)>, first: Option<&str>) -> Response {
        let now = self.clock.now();
        let mut world = self.world();
        let session = OpenedLink::read(&query).and_then(|link| {
            let session = world.linked_session(&link.token, now)?;
            Some((session.request.clone(), session.flow))
        });
        let origin = session.as_ref().and_then(|(request, _)| origin_of(request.callback.as_deref()?));
        let request = session.map(|(request, flow)| LinkRequest {
            relying_party: request.relying_party,
            text: request.shown.text().to_owned(),
            is_same_device: flow == Flow::Web2App,
        });
        let shown = world.people.values().filter(|person| !person.of_crowd);
        let mut people: Vec<(String, String)> = shown.map(|person| (person.national_id.clone(), person.name.clone())).collect();
        people.sort_by_key(|(id, _)| (Some(id.as_str()) != first, !people::is_gervimadur(id), id.clone()));
        drop(world);
        let mut response = page(&LinkPage { query, people, request, notice, pin: PIN });
        if let Some(origin) = origin {
            // the form's answer leads there, and Chromium asks the policy of the page about it
            let policy = POLICY.replace("form-action 'self'", &format!("form-action 'self' {origin}"));
            if let Ok(policy) = HeaderValue::from_str(&policy) {
                response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
            }
        }
        response
    }
}

/// Scheme and host of an address.
fn origin_of(url: &str) -> Option<String> {
    url::Url::parse(url).ok().map(|url| url.origin().ascii_serialization())
}

/// Keeps other sites' forms out and gives every page its headers. Links come from other sites: that is what they are for.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let ours = origin::host_is_ours(headers, &shared.public_url);
    if !ours || (request.method() == Method::POST && !origin::form_is_ours(headers)) {
        return (StatusCode::FORBIDDEN, "only from the simulator's own page").into_response();
    }
    let mut response = next.run(request).await;
    let policy = response.headers().get(header::CONTENT_SECURITY_POLICY).cloned();
    response_headers(&mut response);
    if let Some(policy) = policy {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    // the page is a step between two sites of one browser
    response.headers_mut().remove(HeaderName::from_static("cross-origin-opener-policy"));
    response
}
