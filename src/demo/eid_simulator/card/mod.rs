//! Identity cards: a reader for the login page (`/card/shim.js`, `/card/reader`), a signer for programs (`POST /card/sign`), and
//! certificates for browsers (`/card/{person}.p12`).
//!
//! The script stands in for the Web eID extension: it answers the page's `web-eid:*` messages, and shows a reader in a frame.
//! Everything after the token is the server's own.

mod cards;
mod reader;
mod token;

use std::sync::Arc;

use anyhow::Context as _;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use serde::Deserialize;
use serde_json::json;

pub use self::cards::Cards;
use self::token::{Answer, Question};
use super::{Shared, origin, people::PIN, world::World};

const SHIM: &str = include_str!("../../../../static/demo/card_shim.js");

/// The routes of the cards.
pub fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/card/shim.js", get(shim))
        .route("/card/sign", post(sign))
        .route("/card/{file}", get(client_certificate))
        .merge(reader::router(shared))
}

/// The script that stands in for the extension; any page may load it.
async fn shim(State(shared): State<Arc<Shared>>) -> Response {
    let script = SHIM.replace("{{SIMULATOR}}", &shared.public_url);
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    (headers, script).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignRequest {
    /// national id
    person: String,
    /// the page's origin
    origin: String,
    /// the challenge, base64 text
    nonce: String,
    pin: String,
}

/// A token for programs that play the browser, or the error that the extension would give.
async fn sign(State(shared): State<Arc<Shared>>, Json(request): Json<SignRequest>) -> Response {
    let now = shared.clock.now();
    if request.pin != PIN {
        return (StatusCode::FORBIDDEN, Json(json!({ "error": "wrong PIN" }))).into_response();
    }
    let mut world = shared.world();
    if let Err(error) = world.meet(&request.person, now) {
        return failed(&error);
    }
    if !world.people.contains_key(&request.person) {
        return (StatusCode::NOT_FOUND, Json(json!({ "error": "no such person" }))).into_response();
    }
    let question = Question { origin: &request.origin, nonce: &request.nonce };
    match token::answer(&mut world, &request.person, &question, now) {
        Ok(Answer::Token(token)) => ([(header::CONTENT_TYPE, "application/json")], token).into_response(),
        Ok(Answer::Error(code)) => (StatusCode::CONFLICT, Json(json!({ "error": code }))).into_response(),
        Err(error) => failed(&error),
    }
}

/// `{national_id}.p12`: card and key for a browser's own store, under the PIN.
async fn client_certificate(State(shared): State<Arc<Shared>>, Path(file): Path<String>, headers: HeaderMap) -> Response {
    let now = shared.clock.now();
    let mut world = shared.world();
    let Some(national_id) = file.strip_suffix(".p12").filter(|id| world.people.contains_key(*id)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if !origin::host_is_ours(&headers, &shared.public_url) {
        return StatusCode::FORBIDDEN.into_response();
    }
    match world.hand_out_card(national_id, now).and_then(|()| world.key_store(national_id)) {
        Ok(store) => ([(header::CONTENT_TYPE, "application/x-pkcs12")], store).into_response(),
        Err(error) => failed(&error),
    }
}

impl World {
    /// Card and key as PKCS#12, with the authority that issued the card.
    fn key_store(&self, national_id: &str) -> anyhow::Result<Vec<u8>> {
        let person = self.people.get(national_id).context("there is no such person")?;
        let card = self.cards.get(national_id).context("the person has no card")?;
        let read = |der: &[u8]| Certificate::from_der(der).context("a certificate cannot be kept");
        let chain = vec![read(&card.certificate.der)?, read(&self.authority.card.certificate)?];
        let key = PrivateKey::from_der(&card.key.pkcs8()?).context("a key cannot be kept")?;
        let entry = PrivateKeyChain::new(national_id.as_bytes(), key, chain);
        let mut store = KeyStore::new();
        store.add_entry(&person.name, KeyStoreEntry::PrivateKeyChain(entry));
        store.writer(PIN).write().context("writing PKCS#12")
    }
}

fn failed(error: &anyhow::Error) -> Response {
    tracing::warn!(error = format!("{error:#}"), "a simulated card could not answer");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
