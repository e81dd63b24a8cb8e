//! The keys that clients publish at their `jwks_uri` (OpenID Connect Core §10.1.1, SSR-05): fetched through the guard, kept in
//! memory, fetched anew where a key is missing, but at most once a minute for each client.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration as Timeout,
};

use time::{Duration, OffsetDateTime};
use url::Url;

use super::{
    client::OutboundError,
    guard::GuardedClient,
    kept::{Kept, Terms},
};
use crate::{
    base::id::ClientRowId,
    protocol::client_keys::{ClientJwks, KeysFault},
};

/// How long a set serves, and how often a client's address is asked (SSR-05); those of other providers serve as long.
pub(super) const TERMS: Terms = Terms { fresh: Duration::minutes(15), usable: Duration::hours(1), pause: Duration::minutes(1) };
/// SSR-03
const TIMEOUT: Timeout = Timeout::from_secs(5);

/// Why a set could not be had. For the log: callers are told nothing (SSR-04).
#[derive(Debug, thiserror::Error)]
enum FetchFault {
    #[error("not an address")]
    Address,
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("the document is not JSON")]
    Syntax,
    #[error("the document {0}")]
    Keys(#[from] KeysFault),
}

/// The sets of all clients that have a `jwks_uri`.
#[derive(Debug)]
pub struct ClientKeySets {
    client: GuardedClient,
    places: Mutex<HashMap<ClientRowId, Place>>,
}

/// One address, and what is known of it.
#[derive(Debug)]
struct Place {
    uri: String,
    keys: Arc<Kept<ClientJwks>>,
}

impl ClientKeySets {
    /// Knows nothing yet.
    pub fn new(client: GuardedClient) -> Self {
        Self { client, places: Mutex::default() }
    }

    /// The keys of a client, which publishes them at `uri`: those in memory where they are fresh and satisfy `has_key`, else
    /// those that are there now. None where none can be had.
    pub async fn get(
        &self,
        client: ClientRowId,
        uri: &str,
        now: OffsetDateTime,
        has_key: impl Fn(&ClientJwks) -> bool,
    ) -> Option<Arc<ClientJwks>> {
        let (http, place) = (self.client.clone(), uri.to_owned());
        let fetching = async move { fetch(&http, &place).await };
        self.keys(client, uri).get(now, &client.to_string(), has_key, fetching).await
    }

    /// What is known of the client's address; of another address than before, nothing.
    fn keys(&self, client: ClientRowId, uri: &str) -> Arc<Kept<ClientJwks>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Place { uri: uri.to_owned(), keys: Arc::new(Kept::new(TERMS)) };
        let place = places.entry(client).or_insert_with(new);
        if place.uri != uri {
            *place = new();
        }
        Arc::clone(&place.keys)
    }
}

async fn fetch(http: &GuardedClient, uri: &str) -> Result<ClientJwks, FetchFault> {
    let url = Url::parse(uri).map_err(|_| FetchFault::Address)?;
    let body = http.get_json(url, TIMEOUT).await?;
    let document = serde_json::from_slice(&body).map_err(|_| FetchFault::Syntax)?;
    Ok(ClientJwks::parse(&document)?)
}

#[cfg(test)]
mod tests;
