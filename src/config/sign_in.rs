//! `[sign_in]`: how long a person has, and how often somebody may try.

use std::{path::PathBuf, str::FromStr};

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
    /// SHA-256 of the certificates that trust profiles may name as authorities in production (eid.md §12.3)
    #[serde(deserialize_with = "value::list")]
    pub anchor_fingerprints: Vec<Fingerprint>,
    /// issuers of the upstream OpenID providers that are believed in production (eid.md §12.3), letter for letter
    #[serde(deserialize_with = "value::list")]
    pub upstream_issuers: Vec<String>,
}

/// SHA-256 of a certificate: 64 hexadecimal digits, with or without colons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl FromStr for Fingerprint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        let mut bytes = [0; 32];
        let mut pairs = digits.chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2 && !pair.starts_with('+'))?;
            u8::from_str_radix(pair, 16).ok()
        });
        let read = bytes.iter_mut().all(|byte| pairs.next().flatten().map(|value| *byte = value).is_some());
        (read && pairs.next().is_none()).then_some(Self(bytes)).ok_or("is not a SHA-256 of 64 hexadecimal digits")
    }
}

impl SignIn {
    /// The fingerprints, as bytes.
    pub fn pinned_anchors(&self) -> Vec<[u8; 32]> {
        self.anchor_fingerprints.iter().map(|fingerprint| fingerprint.0).collect()
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_has_32_bytes() {
        let text = "788b98cde0f35122f65cd769196faabccddf251930becae36106bd2679f41754";
        let read: Fingerprint = text.parse().expect("a fingerprint");
        assert_eq!((read.0[0], read.0[31]), (0x78, 0x54));
        let colons = text.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).to_uppercase()).collect::<Vec<_>>();
        assert_eq!(colons.join(":").parse(), Ok(read));
        for wrong in
            ["", &text[1..], &text[2..], &format!("{text}00"), &text.replacen("78", "+7", 1), &text.replacen('7', "x", 1)]
        {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
    }
}
