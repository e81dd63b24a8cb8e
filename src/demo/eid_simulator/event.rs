//! What listeners of `/control/events` are told.

use serde::Serialize;
use uuid::Uuid;

use super::{behaviour::Outcome, session::Session};

/// One event, as JSON.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// a relying party began a session
    SessionCreated {
        /// the session
        id: Uuid,
        /// whose phone it is
        national_id: Option<String>,
        /// the four digits
        verification_code: String,
    },
    /// a session has its result
    SessionEnded {
        /// the session
        id: Uuid,
        /// whose phone it is
        national_id: Option<String>,
        /// the result
        result: Outcome,
    },
}

impl Event {
    /// The beginning of a session.
    pub fn created(session: &Session) -> Self {
        Self::SessionCreated {
            id: session.id,
            national_id: session.person.clone(),
            verification_code: session.verification_code(),
        }
    }

    /// The end of a session.
    pub fn ended(session: &Session) -> Self {
        let result = session.decision.as_ref().map_or(Outcome::Timeout, |decision| decision.outcome);
        Self::SessionEnded { id: session.id, national_id: session.person.clone(), result }
    }
}
