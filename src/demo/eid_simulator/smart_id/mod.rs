//! The Smart-ID service, RP API v3 (eid.md §3): `/smart-id-rp/v3/*`, and the app's own pages behind `/device-link`.
//!
//! Owns the apps of the people, their sessions and the wire. Called by relying parties, and by whoever opens a link.

mod answer;
mod apps;
mod device_link;
mod play;
mod reply;
mod request;
mod session;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{OriginalUri, Path, Request, State},
    http::{HeaderMap, Uri},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use tokio::{sync::Notify, time::Instant};
use uuid::Uuid;

pub use self::{apps::Apps, reply::end_result, session::AppSession};
use self::{play::NotTaken, request::Start};
use super::{
    Shared,
    mobile_id::{self, reply::Refusal},
};

/// The routes of the service and of the app's pages.
pub fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/smart-id-rp/v3/authentication/notification/etsi/{identifier}", post(notify))
        .route("/smart-id-rp/v3/authentication/notification/document/{identifier}", post(notify))
        .route("/smart-id-rp/v3/authentication/device-link/anonymous", post(link))
        .route("/smart-id-rp/v3/authentication/device-link/etsi/{identifier}", post(link))
        .route("/smart-id-rp/v3/authentication/device-link/document/{identifier}", post(link))
        .route("/smart-id-rp/v3/session/{id}", get(poll))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), mood_and_record))
        .merge(device_link::router(shared))
}

async fn mood_and_record(state: State<Arc<Shared>>, uri: OriginalUri, request: Request, next: Next) -> Response {
    let mood = state.world().services.smartid;
    mobile_id::in_mood(mood, state, uri, request, next).await
}

async fn notify(
    State(shared): State<Arc<Shared>>,
    Path(identifier): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now = shared.clock.now();
    let started = request::national_id(&identifier).and_then(|national_id| {
        let request = request::start(&headers, &body, Start::Notification, &shared.relying_party, shared.apps)?;
        shared.world().notify_app(request, national_id, now).map_err(not_taken)
    });
    match started {
        Ok(id) => reply::notified(id, now),
        Err(refusal) => refusal.answer(now),
    }
}

/// For whoever opens the link, or for the one whom the path names.
async fn link(
    State(shared): State<Arc<Shared>>,
    identifier: Option<Path<String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now = shared.clock.now();
    let started = identifier.as_deref().map(|identifier| request::national_id(identifier)).transpose().and_then(|asked_for| {
        let request = request::start(&headers, &body, Start::DeviceLink, &shared.relying_party, shared.apps)?;
        shared.world().link_app(request, asked_for, now).map_err(not_taken)
    });
    match started {
        Ok((id, link)) => reply::linked(id, &link, &shared.device_link_base(), now),
        Err(refusal) => refusal.answer(now),
    }
}

fn not_taken(reason: NotTaken) -> Refusal {
    match reason {
        NotTaken::NoAccount => Refusal::no_session(),
        NotTaken::Fails => Refusal::internal(),
    }
}

/// The long poll: answers when the session ends, or `RUNNING` when the time is up.
async fn poll(State(shared): State<Arc<Shared>>, Path(id): Path<String>, uri: Uri) -> Response {
    let answer = async {
        let id: Uuid = id.parse().map_err(|_| Refusal::no_session())?;
        let until = Instant::now() + mobile_id::timeout(uri.query())?;
        let _turn = Turn::take(&shared, id)?;
        wait(&shared, id, until).await
    };
    answer.await.unwrap_or_else(|refusal| refusal.answer(shared.clock.now()))
}

async fn wait(shared: &Shared, id: Uuid, until: Instant) -> Result<Response, Refusal> {
    loop {
        let (changed, due) = match shared.look_at_app(id)? {
            Look::Over(answer) => return Ok(answer),
            Look::Waits(changed, due) => (changed, due),
        };
        let woken = changed.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        // The decision may have come between the look and the listening.
        if let Look::Over(answer) = shared.look_at_app(id)? {
            return Ok(answer);
        }
        if Instant::now() >= until {
            return Ok(reply::running());
        }
        let next = until.min(Instant::now() + due.max(Duration::from_millis(1)));
        tokio::select! {
            () = woken => {}
            () = shared.closing.cancelled() => return Ok(reply::running()),
            () = tokio::time::sleep_until(next) => {}
        }
    }
}

/// What a poll sees.
enum Look {
    Over(Response),
    Waits(Arc<Notify>, Duration),
}

impl Shared {
    /// Where links lead.
    fn device_link_base(&self) -> String {
        format!("{}/device-link", self.public_url)
    }

    fn look_at_app(&self, id: Uuid) -> Result<Look, Refusal> {
        let now = self.clock.now();
        let mut world = self.world();
        let session = world.app_session(id, now).ok_or_else(Refusal::no_session)?;
        Ok(match &session.decision {
            Some(decision) => Look::Over(reply::complete(session, decision)),
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
        let session = world.app_session(id, now).ok_or_else(Refusal::no_session)?;
        if std::mem::replace(&mut session.polled, true) {
            return Err(Refusal::polled_already());
        }
        Ok(Self { shared, id })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.shared.world().apps.sessions.get_mut(&self.id) {
            session.polled = false;
        }
    }
}
