//! Who is signed in here: sessions in memory, named by an opaque cookie. The browser never sees a token.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use openidconnect::{Nonce, PkceCodeVerifier};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::{Webapp, failure::Failure, language::Language, pages, provider::PersonIdToken, refresh::SessionTokens};
use crate::base::{digest, entropy};

/// The cookie of a signed-in person.
pub(super) const SESSION: &str = "myorg_session";
/// The cookie that ties authorization responses to the browser that asked for them.
pub(super) const LOGIN: &str = "myorg_login";
/// The cookie that ties the return from the provider's sign-out to the browser that asked for it.
pub(super) const LOGOUT: &str = "myorg_logout";

/// What we must remember while the person is at the identity provider, under the state that comes back in the response.
pub(super) struct PendingLogin {
    /// The value of the cookie of the browser that asked.
    pub(super) browser: String,
    /// Comes back in the ID token: it was issued for this request.
    pub(super) nonce: Nonce,
    /// Shown with the code: whoever redeems it has begun the request (RFC 7636).
    pub(super) verifier: PkceCodeVerifier,
}

/// A signed-in person.
pub(super) struct Session {
    /// The name from userinfo, where the provider gave one.
    pub(super) name: Option<String>,
    /// The national id of the person, or of the one for whom the person acts.
    pub(super) national_id: Option<String>,
    /// Kept for sign-out, where it tells the provider which session is meant.
    pub(super) id_token: PersonIdToken,
    /// The verified claims of the ID token.
    pub(super) id_claims: Value,
    /// The answer of the userinfo endpoint.
    pub(super) userinfo: Value,
    /// Locked while they are refreshed.
    pub(super) tokens: tokio::sync::Mutex<SessionTokens>,
}

/// Values in memory, each under a random key that only one browser has. An application with several nodes would use its
/// database here.
pub(super) struct Vault<T> {
    ttl: Duration,
    entries: Mutex<HashMap<[u8; 32], Entry<T>>>,
}

struct Entry<T> {
    value: Arc<T>,
    expires_at: OffsetDateTime,
}

impl<T> Vault<T> {
    /// Nobody can fill the memory by beginning sign-ins.
    const MOST_ENTRIES: usize = 10_000;

    pub(super) fn new(ttl: Duration) -> Self {
        Self { ttl, entries: Mutex::new(HashMap::new()) }
    }

    /// Stores a value and gives the key for the cookie; `None` where the vault is full.
    pub(super) fn put(&self, value: T, now: OffsetDateTime) -> Option<String> {
        let mut entries = self.lock();
        if entries.len() >= Self::MOST_ENTRIES {
            entries.retain(|_, entry| now < entry.expires_at);
        }
        if entries.len() >= Self::MOST_ENTRIES {
            return None;
        }
        let key = digest::base64url(entropy::bytes::<32>());
        entries.insert(stored(&key), Entry { value: Arc::new(value), expires_at: now + self.ttl });
        Some(key)
    }

    /// The value under a key, while it lives.
    pub(super) fn get(&self, key: &str, now: OffsetDateTime) -> Option<Arc<T>> {
        self.lock().get(&stored(key)).filter(|entry| now < entry.expires_at).map(|entry| Arc::clone(&entry.value))
    }

    /// The value under a key, which is then gone.
    pub(super) fn take(&self, key: &str, now: OffsetDateTime) -> Option<Arc<T>> {
        self.lock().remove(&stored(key)).filter(|entry| now < entry.expires_at).map(|entry| entry.value)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Entry<T>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keys are kept as digests: neither a look into the memory nor the time of a look-up tells one.
fn stored(key: &str) -> [u8; 32] {
    digest::sha256(&[key.as_bytes()])
}

impl Webapp {
    /// The session of the browser that sent these cookies.
    pub(super) fn session(&self, jar: &CookieJar) -> Option<Arc<Session>> {
        self.sessions.get(jar.get(SESSION)?.value(), self.clock.now())
    }

    /// A cookie of ours: out of reach of scripts, not sent along with forms of other sites, and only over TLS where we are
    /// served by TLS.
    pub(super) fn cookie(&self, name: &'static str, value: String, ttl: Duration) -> Cookie<'static> {
        Cookie::build((name, value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.origin.starts_with("https:"))
            .max_age(ttl)
            .build()
    }
}

/// The cookie that takes the cookie `name` away.
pub(super) fn removed(name: &'static str) -> Cookie<'static> {
    Cookie::build(name).path("/").build()
}

/// Lets a form through only where it comes from a page of our own: cookies alone do not tell (all of `localhost` is one
/// site, and so are all hosts under one registrable domain).
pub(super) async fn require_same_origin(
    State(webapp): State<Arc<Webapp>>,
    language: Language,
    request: Request,
    next: Next,
) -> Response {
    if request.method() == Method::POST && !is_same_origin(request.headers(), &webapp.origin) {
        return pages::failure(language, &Failure::ForeignForm);
    }
    next.run(request).await
}

/// A browser that says where a form comes from must say that it is ours; one that doesn't must at least send our origin.
/// Answers to our own Host alone: a foreign name that points here (DNS rebinding) must not read a page of ours.
pub(super) async fn require_host(State(origin): State<Arc<str>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    if origin.split_once("://").map(|(_, authority)| authority) == host {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, format!("this application answers at {origin} only\n")).into_response()
}

fn is_same_origin(headers: &HeaderMap, origin: &str) -> bool {
    match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => headers.get(header::ORIGIN).is_some_and(|sent| sent == origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    #[test]
    fn a_value_is_found_by_its_key_until_it_expires() {
        let vault = Vault::new(Duration::minutes(1));
        let key = vault.put(7, NOW).unwrap();
        assert_eq!(vault.get(&key, NOW).as_deref(), Some(&7));
        assert!(vault.get("another", NOW).is_none());
        assert!(vault.get(&key, NOW + Duration::minutes(1)).is_none());
    }

    #[test]
    fn a_taken_value_is_gone() {
        let vault = Vault::new(Duration::minutes(1));
        let key = vault.put(7, NOW).unwrap();
        assert!(vault.take(&key, NOW).is_some());
        assert!(vault.take(&key, NOW).is_none());
    }

    #[test]
    fn a_full_vault_takes_more_once_something_has_expired() {
        let vault = Vault::new(Duration::minutes(1));
        for _ in 0..Vault::<()>::MOST_ENTRIES {
            assert!(vault.put((), NOW).is_some());
        }
        assert!(vault.put((), NOW).is_none());
        assert!(vault.put((), NOW + Duration::minutes(1)).is_some());
    }

    #[test]
    fn a_form_of_another_origin_is_not_ours() {
        let ours = "http://localhost:8070";
        let with = |name: &'static str, value: &str| HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
        assert!(is_same_origin(&with("sec-fetch-site", "same-origin"), ours));
        assert!(!is_same_origin(&with("sec-fetch-site", "same-site"), ours));
        assert!(is_same_origin(&with("origin", ours), ours));
        assert!(!is_same_origin(&with("origin", "http://localhost:8080"), ours));
        assert!(!is_same_origin(&HeaderMap::new(), ours));
    }
}
