//! Device links: what a QR code or a button carries to the app, and what the app brings back (eid.md §3.4).

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::payload::{Asked, PROTOCOL};
use crate::{
    base::digest::{self, base64url, from_base64, sha256},
    model::identity_provider::SmartIdFlow,
};

/// The words around our text in the app; the operator's own service has no Icelandic (eid.md §14.7).
const LANGUAGE: &str = "eng";

/// What the provider gave for links. The secret stays in the sealed state of the attempt: a browser sees only what is made with it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct LinkSession {
    pub(super) token: String,
    /// base64
    pub(super) secret: String,
    pub(super) base: String,
    /// when the answer came: QR codes count from here
    #[serde(with = "time::serde::timestamp")]
    pub(super) received_at: OffsetDateTime,
}

/// What came back with the browser is not of this attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReturnFault {
    #[error("the attempt is not one on the same device")]
    Flow,
    #[error("the value is another than the one in our link")]
    Value,
    #[error("the digest is not of the session's secret")]
    Digest,
    #[error("the verifier is not of the signed challenge")]
    Verifier,
}

impl LinkSession {
    /// The link as it is now. A QR code says how old it is, so that one that somebody relays is late.
    pub(super) fn link(&self, asked: &Asked<'_>, flow: SmartIdFlow, now: OffsetDateTime) -> Option<String> {
        let elapsed = match flow {
            SmartIdFlow::Qr => format!("&elapsedSeconds={}", (now - self.received_at).whole_seconds().max(0)),
            _ => String::new(),
        };
        // The order is part of what is authenticated.
        let link = format!(
            "{}?deviceLinkType={}{elapsed}&sessionToken={}&sessionType=auth&version=1.0&lang={LANGUAGE}",
            self.base,
            flow.as_str(),
            self.token
        );
        let code = auth_code(&self.secret, asked, &link)?;
        Some(format!("{link}&authCode={code}"))
    }
}

/// Proves to the app that the link comes from whoever holds the session's secret; none where the secret is no base64.
fn auth_code(secret: &str, asked: &Asked<'_>, link: &str) -> Option<String> {
    let message = [
        asked.scheme_name,
        PROTOCOL,
        asked.rp_challenge,
        &digest::base64(asked.relying_party_name),
        &asked.brokered_in_base64(),
        asked.interactions,
        asked.callback_url,
        link,
    ]
    .join("|");
    Some(base64url(digest::hmac_sha256_of(&from_base64(secret)?, message.as_bytes())))
}

/// EID-04: the value is ours, and whoever sends the browser knows the session's secret.
pub(super) fn check_return(secret: &str, our_value: &str, value: &str, secret_digest: &str) -> Result<(), ReturnFault> {
    if !digest::equal(our_value.as_bytes(), value.as_bytes()) {
        return Err(ReturnFault::Value);
    }
    let expected = from_base64(secret).map(|secret| base64url(sha256(&[&secret]))).ok_or(ReturnFault::Digest)?;
    digest::equal(expected.as_bytes(), secret_digest.as_bytes()).then_some(()).ok_or(ReturnFault::Digest)
}

