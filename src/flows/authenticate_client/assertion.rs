//! Assertions that a client's key signed (CAU-10, CAU-11): what the text says, then the key, then the signature, then the one
//! statement that decides over the first use (DOS-02, DOS-03).

use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use crate::{
    app::App,
    base::digest,
    model::client::{Client, RegisteredClient, TokenEndpointAuthMethod},
    protocol::{
        client_assertion::{AssertionFault, ClientAssertion},
        client_keys::{ClientJwks, ClientKey},
        error::OAuthError,
        jws::JwsFault,
        refusals,
    },
    store::replay,
};

/// A used assertion is remembered so much longer than it is valid.
const MARGIN: Duration = Duration::minutes(1);

/// Why an assertion does not prove its client. For the log.
#[derive(Debug, thiserror::Error)]
enum AssertionRefused {
    #[error(transparent)]
    Fault(#[from] AssertionFault),
    #[error("the client is not known, or registered another method")]
    Client,
    #[error("the keys of the client cannot be had")]
    NoKeys,
    #[error("the assertion was used before")]
    Replayed,
}

/// The client, where one of its keys signed the assertion and nobody has used it before.
pub(super) async fn prove_client(
    app: &App,
    client: Option<Arc<RegisteredClient>>,
    assertion: &Result<Box<ClientAssertion>, AssertionFault>,
    now: OffsetDateTime,
) -> Result<Arc<RegisteredClient>, OAuthError> {
    let refused = |why: AssertionRefused| refusals::CLIENT_AUTHENTICATION_FAILED.caused_by(why);
    let assertion = assertion.as_ref().map_err(|&fault| refused(fault.into()))?;
    let client = verify(app, client, assertion, now).await.map_err(refused)?;
    let end = assertion.expires_at().unwrap_or(now) + MARGIN;
    let key = digest::sha256(&[b"client_assertion\0", client.client.id.0.as_bytes(), assertion.jti().as_bytes()]);
    // CAU-11, STO-03: the row that comes back decides
    let first = replay::first_use(&app.pool, &key, end).await.map_err(|error| refusals::UNAVAILABLE.caused_by(error))?;
    if first { Ok(client) } else { Err(refused(AssertionRefused::Replayed)) }
}

async fn verify(
    app: &App,
    client: Option<Arc<RegisteredClient>>,
    assertion: &ClientAssertion,
    now: OffsetDateTime,
) -> Result<Arc<RegisteredClient>, AssertionRefused> {
    assertion.judge(app.urls.issuer(), now)?;
    let uses_keys =
        |known: &Arc<RegisteredClient>| known.client.token_endpoint_auth_method == TokenEndpointAuthMethod::PrivateKeyJwt;
    let found = match client.filter(uses_keys) {
        Some(client) => find_key(app, &client.client, assertion, now).await.map(|key| (client, key)),
        None => Err(AssertionRefused::Client),
    };
    let (client, key) = match found {
        Ok(found) => found,
        Err(why) => {
            // CAU-08: what is refused before the signature costs as much
            assertion.verify_in_vain();
            return Err(why);
        }
    };
    assertion.verify(&key)?;
    Ok(client)
}

/// The key of the client that the assertion names, of those that are registered or of those that the client publishes.
async fn find_key(
    app: &App,
    client: &Client,
    assertion: &ClientAssertion,
    now: OffsetDateTime,
) -> Result<ClientKey, AssertionRefused> {
    let find = |keys: &ClientJwks| assertion.key(keys, &client.token_endpoint_auth_signing_alg).cloned();
    match (&client.jwks, &client.jwks_uri) {
        (Some(keys), _) => Ok(find(keys)?),
        (None, Some(uri)) => {
            let has_key = |keys: &ClientJwks| find(keys) != Err(AssertionFault::Signed(JwsFault::UnknownKey));
            let keys = app.client_keys.get(client.id, uri, now, has_key).await.ok_or(AssertionRefused::NoKeys)?;
            Ok(find(&keys)?)
        }
        (None, None) => Err(AssertionRefused::NoKeys),
    }
}
