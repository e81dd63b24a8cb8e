//! A document of another system, kept in memory: asked for anew after a while or where it lacks something, by one at a time and not
//! too often, and of service for some time where its place does not answer (SSR-05).

use std::{
    error::Error,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use time::{Duration, OffsetDateTime};

/// How long a document serves, and how often its place is asked.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// it is asked for anew after this long ...
    pub fresh: Duration,
    /// ... and where its place does not answer, serves this long
    pub usable: Duration,
    /// between two questions, whatever they gave
    pub pause: Duration,
}

/// One document.
#[derive(Debug)]
pub struct Kept<T> {
    terms: Terms,
    known: Mutex<Known<T>>,
    /// held by who asks, so that all others wait for the one answer
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug)]
struct Known<T> {
    document: Option<Arc<T>>,
    fetched_at: Option<OffsetDateTime>,
    tried_at: Option<OffsetDateTime>,
}

impl<T: Send + Sync + 'static> Kept<T> {
    /// Knows nothing yet.
    pub fn new(terms: Terms) -> Self {
        Self { terms, known: Mutex::new(Known { document: None, fetched_at: None, tried_at: None }), turn: Arc::default() }
    }

    /// The document in memory where it is fresh and `serves`, else the one that is there now; none where it cannot be had.
    /// `whose` stands in the log beside why it could not be fetched.
    pub async fn get<E: Error>(
        self: &Arc<Self>,
        now: OffsetDateTime,
        whose: &str,
        serves: impl Fn(&T) -> bool,
        fetch: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Option<Arc<T>> {
        if let Some(document) = self.serving(now, &serves) {
            return Some(document);
        }
        let turn = Arc::clone(&self.turn).lock_owned().await;
        // somebody else may have asked meanwhile
        if self.serving(now, &serves).is_none() && self.may_ask(now) {
            let (asked, whose) = (Arc::clone(self), whose.to_owned());
            // a task of its own: a caller who goes away takes nothing with it
            let task = tokio::spawn(async move {
                asked.known().tried_at = Some(now);
                match fetch.await {
                    Ok(document) => {
                        let mut known = asked.known();
                        (known.document, known.fetched_at) = (Some(Arc::new(document)), Some(now));
                    }
                    // what was known stays where nothing better comes
                    Err(fault) => tracing::warn!(whose, %fault, "a document of another system could not be fetched"),
                }
                drop(turn);
            });
            drop(task.await);
        }
        let known = self.known();
        known.document.clone().filter(|_| known.age(now) < self.terms.usable)
    }

    /// The document, where there is no need to ask.
    fn serving(&self, now: OffsetDateTime, serves: &impl Fn(&T) -> bool) -> Option<Arc<T>> {
        let known = self.known();
        known.document.clone().filter(|document| known.age(now) < self.terms.fresh && serves(document))
    }

    fn may_ask(&self, now: OffsetDateTime) -> bool {
        self.known().tried_at.is_none_or(|at| now - at >= self.terms.pause)
    }

    fn known(&self) -> MutexGuard<'_, Known<T>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Known<T> {
    fn age(&self, now: OffsetDateTime) -> Duration {
        self.fetched_at.map_or(Duration::MAX, |at| now - at)
    }
}
