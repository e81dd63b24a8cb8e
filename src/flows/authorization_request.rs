//! The authorization request while a person works through it: it travels sealed, in the URL of the pages, bound to the browser,
//! and nothing of it is stored (architecture.md, decisions A and B; INT-01).
//!
//! Authorize seals it, the sign-in pages carry it and hand it back. What a page established *for this request* travels beside
//! it as a second sealed value, [`Progress`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use crate::{
    app::{App, Configuration},
    base::{digest, entropy, id::SessionId},
    model::{
        client::Client,
        identity_provider::IdentityProvider,
        urls::{Urls, path},
    },
    protocol::authorize::{AuthorizeRequest, ResponseMode},
};

const REQUEST_PURPOSE: &str = "authorization request";
const PROGRESS_PURPOSE: &str = "progress of an authorization request";

/// A value that no browser is bound to yet lives as long as one redirect needs.
const UNBOUND_TTL: Duration = Duration::seconds(60);

/// Our own sealed values may be longer than others' parameters (§0.2), and so may the token of a card, which its driver measures.
pub const SEALED_LIMITS: [(&str, usize); 5] =
    [("request", 8192), ("progress", 8192), ("logout", 8192), ("proof", 8192), ("web_eid_token", 64 * 1024)];

/// SHA-256 of a browser's binding cookie.
pub type Binding = [u8; 32];

/// A validated authorization request on its way through the pages.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PendingRequest {
    /// random; taken when the request ends
    #[serde(rename = "i", with = "short")]
    pub id: [u8; 16],
    /// when it began; seconds since the epoch
    #[serde(rename = "t", with = "time::serde::timestamp")]
    pub began_at: OffsetDateTime,
    /// the browser that it belongs to; none before the first page
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none", with = "short_option")]
    pub binding: Option<Binding>,
    /// what the client asked
    #[serde(rename = "r")]
    pub request: AuthorizeRequest,
}

/// Why a sealed request cannot go on in this browser.
#[derive(Debug)]
pub enum RequestFault {
    /// not ours, changed, or of a key that is gone
    Unreadable,
    /// too old; the same request may begin anew
    Expired(Box<PendingRequest>),
    /// of another browser; the same request may begin anew in this one
    OtherBrowser(Box<PendingRequest>),
}

impl PendingRequest {
    /// A request that begins now.
    pub fn new(request: AuthorizeRequest, binding: Option<Binding>, now: OffsetDateTime) -> Self {
        Self { id: entropy::bytes(), began_at: now, binding, request }
    }

    /// The sealed value, as it stands in URLs.
    pub fn seal(&self, app: &App) -> String {
        // serialising plain structs of strings and numbers cannot fail
        let plain = serde_json::to_vec(self).unwrap_or_default();
        digest::base64url(app.keys().sealing().seal(REQUEST_PURPOSE, &plain))
    }

    /// Opens a sealed value in the browser with `binding`. An unbound one stays so: no page has shown it yet.
    pub fn open(app: &App, sealed: &str, binding: Option<Binding>, now: OffsetDateTime) -> Result<Self, RequestFault> {
        let pending: Self = open(app, REQUEST_PURPOSE, sealed).ok_or(RequestFault::Unreadable)?;
        if now >= pending.expires_at(app) {
            return Err(RequestFault::Expired(Box::new(pending)));
        }
        match (pending.binding, binding) {
            (Some(bound), Some(here)) if digest::equal(&bound, &here) => Ok(pending),
            (Some(_), _) => Err(RequestFault::OtherBrowser(Box::new(pending))),
            (None, _) if now >= pending.began_at + UNBOUND_TTL => Err(RequestFault::Expired(Box::new(pending))),
            (None, _) => Ok(pending),
        }
    }

    /// When the sealed value stops to open.
    pub fn expires_at(&self, app: &App) -> OffsetDateTime {
        self.began_at + app.settings.sign_in.request_ttl
    }

    /// Whether this request may still write that it has ended: an id is remembered a little longer than it can be presented.
    pub fn remembered_until(&self, app: &App) -> OffsetDateTime {
        self.expires_at(app) + Duration::minutes(1)
    }

    /// The address at which the same request begins anew, as if the client had sent it once more.
    pub fn anew(&self) -> String {
        let request = &self.request;
        let scope = request.scope.to_string();
        let prompt = request.prompt.to_string();
        let max_age = request.max_age.map(|seconds| seconds.to_string());
        let locales: Vec<&str> = request.ui_locales.iter().map(|language| language.tag()).collect();
        let (locales, acr_values) = (locales.join(" "), request.acr_values.join(" "));
        let challenge = request.code_challenge.as_ref().map(ToString::to_string);
        let claims = (!request.essential_acr.is_empty())
            .then(|| json!({"id_token": {"acr": {"essential": true, "values": request.essential_acr}}}).to_string());
        let parameters = [
            ("client_id", Some(request.client_id.as_str())),
            ("redirect_uri", Some(&request.redirect_uri)),
            ("response_type", Some("code")),
            (
                "response_mode",
                Some(request.response_mode).filter(|mode| *mode != ResponseMode::Query).map(ResponseMode::as_str),
            ),
            ("scope", Some(&scope)),
            ("state", request.state.as_deref()),
            ("nonce", request.nonce.as_deref()),
            ("code_challenge", challenge.as_deref()),
            ("code_challenge_method", challenge.as_ref().map(|_| "S256")),
            ("prompt", Some(&prompt)),
            ("max_age", max_age.as_deref()),
            ("login_hint", request.login_hint.as_deref()),
            ("ui_locales", Some(&locales)),
            ("acr_values", Some(&acr_values)),
            ("claims", claims.as_deref()),
            ("id_token_hint", request.id_token_hint.as_deref()),
        ];
        let sent: Vec<(&str, &str)> =
            parameters.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?))).collect();
        Urls::with_parameters(path::AUTHORIZE, &sent)
    }

    /// The token that proves that a form was drawn by us for this request in this browser (CON-01, CSR-01).
    /// A page that draws what belongs to a session names it.
    pub fn csrf(&self, app: &App, session: Option<SessionId>) -> String {
        let binding = self.binding.unwrap_or_default();
        let session = session.map(|session| session.0.into_bytes()).unwrap_or_default();
        digest::base64url(digest::hmac_sha256(app.keys().csrf().expose(), &[b"request", &self.id, &binding, &session]))
    }
}

