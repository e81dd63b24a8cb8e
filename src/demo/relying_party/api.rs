//! The documents API of `myorg.is`: GET reads (`@myorg.is/documents:read`), POST adds (`@myorg.is/documents:write`).
//!
//! It trusts nothing but the access token: no cookie, no session, no word of the web application.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    bearer::{AccessTokens, Refusal},
    provider::Http,
};
use crate::base::clock::Clock;

const READ: &str = "@myorg.is/documents:read";
const WRITE: &str = "@myorg.is/documents:write";
/// The documents that everybody has from the start.
const FIRST_DOCUMENTS: [&str; 2] = ["Leigusamningur", "Umsókn um vegabréf"];
/// They are kept in memory, so there is an end to them.
const MOST_DOCUMENTS: usize = 20;
const LONGEST_TITLE: usize = 100;

struct Api {
    access_tokens: AccessTokens,
    clock: Clock,
    /// By national id.
    documents: Mutex<HashMap<String, Vec<Document>>>,
}

#[derive(Clone, Serialize)]
struct Document {
    title: String,
}

#[derive(Deserialize)]
struct NewDocument {
    title: String,
}

/// The API, which takes the access tokens of `issuer`.
pub(super) fn router(issuer: &str, http: Http, clock: Clock) -> Router {
    let api = Api { access_tokens: AccessTokens::new(issuer, http), clock, documents: Mutex::default() };
    Router::new().route("/documents", get(list).post(add)).with_state(Arc::new(api))
}

/// GET /documents: `{"documents": [{"title": "…"}]}`.
async fn list(State(api): State<Arc<Api>>, headers: HeaderMap) -> Result<Response, Refusal> {
    let token = api.access_tokens.authorize(&headers, READ, api.clock.now()).await?;
    let documents = of_person(&mut api.lock(), token.national_id).clone();
    Ok(Json(json!({ "documents": documents })).into_response())
}

/// POST /documents with `{"title": "…"}`: 201 with the document.
async fn add(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Result<Json<NewDocument>, JsonRejection>,
) -> Result<Response, Refusal> {
    let token = api.access_tokens.authorize(&headers, WRITE, api.clock.now()).await?;
    let title = match body {
        Ok(Json(NewDocument { title })) if is_title(&title) => title.trim().to_owned(),
        _ => return Ok(problem(StatusCode::BAD_REQUEST, "invalid_document", "a title of 1 to 100 letters is needed")),
    };
    let mut all = api.lock();
    let documents = of_person(&mut all, token.national_id);
    if documents.len() >= MOST_DOCUMENTS {
        return Ok(problem(StatusCode::CONFLICT, "too_many_documents", "there is no room for more"));
    }
    let document = Document { title };
    documents.push(document.clone());
    Ok((StatusCode::CREATED, Json(document)).into_response())
}

fn is_title(title: &str) -> bool {
    !title.trim().is_empty() && title.chars().count() <= LONGEST_TITLE
}

fn of_person(documents: &mut HashMap<String, Vec<Document>>, national_id: String) -> &mut Vec<Document> {
    documents.entry(national_id).or_insert_with(|| FIRST_DOCUMENTS.map(|title| Document { title: title.to_owned() }).into())
}

fn problem(status: StatusCode, error: &str, description: &str) -> Response {
    (status, Json(json!({ "error": error, "error_description": description }))).into_response()
}

impl Api {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Document>>> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
