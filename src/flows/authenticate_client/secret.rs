//! Secrets, and the absence of any: SHA-256 of what was presented against every hash that is valid (CAU-04, CAU-08, CAU-09).

use std::sync::{Arc, PoisonError};

use time::OffsetDateTime;

use super::{Credentials, Proof};
use crate::{
    app::App,
    base::digest,
    model::{
        api_resource::RegisteredApiResource,
        client::{RegisteredClient, TokenEndpointAuthMethod},
        secret::{SecretHash, SecretOwner},
    },
};

/// The client, where the proof is of the registered method and one of its secrets, or it is public and proves nothing.
pub(super) fn prove_client(
    app: &App,
    client: Option<Arc<RegisteredClient>>,
    credentials: &Credentials,
    now: OffsetDateTime,
) -> Option<Arc<RegisteredClient>> {
    let presented = hash(&credentials.proof);
    // CAU-08: an unknown client costs one hash and one comparison too
    let fits = fits(client.as_ref().map_or(&[], |client| &client.secrets), &presented, now);
    let client = client.filter(|known| known.client.token_endpoint_auth_method == credentials.proof.method())?;
    match credentials.proof {
        // CAU-04: a public client that sends a secret is one of another method, and gains nothing
        Proof::Nothing => Some(client),
        Proof::Basic(_) | Proof::Post(_) if fits => {
            note_use(app, SecretOwner::Client(client.client.id), presented, now);
            Some(client)
        }
        Proof::Basic(_) | Proof::Post(_) | Proof::Assertion(_) => None,
    }
}

/// The API resource, where the secret is one of its own; it may send it either way.
pub(super) fn prove_api_resource(
    app: &App,
    resource: Option<Arc<RegisteredApiResource>>,
    credentials: &Credentials,
    now: OffsetDateTime,
) -> Option<Arc<RegisteredApiResource>> {
    let presented = hash(&credentials.proof);
    let fits = fits(resource.as_ref().map_or(&[], |resource| &resource.secrets), &presented, now);
    let resource = resource.filter(|_| fits && credentials.proof.method() != TokenEndpointAuthMethod::None)?;
    note_use(app, SecretOwner::ApiResource(resource.resource.id), presented, now);
    Some(resource)
}

fn hash(proof: &Proof) -> [u8; 32] {
    match proof {
        Proof::Basic(text) | Proof::Post(text) => digest::sha256(&[text.expose().as_bytes()]),
        Proof::Nothing | Proof::Assertion(_) => digest::sha256(&[]),
    }
}

/// Whether a secret is one of these. All are compared, and one that is nobody's.
fn fits(secrets: &[SecretHash], presented: &[u8; 32], now: OffsetDateTime) -> bool {
    let valid = secrets.iter().filter(|secret| secret.is_valid(now)).map(|secret| &secret.sha256);
    valid.chain([&[0; 32]]).fold(false, |fits, stored| digest::equal(stored, presented) | fits)
}

/// CAU-09: written down each minute, so that no request waits for it.
fn note_use(app: &App, owner: SecretOwner, sha256: [u8; 32], now: OffsetDateTime) {
    let mut uses = app.secret_uses.lock().unwrap_or_else(PoisonError::into_inner);
    uses.insert((owner, sha256), now);
}
