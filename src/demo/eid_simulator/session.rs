//! One request of a relying party to one phone, from the start to its result.
//!
//! Time is lazy: what is due is settled whenever somebody looks. No task runs for a session.

use std::sync::Arc;

use serde::Serialize;
use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{behaviour::Outcome, fault::Fault, key::HashType};

/// A session that nobody answers ends by then (eid.md §2.1).
pub const PATIENCE: Duration = Duration::seconds(120);
/// A session is forgotten by then (eid.md §2.1).
pub const KEPT_FOR: Duration = Duration::minutes(5);

/// The alphabet in which a phone shows a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum TextFormat {
    /// the alphabet of SMS, at most 100 characters
    #[default]
    #[serde(rename = "GSM-7")]
    Gsm7,
    /// the basic plane of Unicode, at most 50 characters
    #[serde(rename = "UCS-2")]
    Ucs2,
}

/// What a relying party asked for, after every check of the wire.
#[derive(Clone, Debug)]
pub struct Authentication {
    /// the relying party's name
    pub relying_party: String,
    /// E.164, as sent
    pub phone: String,
    /// absent in phone-only addressing (eid.md §2.4)
    pub national_id: Option<String>,
    /// the bytes to sign
    pub hash: Vec<u8>,
    /// their kind
    pub hash_type: HashType,
    /// of the prompt: `EST`, `ENG`, `RUS` or `LIT`
    pub language: String,
    /// the text on the phone
    pub text: Option<String>,
    /// its alphabet
    pub format: TextFormat,
}

/// What the phone will do by itself.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// when
    pub at: OffsetDateTime,
    /// with which result
    pub outcome: Outcome,
}

/// A certificate and signature as they go over the wire.
#[derive(Clone, Debug)]
pub struct Answer {
    /// base64
    pub signature: String,
    /// the name of the algorithm
    pub algorithm: String,
    /// base64 of DER
    pub certificate: String,
}

/// How a session ended.
#[derive(Clone, Debug)]
pub struct Decision {
    /// when
    pub at: OffsetDateTime,
    /// the result
    pub outcome: Outcome,
    /// for [`Outcome::Ok`] only
    pub answer: Option<Answer>,
}

/// A session.
#[derive(Debug)]
pub struct Session {
    /// unguessable
    pub id: Uuid,
    /// what was asked
    pub request: Authentication,
    /// whose phone it is; none where the number is nobody's
    pub person: Option<String>,
    /// when it began
    pub created_at: OffsetDateTime,
    /// what happens without a person
    pub plan: Option<Plan>,
    /// a lie to be told
    pub fault: Option<Fault>,
    /// how it ended
    pub decision: Option<Decision>,
    /// whether a poll is waiting
    pub polled: bool,
    /// wakes the poll
    pub changed: Arc<Notify>,
}

impl Session {
    /// The four digits that phone and page show (eid.md §2.2).
    pub fn verification_code(&self) -> String {
        let first = self.request.hash.first().copied().unwrap_or_default();
        let last = self.request.hash.last().copied().unwrap_or_default();
        format!("{:04}", (u16::from(first & 0xfc) << 5) | u16::from(last & 0x7f))
    }

    /// What is due at `now`, if it has no result yet.
    pub fn due(&self, now: OffsetDateTime) -> Option<Outcome> {
        if self.decision.is_some() {
            return None;
        }
        match self.plan {
            Some(plan) if plan.at <= now => Some(plan.outcome),
            _ if self.created_at + PATIENCE <= now => Some(Outcome::Timeout),
            _ => None,
        }
    }

    /// How long until something is due.
    pub fn until_due(&self, now: OffsetDateTime) -> std::time::Duration {
        let end = self.created_at + PATIENCE;
        let at = self.plan.map_or(end, |plan| plan.at.min(end));
        (at - now).try_into().unwrap_or_default()
    }

    /// Whether it is forgotten.
    pub fn is_expired(&self, now: OffsetDateTime) -> bool {
        self.created_at + KEPT_FOR <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(hash: Vec<u8>) -> Session {
        Session {
            id: Uuid::nil(),
            request: Authentication {
                relying_party: "IAS DEMO".into(),
                phone: "+3540102989".into(),
                national_id: None,
                hash,
                hash_type: HashType::Sha256,
                language: "ENG".into(),
                text: None,
                format: TextFormat::Gsm7,
            },
            person: None,
            created_at: OffsetDateTime::UNIX_EPOCH,
            plan: None,
            fault: None,
            decision: None,
            polled: false,
            changed: Arc::default(),
        }
    }

    #[test]
    fn the_verification_code_is_that_of_the_published_vectors() {
        let mut hash = vec![0; 20];
        hash[0] = 0x2f;
        hash[19] = 0xb6;
        assert_eq!(session(hash).verification_code(), "1462");
        assert_eq!(session(vec![0xff; 32]).verification_code(), "8191");
        assert_eq!(session(vec![0; 32]).verification_code(), "0000");
    }

    #[test]
    fn a_session_that_nobody_answers_times_out_after_two_minutes() {
        let session = session(vec![0; 32]);
        let start = OffsetDateTime::UNIX_EPOCH;
        assert_eq!(session.due(start + Duration::seconds(119)), None);
        assert_eq!(session.due(start + Duration::seconds(120)), Some(Outcome::Timeout));
        assert!(!session.is_expired(start + Duration::seconds(299)) && session.is_expired(start + Duration::minutes(5)));
    }
}
