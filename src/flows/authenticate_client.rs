//! Client authentication (CAU-01 … CAU-08): one method per request, the registered one; every failure looks and costs the same.

use std::{
    net::IpAddr,
    sync::{Arc, PoisonError},
};

use time::OffsetDateTime;

use crate::{
    app::App,
    base::{digest, secret::Secret},
    model::client::{RegisteredClient, TokenEndpointAuthMethod},
    protocol::{error::Refusal, refusals},
    telemetry::metrics,
};

/// What a request says about its client.
#[derive(Debug)]
pub struct Credentials {
    /// who it says that it is
    pub client_id: String,
    /// how it proves that
    pub method: TokenEndpointAuthMethod,
    /// with what
    pub secret: Option<Secret<String>>,
}

/// The client, proven — or, for a public client, known.
pub fn authenticate(
    app: &App,
    credentials: &Credentials,
    address: IpAddr,
    now: OffsetDateTime,
) -> Result<Arc<RegisteredClient>, &'static Refusal> {
    // RAT-03: an outsider cannot lock a client out, since only failures from the same address count
    let address = address.to_string();
    let key = digest::sha256(&[credentials.client_id.as_bytes(), b"\0", address.as_bytes()]);
    if !app.failed_authentications.has_room(&key, now) {
        metrics::RATE_LIMITED.increment(&["client"]);
        return Err(&refusals::RATE_LIMITED);
    }
    let configuration = app.configuration();
    let client = configuration.snapshot().client(&credentials.client_id);
    let presented = digest::sha256(&[credentials.secret.as_ref().map_or(&b""[..], |secret| secret.expose().as_bytes())]);
    let proven = is_proven(client.map(Arc::as_ref), credentials, &presented, now);
    match client {
        Some(client) if proven => {
            if credentials.secret.is_some() {
                let mut uses = app.secret_uses.lock().unwrap_or_else(PoisonError::into_inner);
                uses.insert((client.client.id, presented), now);
            }
            Ok(Arc::clone(client))
        }
        _ => {
            app.failed_authentications.take(key, now);
            Err(&refusals::CLIENT_AUTHENTICATION_FAILED)
        }
    }
}

fn is_proven(client: Option<&RegisteredClient>, credentials: &Credentials, presented: &[u8; 32], now: OffsetDateTime) -> bool {
    // CAU-08: an unknown client costs one hash and one comparison too
    let never = [[0; 32]];
    let stored: Vec<[u8; 32]> = client.map_or(never.to_vec(), |client| {
        client
            .secrets
            .iter()
            .filter(|secret| secret.expires_at.is_none_or(|end| now < end))
            .map(|secret| secret.sha256)
            .chain(never)
            .collect()
    });
    let fits = stored.iter().fold(false, |fits, stored| digest::equal(stored, presented) | fits);
    let Some(client) = client else { return false };
    let registered = client.client.token_endpoint_auth_method;
    match registered {
        // CAU-04: a public client that sends a secret gains nothing
        TokenEndpointAuthMethod::None => credentials.method == registered && credentials.secret.is_none(),
        _ => credentials.method == registered && fits,
    }
}
