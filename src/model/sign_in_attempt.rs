//! Sign-in attempts: one try of a person to prove who they are with an electronic ID (eid.md §8.3).
//!
//! ```text
//! created → pending ─┬─► verified ─► consumed
//!                    ├─► failed
//!                    ├─► cancelled
//!                    └─► expired
//! ```
//! A final state never changes; each transition is one guarded statement.

use time::{Duration, OffsetDateTime};

use super::identity_provider::IdentityProviderKind;
use crate::base::id::{AttemptId, ClientRowId, IdentityProviderRowId, PersonId};

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum AttemptState {
    /// stored, nothing sent yet
    Created,
    /// the person has been asked on their phone
    Pending,
    /// the person is proven; the browser may go on
    Verified,
    /// the browser has gone on
    Consumed,
    /// ended with an error kind
    Failed,
    /// the person ended it in the browser
    Cancelled,
    /// nobody answered in time
    Expired,
}

/// An attempt as it was read.
#[derive(Clone, Debug)]
pub struct SignInAttempt {
    /// row
    pub id: AttemptId,
    /// of which authorization request
    pub request_id: Vec<u8>,
    /// SHA-256 of the browser's binding cookie (EID-01)
    pub binding_hash: Vec<u8>,
    /// for which client
    pub client_id: ClientRowId,
    /// with which provider
    pub identity_provider_id: IdentityProviderRowId,
    /// its kind
    pub identity_provider: IdentityProviderKind,
    /// state as stored
    pub state: AttemptState,
    /// sealed state of the driver
    pub driver_state: Option<Vec<u8>>,
    /// sealed: what was typed
    pub input: Option<Vec<u8>>,
    /// the sealed authorization request, where the person leaves our pages
    pub request: Option<String>,
    /// who was proven
    pub person_id: Option<PersonId>,
    /// why it failed
    pub error_kind: Option<String>,
    /// reference for the person's call to support
    pub incident: Option<uuid::Uuid>,
    /// end of the provider's prompt
    pub expires_at: OffsetDateTime,
    /// when the person was proven
    pub verified_at: Option<OffsetDateTime>,
    /// end of the lease of the task that polls
    pub lease_until: Option<OffsetDateTime>,
    /// the request has had its answer, by this attempt or another way
    pub request_has_ended: bool,
}

impl SignInAttempt {
    /// The state at `now`: what has run out is expired, whether or not a row says so yet. A verified attempt waits for its
    /// browser for `verified_ttl`.
    pub fn state_at(&self, now: OffsetDateTime, verified_ttl: Duration) -> AttemptState {
        match (self.state, self.verified_at) {
            (AttemptState::Verified, Some(at)) if now >= at + verified_ttl => AttemptState::Expired,
            (AttemptState::Created | AttemptState::Pending, _) if now >= self.expires_at => AttemptState::Expired,
            (state, _) => state,
        }
    }

    /// Whether the attempt is open, but has run out of time or has nobody who polls: whoever polled has let the lease run out.
    pub fn is_unattended(&self, now: OffsetDateTime) -> bool {
        matches!(self.state, AttemptState::Created | AttemptState::Pending)
            && (now >= self.expires_at || self.lease_until.is_none_or(|until| until <= now))
    }

    /// Whether the attempt belongs to this request in this browser (EID-01).
    pub fn belongs_to(&self, request_id: &[u8], binding_hash: &[u8]) -> bool {
        self.request_id == request_id && crate::base::digest::equal(&self.binding_hash, binding_hash)
    }
}
