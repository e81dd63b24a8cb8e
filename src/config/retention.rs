//! `[retention]`: how long rows stay that nothing needs any more (PRV-03).

use serde::Deserialize;
use time::Duration;

use super::value;

/// How long after their beginning the rows of the large tables may leave (architecture.md, decision H).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// codes, redeemed or not
    #[serde(deserialize_with = "value::lifetime")]
    pub authorization_codes: Duration,
    /// sessions, ended or not
    #[serde(deserialize_with = "value::lifetime")]
    pub sessions: Duration,
    /// tries with an electronic ID
    #[serde(deserialize_with = "value::lifetime")]
    pub sign_in_attempts: Duration,
    /// the sealed evidence of those that were verified
    #[serde(deserialize_with = "value::lifetime")]
    pub sign_in_evidence: Duration,
    /// the audit log
    #[serde(deserialize_with = "value::lifetime")]
    pub audit_log: Duration,
}

impl Retention {
    pub(super) fn faults(&self, absolute_ttl: Duration) -> Vec<String> {
        let mut faults = Vec::new();
        // A code lives a minute; what its session gives lives an hour more at most.
        let least = [
            ("authorization_codes", self.authorization_codes, Duration::HOUR, "1h"),
            ("sessions", self.sessions, absolute_ttl + Duration::DAY, "a day longer than session.absolute_ttl"),
            ("sign_in_attempts", self.sign_in_attempts, Duration::DAY, "1d"),
            ("sign_in_evidence", self.sign_in_evidence, Duration::DAY, "1d"),
            ("audit_log", self.audit_log, Duration::days(366), "366d"),
        ];
        for (key, given, least, text) in least {
            if given < least {
                faults.push(format!("retention.{key}: must be at least {text}"));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_that_is_needed_prv_03() {
        let day = Duration::DAY;
        let retention = |days: i32| Retention {
            authorization_codes: day * days,
            sessions: day * days,
            sign_in_attempts: day * days,
            sign_in_evidence: day * days,
            audit_log: day * days,
        };
        assert_eq!(retention(366).faults(Duration::hours(8)), Vec::<String>::new());
        assert_eq!(retention(365).faults(Duration::hours(8)), ["retention.audit_log: must be at least 366d"]);
        let faults = retention(0).faults(Duration::hours(8));
        let keys: Vec<_> = faults.iter().filter_map(|fault| fault.split(':').next()).collect();
        let all = ["authorization_codes", "sessions", "sign_in_attempts", "sign_in_evidence", "audit_log"]
            .map(|key| format!("retention.{key}"));
        assert_eq!(keys, all);
    }
}
