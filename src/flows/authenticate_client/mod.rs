//! Client authentication (CAU-01 … CAU-12): one method per request, the registered one; every failure looks and costs the same.
//! At introspection API resources authenticate too, with their own secrets (RFC 7662 §2.1).

mod assertion;
mod secret;

use std::{net::IpAddr, sync::Arc};

use time::OffsetDateTime;

use crate::{
    app::App,
    base::{digest, secret::Secret},
    model::{
        api_resource::RegisteredApiResource,
        client::{RegisteredClient, TokenEndpointAuthMethod},
    },
    protocol::{
        client_assertion::{AssertionFault, ClientAssertion},
        error::OAuthError,
        refusals,
    },
    telemetry::metrics,
};

/// What a request says about its client.
#[derive(Debug)]
pub struct Credentials {
    /// who it says that it is
    pub client_id: String,
    /// how it proves that
    pub proof: Proof,
}

/// How a client proves who it is.
#[derive(Debug)]
pub enum Proof {
    /// not at all: a public client
    Nothing,
    /// with a secret, in the header
    Basic(Secret<String>),
    /// with a secret, in the body
    Post(Secret<String>),
    /// with an assertion that a key of its own signed, as far as it could be read
    Assertion(Result<Box<ClientAssertion>, AssertionFault>),
}

impl Proof {
    /// The method that a client must have registered for it.
    pub const fn method(&self) -> TokenEndpointAuthMethod {
        match self {
            Self::Nothing => TokenEndpointAuthMethod::None,
            Self::Basic(_) => TokenEndpointAuthMethod::ClientSecretBasic,
            Self::Post(_) => TokenEndpointAuthMethod::ClientSecretPost,
            Self::Assertion(_) => TokenEndpointAuthMethod::PrivateKeyJwt,
        }
    }
}

/// Who asks about a token, proven.
#[derive(Clone, Debug)]
pub enum Introspector {
    /// a confidential client
    Client(Arc<RegisteredClient>),
    /// an API, to which tokens are sent
    ApiResource(Arc<RegisteredApiResource>),
}

/// The client, proven — or, for a public client, known.
///
/// # Errors
/// [`refusals::CLIENT_AUTHENTICATION_FAILED`] for every failure alike (CAU-03), with the cause for the log;
/// [`refusals::RATE_LIMITED`] after many of them; [`refusals::UNAVAILABLE`] where a used assertion could not be remembered.
pub async fn authenticate(
    app: &App,
    credentials: &Credentials,
    address: IpAddr,
    now: OffsetDateTime,
) -> Result<Arc<RegisteredClient>, OAuthError> {
    let client = app.configuration().snapshot().client(&credentials.client_id).cloned();
    limited(app, credentials, address, now, prove(app, client, credentials, now)).await
}

/// The confidential client or the API resource that asks. Where both bear the name, the secret decides.
///
/// # Errors
/// As [`authenticate`]; a public client proves nothing and is refused (INS-01).
pub async fn authenticate_introspector(
    app: &App,
    credentials: &Credentials,
    address: IpAddr,
    now: OffsetDateTime,
) -> Result<Introspector, OAuthError> {
    let (client, resource) = {
        let configuration = app.configuration();
        let (snapshot, name) = (configuration.snapshot(), &credentials.client_id);
        (snapshot.client(name).filter(|known| known.client.is_confidential()).cloned(), snapshot.api_resource(name).cloned())
    };
    limited(app, credentials, address, now, async {
        // CAU-08: both are tried, whatever the first one gives
        let of_resource = secret::prove_api_resource(app, resource, credentials, now);
        match (prove(app, client, credentials, now).await, of_resource) {
            (Ok(client), _) => Ok(Introspector::Client(client)),
            (Err(_), Some(resource)) => Ok(Introspector::ApiResource(resource)),
            (Err(error), None) => Err(error),
        }
    })
    .await
}

async fn prove(
    app: &App,
    client: Option<Arc<RegisteredClient>>,
    credentials: &Credentials,
    now: OffsetDateTime,
) -> Result<Arc<RegisteredClient>, OAuthError> {
    if let Proof::Assertion(assertion) = &credentials.proof {
        return assertion::prove_client(app, client, assertion, now).await;
    }
    secret::prove_client(app, client, credentials, now).ok_or_else(|| (&refusals::CLIENT_AUTHENTICATION_FAILED).into())
}

/// RAT-03: who fails often waits. An outsider cannot lock a client out, since only failures from the same address count.
async fn limited<T>(
    app: &App,
    credentials: &Credentials,
    address: IpAddr,
    now: OffsetDateTime,
    attempt: impl Future<Output = Result<T, OAuthError>>,
) -> Result<T, OAuthError> {
    let address = address.to_string();
    let key = digest::sha256(&[credentials.client_id.as_bytes(), b"\0", address.as_bytes()]);
    if !app.failed_authentications.has_room(&key, now) {
        metrics::RATE_LIMITED.increment(&["client"]);
        return Err((&refusals::RATE_LIMITED).into());
    }
    let outcome = attempt.await;
    if outcome.as_ref().is_err_and(|error| error.refusal == &refusals::CLIENT_AUTHENTICATION_FAILED) {
        app.failed_authentications.take(key, now);
    }
    outcome
}