/// What the pages have established for one request in one browser.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Progress {
    /// of which request
    #[serde(rename = "i", with = "short")]
    pub request_id: [u8; 16],
    /// in which browser
    #[serde(rename = "b", with = "short")]
    pub binding: Binding,
    /// the session that this request goes on with: its row, never its cookie
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// the person signed in for this request
    #[serde(rename = "f", default)]
    pub signed_in: bool,
    /// the person chose to go on as the one who is signed in
    #[serde(rename = "a", default)]
    pub account_selected: bool,
    /// what the person said to the consent page
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentGiven>,
    /// the person ended the request
    #[serde(rename = "d", default)]
    pub denied: bool,
}

/// An answer to the consent page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentGiven {
    /// the allowed part of the asked scope: places in the request's list, so that the sealed value stays short
    #[serde(rename = "s")]
    allowed: Vec<u8>,
    /// whether it is remembered
    #[serde(rename = "r", default)]
    pub remembered: bool,
}

impl ConsentGiven {
    /// The scopes of `request` for which `is_allowed` says yes.
    pub fn new(request: &AuthorizeRequest, is_allowed: impl Fn(&str) -> bool, remembered: bool) -> Self {
        let places = (0..).zip(request.scope.iter()).filter(|(_, name)| is_allowed(name)).map(|(place, _)| place);
        Self { allowed: places.collect(), remembered }
    }

    /// Whether a scope of `request`, which is the one that was answered, is allowed.
    pub fn allows(&self, request: &AuthorizeRequest, name: &str) -> bool {
        (0..).zip(request.scope.iter()).any(|(place, asked)| asked == name && self.allowed.contains(&place))
    }
}

impl Progress {
    /// Nothing established yet. A page has bound the request before it establishes anything.
    pub fn of(pending: &PendingRequest) -> Self {
        Self {
            request_id: pending.id,
            binding: pending.binding.unwrap_or_default(),
            session_id: None,
            signed_in: false,
            account_selected: false,
            consent: None,
            denied: false,
        }
    }

    /// The sealed value, as it stands in URLs.
    pub fn seal(&self, app: &App) -> String {
        let plain = serde_json::to_vec(self).unwrap_or_default();
        digest::base64url(app.keys().sealing().seal(PROGRESS_PURPOSE, &plain))
    }

    /// Opens a sealed value; none where it was made for another request or another browser (INT-02).
    pub fn open(app: &App, sealed: &str, pending: &PendingRequest) -> Option<Self> {
        let progress: Self = open(app, PROGRESS_PURPOSE, sealed)?;
        (progress.request_id == pending.id && Some(progress.binding) == pending.binding).then_some(progress)
    }
}

/// The identity providers by which people may sign in to a client, in the order in which pages show them.
pub fn identity_providers<'a>(
    configuration: &'a Configuration,
    client: &'a Client,
) -> impl Iterator<Item = &'a Arc<IdentityProvider>> {
    configuration.snapshot().identity_providers().iter().filter(|provider| {
        client.accepts(provider) && client.allowed_acr.contains(&provider.acr) && configuration.driver(provider.id).is_some()
    })
}

/// The identity providers that answer a request: open to the client, and with an assurance that was asked for (AUT-11).
pub fn answering<'a>(
    configuration: &'a Configuration,
    client: &'a Client,
    request: &'a AuthorizeRequest,
) -> impl Iterator<Item = &'a Arc<IdentityProvider>> {
    identity_providers(configuration, client).filter(|provider| request.accepts_acr(&provider.acr))
}

fn open<T: serde::de::DeserializeOwned>(app: &App, purpose: &str, sealed: &str) -> Option<T> {
    let sealed = digest::from_base64url(sealed)?;
    let plain = app.keys().sealing().open(purpose, &sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}

/// Bytes as base64url, so that the sealed value stays short.
mod short {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::base::digest;

    pub(super) fn serialize<S: Serializer, const N: usize>(bytes: &[u8; N], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&digest::base64url(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(deserializer: D) -> Result<[u8; N], D::Error> {
        let text = String::deserialize(deserializer)?;
        digest::from_base64url(&text).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| D::Error::custom("not the bytes"))
    }
}

/// The same, where the bytes may be absent.
mod short_option {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Binding, short};

    #[expect(clippy::ref_option, reason = "the signature that serde asks for")]
    pub(super) fn serialize<S: Serializer>(bytes: &Option<Binding>, serializer: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => short::serialize(bytes, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Binding>, D::Error> {
        #[derive(Deserialize)]
        struct Wrapped(#[serde(with = "short")] Binding);
        Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
    }
}
