//! The simulator as an OpenID provider: brokers that a server asks who somebody is (eid.md §11.1; OpenID Connect Core, RFC 9207).
//! `/op/{style}/*`
//!
//! Each style is an issuer of its own that tells its claims as one of the known brokers does. The person is chosen on its page.

mod authorize;
mod claims;
mod client;
mod fault;
mod keys;
mod page;
mod register;
mod token;

use std::{str::FromStr, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

pub use self::{
    client::Client,
    fault::OpFault,
    keys::OpKeys,
    register::{CLIENT_ID, CLIENT_SECRET, OpRegister},
};
use super::Shared;

/// How a broker tells who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// national id and name in userinfo, `acr` as it was asked for; signs RS256
    Audkenni,
    /// everything in the ID token, with the country of the national id; signs PS256
    Signicat,
    /// national id and name in the ID token, no `acr`; signs ES256
    Kenni,
}

impl Style {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Audkenni, Self::Signicat, Self::Kenni];

    /// Its name in addresses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audkenni => "audkenni",
            Self::Signicat => "signicat",
            Self::Kenni => "kenni",
        }
    }
}

impl FromStr for Style {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|style| style.as_str() == text).ok_or(())
    }
}

impl Shared {
    /// The issuer of a style.
    pub(super) fn op_issuer(&self, style: Style) -> String {
        format!("{}/op/{}", self.public_url, style.as_str())
    }
}

/// The routes of the brokers.
pub fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/op/{style}/.well-known/openid-configuration", get(metadata))
        .route("/op/{style}/jwks", get(jwks))
        .route("/op/{style}/authorize", get(authorize::ask).post(authorize::answer))
        .route("/op/{style}/token", post(token::exchange))
        .route("/op/{style}/userinfo", get(token::userinfo))
}

/// The style that an address names.
fn style(text: &str) -> Result<Style, Response> {
    text.parse().map_err(|()| StatusCode::NOT_FOUND.into_response())
}

async fn metadata(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Result<Json<Value>, Response> {
    let style = style(&name)?;
    let issuer = shared.op_issuer(style);
    Ok(Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["pairwise"],
        "code_challenge_methods_supported": ["S256"],
        "id_token_signing_alg_values_supported": [OpKeys::algorithm(style)],
        "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic", "client_secret_post"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256"],
        "authorization_response_iss_parameter_supported": true,
        "scopes_supported": ["openid", "profile"],
    })))
}

async fn jwks(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Result<Response, Response> {
    style(&name)?;
    let keys = shared.op_keys().map_err(failed)?;
    Ok(([(header::CONTENT_TYPE, "application/jwk-set+json")], keys.jwks().to_string()).into_response())
}

/// The simulator itself has failed.
fn failed(error: impl std::fmt::Display) -> Response {
    tracing::error!(%error, "the simulated OpenID provider cannot answer");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
