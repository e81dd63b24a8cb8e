//! The keys that clients publish at their `jwks_uri` (OpenID Connect Core §10.1.1, SSR-05): fetched through the guard, kept in
//! memory, fetched anew where a key is missing, but at most once a minute for each client.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration as Timeout,
};

use time::{Duration, OffsetDateTime};
use url::Url;

use super::{client::OutboundError, guard::GuardedClient};
use crate::{
    base::id::ClientRowId,
    protocol::client_keys::{ClientJwks, KeysFault},
};

/// A set is asked for anew after this long ...
const FRESH: Duration = Duration::minutes(15);
/// ... and where its place does not answer, serves this long.
const USABLE: Duration = Duration::hours(1);
/// Between two requests to one client's address, whatever they gave.
const PAUSE: Duration = Duration::minutes(1);
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
    places: Mutex<HashMap<ClientRowId, Arc<Place>>>,
}

/// What is known of one address.
#[derive(Debug)]
struct Place {
    uri: String,
    known: Mutex<Known>,
    /// held by who asks, so that all others wait for the one answer
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    keys: Option<Arc<ClientJwks>>,
    fetched_at: Option<OffsetDateTime>,
    tried_at: Option<OffsetDateTime>,
}

impl Known {
    /// The set, where it may still be used.
    fn usable(&self, now: OffsetDateTime) -> Option<Arc<ClientJwks>> {
        self.keys.clone().filter(|_| self.age(now) < USABLE)
    }

    /// The set, where there is no need to ask.
    fn serving(&self, now: OffsetDateTime, has_key: impl Fn(&ClientJwks) -> bool) -> Option<Arc<ClientJwks>> {
        self.keys.clone().filter(|keys| self.age(now) < FRESH && has_key(keys))
    }

    fn age(&self, now: OffsetDateTime) -> Duration {
        self.fetched_at.map_or(Duration::MAX, |at| now - at)
    }

    fn may_ask(&self, now: OffsetDateTime) -> bool {
        self.tried_at.is_none_or(|at| now - at >= PAUSE)
    }
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
        let place = self.place(client, uri);
        if let Some(keys) = place.known().serving(now, &has_key) {
            return Some(keys);
        }
        let turn = Arc::clone(&place.turn).lock_owned().await;
        // somebody else may have asked meanwhile
        let known = place.known().clone();
        if known.serving(now, &has_key).is_none() && known.may_ask(now) {
            let (http, asked) = (self.client.clone(), Arc::clone(&place));
            // a task of its own: a caller who goes away takes nothing with it
            let task = tokio::spawn(async move {
                asked.ask(&http, client, now).await;
                drop(turn);
            });
            drop(task.await);
        }
        place.known().usable(now)
    }

    /// What is known of the client's address; of another address than before, nothing.
    fn place(&self, client: ClientRowId, uri: &str) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Place { uri: uri.to_owned(), known: Mutex::default(), turn: Arc::default() });
        let place = places.entry(client).or_insert_with(new);
        if place.uri != uri {
            *place = new();
        }
        Arc::clone(place)
    }
}

impl Place {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks once. What was known stays where nothing better comes.
    async fn ask(&self, http: &GuardedClient, client: ClientRowId, now: OffsetDateTime) {
        self.known().tried_at = Some(now);
        match fetch(http, &self.uri).await {
            Ok(keys) => {
                let mut known = self.known();
                known.keys = Some(Arc::new(keys));
                known.fetched_at = Some(now);
            }
            Err(fault) => tracing::warn!(%client, %fault, "the keys of a client could not be fetched from its jwks_uri"),
        }
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
