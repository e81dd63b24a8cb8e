//! The page with the person's documents: the server calls the API with the access token that it keeps.

use std::sync::Arc;

use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::header,
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::CookieJar;
use openidconnect::AccessToken;
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::{
    Webapp,
    failure::{Failure, in_full},
    language::Language,
    pages,
    refresh::{self, live_token, token_after},
    session::Session,
};

/// A document, as the API gives it.
#[derive(Deserialize)]
pub(super) struct Document {
    pub(super) title: String,
}

#[derive(Deserialize)]
struct Listing {
    documents: Vec<Document>,
}

/// The form for a new document; the API takes the same as JSON.
#[derive(Deserialize, Serialize)]
pub(super) struct NewDocument {
    title: String,
}

/// GET /documents: the documents of the person who is signed in.
pub(super) async fn list(State(webapp): State<Arc<Webapp>>, language: Language, jar: CookieJar) -> Response {
    let Some(session) = webapp.session(&jar) else {
        return Redirect::to("/").into_response();
    };
    let answer = async {
        let answer = call(&webapp, &session, Method::GET, None).await?;
        answer.json::<Listing>().await.map_err(|error| Failure::ApiFailed(in_full(&error)))
    };
    match answer.await {
        Ok(listing) => pages::documents(language, &webapp, &listing.documents),
        Err(failure) => refresh::failed(&webapp, language, jar, &failure),
    }
}

/// POST /documents: adds a document.
pub(super) async fn add(
    State(webapp): State<Arc<Webapp>>,
    language: Language,
    jar: CookieJar,
    form: Result<Form<NewDocument>, FormRejection>,
) -> Response {
    let Some(session) = webapp.session(&jar) else {
        return Redirect::to("/").into_response();
    };
    let Ok(Form(document)) = form else {
        return Redirect::to("/documents").into_response();
    };
    match call(&webapp, &session, Method::POST, Some(&document)).await {
        Ok(_) => Redirect::to("/documents").into_response(),
        Err(failure) => refresh::failed(&webapp, language, jar, &failure),
    }
}

/// Calls the API in the person's name.
async fn call(
    webapp: &Arc<Webapp>,
    session: &Arc<Session>,
    method: Method,
    document: Option<&NewDocument>,
) -> Result<reqwest::Response, Failure> {
    let token = live_token(webapp, session).await?;
    let mut answer = send(webapp, &token.access_token, &method, document).await?;
    // The token has ended before its time: its key was withdrawn, say. Nothing was done, so the call can be made again, once.
    if answer.status() == StatusCode::UNAUTHORIZED {
        let newer = token_after(webapp, session, token.refreshes).await?;
        answer = send(webapp, &newer.access_token, &method, document).await?;
    }
    match answer.status() {
        status if status.is_success() => Ok(answer),
        StatusCode::UNAUTHORIZED => Err(Failure::ApiFailed(challenge(&answer))),
        StatusCode::FORBIDDEN => Err(Failure::ScopeMissing(challenge(&answer))),
        status => Err(Failure::ApiFailed(format!("{status} {}", answer.text().await.unwrap_or_default()))),
    }
}

async fn send(
    webapp: &Webapp,
    access_token: &AccessToken,
    method: &Method,
    document: Option<&NewDocument>,
) -> Result<reqwest::Response, Failure> {
    let url = format!("{}/api/documents", webapp.options.base_url);
    let mut request = webapp.http.0.request(method.clone(), url).bearer_auth(access_token.secret());
    if let Some(document) = document {
        request = request.json(document);
    }
    request.send().await.map_err(|error| Failure::ApiFailed(in_full(&error)))
}

/// Why the API said no, in its own words.
fn challenge(answer: &reqwest::Response) -> String {
    let challenge = answer.headers().get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    challenge.unwrap_or_default().to_owned()
}
