//! How an API checks an access token: by the keys that the identity provider publishes, without asking it about the token.
//!
//! This is all that an API needs of the identity provider; documents API or not, it can be copied as it is.

use std::collections::HashMap;

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::json;
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

use super::provider::Http;

/// How far the clocks of the identity provider and of this API may be apart.
const SKEW: Duration = Duration::seconds(60);
/// Keys older than this are fetched again, so that a withdrawn key does not live on here.
const KEYS_TTL: Duration = Duration::hours(1);
/// An unknown key is looked for at most this often: tokens with invented key ids cost the identity provider nothing.
const LOOK_AGAIN_AFTER: Duration = Duration::seconds(10);

/// What the API reads of an access token.
#[derive(Debug, Deserialize)]
pub(super) struct AccessToken {
    exp: i64,
    nbf: Option<i64>,
    /// The granted scopes, separated by spaces.
    scope: String,
    /// The person whose data it opens. Our scopes are registered with this claim.
    #[serde(rename = "nationalId")]
    pub(super) national_id: String,
}

impl AccessToken {
    fn covers(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|granted| granted == scope)
    }

    fn is_live(&self, now: OffsetDateTime) -> bool {
        let (now, skew) = (now.unix_timestamp(), SKEW.whole_seconds());
        now < self.exp.saturating_add(skew) && self.nbf.is_none_or(|nbf| nbf.saturating_sub(skew) <= now)
    }
}

/// Checks access tokens of one issuer.
pub(super) struct AccessTokens {
    issuer: String,
    http: Http,
    validation: Validation,
    keys: Mutex<Keys>,
}

#[derive(Default)]
struct Keys {
    by_id: HashMap<String, DecodingKey>,
    fetched_at: Option<OffsetDateTime>,
}

impl Keys {
    fn older_than(&self, age: Duration, now: OffsetDateTime) -> bool {
        self.fetched_at.is_none_or(|at| now >= at + age)
    }
}

impl AccessTokens {
    pub(super) fn new(issuer: &str, http: Http) -> Self {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["iss", "exp"]);
        // The times are checked below, against one clock.
        validation.validate_exp = false;
        // Our scope names carry our domain: no token for another API has them, so the scope says that we are meant.
        validation.validate_aud = false;
        Self { issuer: issuer.to_owned(), http, validation, keys: Mutex::default() }
    }

    /// The access token of a call, where it is genuine, live and covers `scope`.
    pub(super) async fn authorize(
        &self,
        headers: &HeaderMap,
        scope: &'static str,
        now: OffsetDateTime,
    ) -> Result<AccessToken, Refusal> {
        let token = self.verify(bearer(headers)?, now).await?;
        if token.covers(scope) { Ok(token) } else { Err(Refusal::InsufficientScope(scope)) }
    }

    async fn verify(&self, token: &str, now: OffsetDateTime) -> Result<AccessToken, Refusal> {
        let header = decode_header(token).map_err(|_| Refusal::InvalidToken("not a signed token"))?;
        // RFC 9068 §4: without this an ID token would pass as an access token.
        if !header.typ.is_some_and(|typ| typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt")) {
            return Err(Refusal::InvalidToken("not an access token"));
        }
        // RFC 7515 §4.1.11: an extension that must be understood, and that we don't.
        if header.crit.is_some() {
            return Err(Refusal::InvalidToken("unknown critical header"));
        }
        let key_id = header.kid.ok_or(Refusal::InvalidToken("no key id"))?;
        let key = self.key(&key_id, now).await?.ok_or(Refusal::InvalidToken("unknown key"))?;
        // The algorithm is ours to choose (RS256), not the token's (RFC 8725 §3.1).
        let token = decode::<AccessToken>(token, &key, &self.validation)
            .map_err(|_| Refusal::InvalidToken("signature, issuer or claims do not hold"))?
            .claims;
        if token.is_live(now) { Ok(token) } else { Err(Refusal::InvalidToken("expired or not yet valid")) }
    }

    /// The published key of that id. An unknown id may be a new key: then we look again.
    async fn key(&self, id: &str, now: OffsetDateTime) -> Result<Option<DecodingKey>, Refusal> {
        let mut keys = self.keys.lock().await;
        let unknown = !keys.by_id.contains_key(id);
        if keys.older_than(KEYS_TTL, now) || (unknown && keys.older_than(LOOK_AGAIN_AFTER, now)) {
            let by_id = self.fetch().await.map_err(|error| {
                tracing::warn!(%error, "the identity provider's keys could not be fetched");
                Refusal::Unavailable
            })?;
            *keys = Keys { by_id, fetched_at: Some(now) };
        }
        Ok(keys.by_id.get(id).cloned())
    }

    /// Finds the keys through the discovery document.
    async fn fetch(&self) -> anyhow::Result<HashMap<String, DecodingKey>> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: String,
            jwks_uri: String,
        }
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let discovery: Discovery = self.http.0.get(url).send().await?.error_for_status()?.json().await?;
        // OpenID Connect Discovery §4.3
        anyhow::ensure!(discovery.issuer == self.issuer, "the discovery document is of another issuer");
        let published: JwkSet = self.http.0.get(discovery.jwks_uri).send().await?.error_for_status()?.json().await?;
        Ok(published.keys.iter().filter_map(usable).collect())
    }
}

/// The id and the key, where it is an RSA key that signs by RS256.
fn usable(jwk: &Jwk) -> Option<(String, DecodingKey)> {
    let common = &jwk.common;
    let signs = common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let by_rs256 = common.key_algorithm.is_none_or(|algorithm| algorithm == KeyAlgorithm::RS256);
    let is_rsa = matches!(jwk.algorithm, AlgorithmParameters::RSA(_));
    if !(signs && by_rs256 && is_rsa) {
        return None;
    }
    Some((common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?))
}

/// The token of the only `Authorization` header, after the scheme in whatever case (RFC 6750 §2.1, RFC 9110 §11.1).
fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (sent.next(), sent.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Refusal::MissingToken)?,
        _ => return Err(Refusal::MissingToken),
    };
    let (scheme, token) = value.split_once(' ').ok_or(Refusal::MissingToken)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim_start()) } else { Err(Refusal::MissingToken) }
}

/// Why a call is refused (RFC 6750 §3.1).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    MissingToken,
    InvalidToken(&'static str),
    InsufficientScope(&'static str),
    /// Our fault or the identity provider's, not the caller's.
    Unavailable,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        const REALM: &str = r#"Bearer realm="documents""#;
        let (status, error, description, challenge) = match self {
            // No error code for a caller that did not try (RFC 6750 §3.1).
            Self::MissingToken => {
                (StatusCode::UNAUTHORIZED, "unauthorized", "an access token is needed", Some(REALM.to_owned()))
            }
            Self::InvalidToken(why) => {
                let challenge = format!(r#"{REALM}, error="invalid_token", error_description="{why}""#);
                (StatusCode::UNAUTHORIZED, "invalid_token", why, Some(challenge))
            }
            Self::InsufficientScope(scope) => {
                let challenge = format!(r#"{REALM}, error="insufficient_scope", scope="{scope}""#);
                (StatusCode::FORBIDDEN, "insufficient_scope", "the access token does not cover this", Some(challenge))
            }
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "tokens cannot be checked right now", None)
            }
        };
        let body = Json(json!({ "error": error, "error_description": description }));
        let challenge = challenge.map(|challenge| [(header::WWW_AUTHENTICATE, challenge)]);
        (status, challenge, body).into_response()
    }
}
