//! The Mobile-ID REST service (eid.md §2): `/mid-api/*`.
//!
//! Owns the wire; what a phone does with a request is the world's. Called by relying parties only.

mod display_text;
pub(super) mod reply;
pub(super) mod request;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{OriginalUri, Path, Request, State},
    http::{HeaderMap, StatusCode, Uri},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use tokio::{sync::Notify, time::Instant};
use uuid::Uuid;

use self::reply::Refusal;
use super::{Shared, record::Record, services::MobileIdMood};

const POLL: std::ops::RangeInclusive<u64> = 1_000..=120_000;
const USUAL_POLL: u64 = 10_000;
const MOST_BODY: usize = 16 * 1024;

/// The routes of the service.
pub fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/mid-api/authentication", post(start))
        .route("/mid-api/authentication/session/{id}", get(poll))
        .route("/mid-api/certificate", post(certificate))
        .route("/mid-api/version", get(version))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), mood_and_record))
}

async fn start(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let now = shared.clock.now();
    let started = request::authentication(&headers, &body, &shared.relying_party)
        .and_then(|request| shared.world().start(request, now).map_err(|_| Refusal::internal()));
    match started {
        Ok(id) => {
            let mut body = reply::stamped(now);
            body["sessionID"] = id.to_string().into();
            reply::ok(StatusCode::OK, &body)
        }
        Err(refusal) => refusal.answer(now),
    }
}

async fn certificate(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let now = shared.clock.now();
    let choice = match request::certificate(&headers, &body, &shared.relying_party) {
        Ok(choice) => choice,
        Err(refusal) => return refusal.answer(now),
    };
    let certificate = shared.world().certificate_of(&choice.phone, choice.national_id.as_deref(), now);
    let mut body = reply::stamped(now);
    body["result"] = if certificate.is_some() { "OK" } else { "NOT_FOUND" }.into();
    if let Some(certificate) = certificate {
        body["cert"] = certificate.into();
    }
    reply::ok(StatusCode::OK, &body)
}

async fn version() -> &'static str {
    concat!("HERMIR ", env!("CARGO_PKG_VERSION"))
}

/// The long poll: answers when the session ends, or `RUNNING` when the time is up.
async fn poll(State(shared): State<Arc<Shared>>, Path(id): Path<String>, uri: Uri) -> Response {
    let answer = async {
        let id: Uuid = id.parse().map_err(|_| Refusal::no_session())?;
        let until = Instant::now() + timeout(uri.query())?;
        let _turn = Turn::take(&shared, id)?;
        wait(&shared, id, until).await
    };
    answer.await.unwrap_or_else(|refusal| refusal.answer(shared.clock.now()))
}

async fn wait(shared: &Shared, id: Uuid, until: Instant) -> Result<Response, Refusal> {
    loop {
        let (changed, due) = match shared.look(id)? {
            Look::Over(answer) => return Ok(answer),
            Look::Waits(changed, due) => (changed, due),
        };
        let woken = changed.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        // The decision may have come between the look and the listening.
        if let Look::Over(answer) = shared.look(id)? {
            return Ok(answer);
        }
        let next = until.min(Instant::now() + due.max(Duration::from_millis(1)));
        tokio::select! {
            () = woken => {}
            () = shared.closing.cancelled() => return Ok(reply::running(shared.clock.now())),
            () = tokio::time::sleep_until(next) => {
                if next == until && let Look::Waits(..) = shared.look(id)? {
                    return Ok(reply::running(shared.clock.now()));
                }
            }
        }
    }
}

/// What a poll sees.
enum Look {
    Over(Response),
    Waits(Arc<Notify>, Duration),
}

impl Shared {
    fn look(&self, id: Uuid) -> Result<Look, Refusal> {
        let now = self.clock.now();
        let mut world = self.world();
        let session = world.session(id, now).ok_or_else(Refusal::no_session)?;
        Ok(match &session.decision {
            Some(decision) => Look::Over(reply::complete(session, decision, now)),
            None => Look::Waits(Arc::clone(&session.changed), session.until_due(now)),
        })
    }
}

/// The one poll that a session may have at a time; given back however the request ends.
struct Turn<'a> {
    shared: &'a Shared,
    id: Uuid,
}

impl<'a> Turn<'a> {
    fn take(shared: &'a Shared, id: Uuid) -> Result<Self, Refusal> {
        let now = shared.clock.now();
        let mut world = shared.world();
        let session = world.session(id, now).ok_or_else(Refusal::no_session)?;
        if std::mem::replace(&mut session.polled, true) {
            return Err(Refusal::polled_already());
        }
        Ok(Self { shared, id })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.shared.world().sessions.get_mut(&self.id) {
            session.polled = false;
        }
    }
}

/// How long a poll may wait.
pub(super) fn timeout(query: Option<&str>) -> Result<Duration, Refusal> {
    let mut milliseconds = USUAL_POLL;
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if name != "timeoutMs" {
            return Err(Refusal::bad("the only parameter is timeoutMs"));
        }
        milliseconds = value
            .parse()
            .ok()
            .filter(|milliseconds| POLL.contains(milliseconds))
            .ok_or_else(|| Refusal::bad("timeoutMs is 1000 to 120000"))?;
    }
    Ok(Duration::from_millis(milliseconds))
}

async fn mood_and_record(state: State<Arc<Shared>>, uri: OriginalUri, request: Request, next: Next) -> Response {
    let mood = state.world().services.mid;
    in_mood(mood, state, uri, request, next).await
}

/// Applies a service's mood and keeps a record of the request.
pub(super) async fn in_mood(
    mood: MobileIdMood,
    State(shared): State<Arc<Shared>>,
    OriginalUri(uri): OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let at = shared.clock.now();
    let method = request.method().to_string();
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MOST_BODY).await else {
        return Refusal::bad("the body is too long").answer(at);
    };
    let seen = serde_json::from_slice(&body).ok();
    let response = match mood {
        MobileIdMood::Ok => next.run(Request::from_parts(parts, body.into())).await,
        MobileIdMood::InternalError => Refusal::internal().answer(at),
        MobileIdMood::Busy => Refusal::busy().answer(at),
        MobileIdMood::Unauthorized => Refusal::unauthorized().answer(at),
        MobileIdMood::Drop => reply::dropped(),
    };
    let status = response.status().as_u16();
    shared.world().keep(Record { number: 0, at, method, path: uri.to_string(), body: seen, status });
    response
}