/// The one who came back is the one who signed: only the app knew the verifier.
pub(super) fn check_verifier(verifier: &str, user_challenge: &str) -> Result<(), ReturnFault> {
    let expected = base64url(sha256(&[verifier.as_bytes()]));
    digest::equal(expected.as_bytes(), user_challenge.as_bytes()).then_some(()).ok_or(ReturnFault::Verifier)
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;

    // eid.md §7.2; facts of RP API v3, sk-eid.github.io/smart-id-documentation
    const SECRET: &str = "B98ODiVCebRedSwdTk51zFSaGYyHtY1H2A0ocAi3/Ps=";
    const DIGEST: &str = "U4CKK13H1XFiyBofev9asqrzIrY5_Gszi_nL_zDKkBc";
    const VERIFIER: &str = "XtPfaGa8JnGtYrJjboooUf0KfY9sMEHrWFpSQrsUv9c";
    const USER_CHALLENGE: &str = "GnsWXXEjTCKR89fj9uo5u5ReBZ9JR7_pezLAI5jMS00";
    const AT: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

    fn asked() -> Asked<'static> {
        Asked {
            scheme_name: "smart-id",
            rp_challenge: "GYS+yoah6emAcVDNIajwSs6UB/M95XrDxMzXBUkwQJ9YFDipXXzGpPc7raWcuc2+TEoRc7WvIZ/7dU/iRXenYg==",
            relying_party_name: "DEMO",
            brokered_name: "Example RP",
            interactions: "W3sidHlwZSI6ImNvbmZpcm1hdGlvbk1lc3NhZ2UiLCJkaXNwbGF5VGV4dDIwMCI6IkxvbmdlciBkZXNjcmlwdGlvbiBvZiB0aGUgdHJhbnNhY3Rpb24gY29udGV4dCJ9LHsidHlwZSI6ImRpc3BsYXlUZXh0QW5kUElOIiwiZGlzcGxheVRleHQ2MCI6IlNob3J0IGRlc2NyaXB0aW9uIG9mIHRoZSB0cmFuc2FjdGlvbiBjb250ZXh0In1d",
            callback_url: "",
        }
    }

    fn session() -> LinkSession {
        LinkSession {
            token: "wGIrqveE6AuGDATZKmR1mtAZ".to_owned(),
            secret: SECRET.to_owned(),
            base: "https://smart-id.com/device-link".to_owned(),
            received_at: AT,
        }
    }

    #[test]
    fn the_link_and_its_code_are_those_of_the_documented_example() {
        let link = session().link(&asked(), SmartIdFlow::Qr, AT + Duration::milliseconds(22_900)).expect("a link");
        assert_eq!(
            link,
            "https://smart-id.com/device-link?deviceLinkType=QR&elapsedSeconds=22&sessionToken=wGIrqveE6AuGDATZKmR1mtAZ\
             &sessionType=auth&version=1.0&lang=eng&authCode=OY1eHaD4UYedrBwtqUbSkpa0w7ttm4FllPkCD_3wlE0"
        );
    }

    #[test]
    fn a_link_for_the_same_device_does_not_age() {
        let link = |after| session().link(&asked(), SmartIdFlow::SameDevice, AT + Duration::seconds(after)).expect("a link");
        assert!(link(0).contains("?deviceLinkType=Web2App&sessionToken="));
        assert_eq!(link(0), link(100));
    }

    #[test]
    fn a_clock_that_was_put_back_makes_no_negative_age() {
        let link = session().link(&asked(), SmartIdFlow::Qr, AT - Duration::MINUTE).expect("a link");
        assert!(link.contains("&elapsedSeconds=0&"));
    }

    #[test]
    fn eid_04_what_comes_back_is_checked_by_value_digest_and_verifier() {
        assert_eq!(check_return(SECRET, "ours", "ours", DIGEST), Ok(()));
        assert_eq!(check_return(SECRET, "ours", "theirs", DIGEST), Err(ReturnFault::Value));
        assert_eq!(check_return(SECRET, "ours", "", DIGEST), Err(ReturnFault::Value));
        assert_eq!(check_return(SECRET, "ours", "ours", ""), Err(ReturnFault::Digest));
        assert_eq!(check_return(SECRET, "ours", "ours", &DIGEST.to_lowercase()), Err(ReturnFault::Digest));
        assert_eq!(check_verifier(VERIFIER, USER_CHALLENGE), Ok(()));
        assert_eq!(check_verifier(USER_CHALLENGE, USER_CHALLENGE), Err(ReturnFault::Verifier));
        assert_eq!(check_verifier("", USER_CHALLENGE), Err(ReturnFault::Verifier));
    }
}
