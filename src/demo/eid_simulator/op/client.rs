//! Who asks at a broker's token endpoint: by a secret (RFC 6749 §2.3.1) or by a key (OpenID Connect Core §9).

use std::collections::BTreeMap;

use axum::http::{HeaderMap, header};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use super::register::OpRegister;
use crate::base::digest;

/// A client, and how it proves itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// for basic and post
    secret: Option<String>,
    /// for private_key_jwt
    jwks: Option<JwkSet>,
}

#[derive(Deserialize)]
struct Assertion {
    iss: String,
    sub: String,
    jti: String,
    exp: i64,
}

impl Client {
    /// One that has a secret.
    pub(super) fn with_secret(secret: &str) -> Self {
        Self { secret: Some(secret.to_owned()), jwks: None }
    }

    /// The secret, for a lie.
    pub(super) fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }
}

/// The id of the client that has proven itself.
pub(super) fn authenticate(
    register: &mut OpRegister,
    headers: &HeaderMap,
    form: &BTreeMap<String, String>,
    audiences: [&str; 2],
    now: OffsetDateTime,
) -> Option<String> {
    let field = |name: &str| form.get(name).map(String::as_str);
    if let Some(assertion) = field("client_assertion") {
        let known = field("client_assertion_type")? == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        return by_assertion(register, assertion, audiences, now).filter(|_| known);
    }
    let (id, secret) = match headers.get(header::AUTHORIZATION) {
        Some(basic) => {
            let pair = digest::from_base64(basic.to_str().ok()?.strip_prefix("Basic ")?)?;
            let pair = String::from_utf8(pair).ok()?;
            let (id, secret) = pair.split_once(':')?;
            let plain =
                |text: &str| form_urlencoded::parse(format!("a={text}").as_bytes()).next().map(|(_, text)| text.into_owned());
            (plain(id)?, plain(secret)?)
        }
        None => (field("client_id")?.to_owned(), field("client_secret")?.to_owned()),
    };
    let known = register.clients.get(&id)?.secret.as_ref()?;
    digest::equal(known.as_bytes(), secret.as_bytes()).then_some(id)
}

fn by_assertion(register: &mut OpRegister, text: &str, audiences: [&str; 2], now: OffsetDateTime) -> Option<String> {
    let header = jsonwebtoken::decode_header(text).ok()?;
    if !matches!(header.alg, Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256) {
        return None;
    }
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&audiences);
    // the simulator has a clock of its own
    validation.validate_exp = false;
    let (id, assertion) = register.clients.iter().find_map(|(id, client)| {
        let keys = &client.jwks.as_ref()?.keys;
        let verified = keys.iter().find_map(|key| {
            let key = DecodingKey::from_jwk(key).ok()?;
            jsonwebtoken::decode::<Assertion>(text, &key, &validation).ok()
        })?;
        Some((id.clone(), verified.claims))
    })?;
    let fresh = (0..=300).contains(&(assertion.exp - now.unix_timestamp()));
    if assertion.iss != id || assertion.sub != id || !fresh {
        return None;
    }
    register.assertions.retain(|_, until| now < *until);
    let first = register.assertions.insert(assertion.jti, now + Duration::minutes(6)).is_none();
    first.then_some(id)
}
