//! `[sign_in]`: how long a person has, and how often somebody may try.

use std::path::PathBuf;

use serde::Deserialize;
use time::Duration;

use super::value;

/// Times and limits of signing in with an electronic ID (EID-05, EID-06).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// from the client's request to its end
    #[serde(deserialize_with = "value::lifetime")]
    pub request_ttl: Duration,
    /// one try, from start to answer
    #[serde(deserialize_with = "value::lifetime")]
    pub attempt_ttl: Duration,
    /// a verified answer, until its browser takes it
    #[serde(deserialize_with = "value::lifetime")]
    pub verified_ttl: Duration,
    /// tries that may be open on this node at once
    pub max_open_attempts: usize,
    /// the window in which tries are counted
    #[serde(deserialize_with = "value::lifetime")]
    pub attempts_window: Duration,
    /// tries in a window for one telephone number or national id
    pub attempts_per_number: u32,
    /// tries in a window from one browser
    pub attempts_per_browser: u32,
    /// tries in a window from one network address (/64 for IPv6)
    pub attempts_per_address: u32,
    /// refusals on the telephone in a window after which new tries pause
    pub refusals_before_pause: u32,
    /// how long they pause
    #[serde(deserialize_with = "value::lifetime")]
    pub refusal_pause: Duration,
    /// the folder with the secrets by which we prove to upstream providers who we are
    #[serde(default)]
    pub secrets_dir: Option<PathBuf>,
}

impl SignIn {
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (key, limit) in [
            ("attempts_per_number", self.attempts_per_number),
            ("attempts_per_browser", self.attempts_per_browser),
            ("attempts_per_address", self.attempts_per_address),
            ("refusals_before_pause", self.refusals_before_pause),
        ] {
            if limit == 0 {
                faults.push(format!("sign_in.{key}: must be at least 1"));
            }
        }
        if self.max_open_attempts == 0 {
            faults.push("sign_in.max_open_attempts: must be at least 1".into());
        }
        for (key, duration) in
            [("attempt_ttl", self.attempt_ttl), ("verified_ttl", self.verified_ttl), ("attempts_window", self.attempts_window)]
        {
            if duration.is_zero() {
                faults.push(format!("sign_in.{key}: must be longer than nothing"));
            }
        }
        if self.request_ttl <= self.attempt_ttl {
            faults.push("sign_in.request_ttl: must be longer than sign_in.attempt_ttl, so that a second try fits".into());
        }
        faults
    }
}
