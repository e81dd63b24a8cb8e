//! `[session]`: how long a single sign-on lasts.

use serde::Deserialize;
use time::Duration;

use super::value;

/// The limits of the SSO session (SES-02).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// without use
    #[serde(deserialize_with = "value::lifetime")]
    pub idle_ttl: Duration,
    /// in any case
    #[serde(deserialize_with = "value::lifetime")]
    pub absolute_ttl: Duration,
}

impl Session {
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.idle_ttl.is_zero() || self.idle_ttl > self.absolute_ttl {
            faults.push("session.idle_ttl: must be longer than nothing and not longer than session.absolute_ttl".into());
        }
        faults
    }
}
