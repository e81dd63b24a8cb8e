//! What an app signs, rebuilt from what we asked and what came back, and the code that both sides show (ACSP_V2; eid.md §3.3, §3.4).

use crate::base::digest::{base64, sha256};

/// The name of the signature protocol, on the wire and in what is signed.
pub(super) const PROTOCOL: &str = "ACSP_V2";

/// The parts of the signed text that are the same from the request to the answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// of the provider, such as `smart-id`
    pub(super) scheme_name: &'a str,
    /// base64, exactly as sent
    pub(super) rp_challenge: &'a str,
    pub(super) relying_party_name: &'a str,
    /// the end service's, where the provider is told; else empty
    pub(super) brokered_name: &'a str,
    /// base64, exactly as sent
    pub(super) interactions: &'a str,
    /// for the same device alone; else empty
    pub(super) callback_url: &'a str,
}

/// The parts that the answer brings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered<'a> {
    pub(super) server_random: &'a str,
    pub(super) user_challenge: &'a str,
    pub(super) interaction: &'a str,
    pub(super) flow: &'a str,
}

impl Asked<'_> {
    /// The eleven parts in their order. No part can hold the mark between them: names are in base64, the rest is ours or of a
    /// checked alphabet.
    pub(super) fn signed_text(&self, answered: Answered<'_>) -> String {
        [
            self.scheme_name,
            PROTOCOL,
            answered.server_random,
            self.rp_challenge,
            answered.user_challenge,
            &base64(self.relying_party_name),
            &self.brokered_in_base64(),
            &base64(sha256(&[self.interactions.as_bytes()])),
            answered.interaction,
            self.callback_url,
            answered.flow,
        ]
        .join("|")
    }

    /// base64, or nothing where there is no such name.
    pub(super) fn brokered_in_base64(&self) -> String {
        if self.brokered_name.is_empty() { String::new() } else { base64(self.brokered_name) }
    }
}

/// The four digits that page and app show: the last two bytes of the hash of the challenge's bytes.
pub(super) fn verification_code(challenge: &[u8]) -> String {
    let [.., high, low] = sha256(&[challenge]);
    format!("{:04}", u16::from_be_bytes([high, low]) % 10_000)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha512};

    use super::*;
    use crate::base::digest::from_base64;

    // The example of the provider's documentation (eid.md §7.2); facts of RP API v3, sk-eid.github.io/smart-id-documentation.
    const CHALLENGE: &str = "GYS+yoah6emAcVDNIajwSs6UB/M95XrDxMzXBUkwQJ9YFDipXXzGpPc7raWcuc2+TEoRc7WvIZ/7dU/iRXenYg==";
    const INTERACTIONS: &str = "W3sidHlwZSI6ImNvbmZpcm1hdGlvbk1lc3NhZ2UiLCJkaXNwbGF5VGV4dDIwMCI6IkxvbmdlciBkZXNjcmlwdGlvbiBvZiB0aGUgdHJhbnNhY3Rpb24gY29udGV4dCJ9LHsidHlwZSI6ImRpc3BsYXlUZXh0QW5kUElOIiwiZGlzcGxheVRleHQ2MCI6IlNob3J0IGRlc2NyaXB0aW9uIG9mIHRoZSB0cmFuc2FjdGlvbiBjb250ZXh0In1d";

    #[test]
    fn the_documented_example_is_rebuilt_byte_by_byte() {
        let asked = Asked {
            scheme_name: "smart-id",
            rp_challenge: CHALLENGE,
            relying_party_name: "DEMO",
            brokered_name: "Example RP",
            interactions: INTERACTIONS,
            callback_url: "https://rp.example.com/callback-url?value=RrKjjT4aggzu27YBddX1bQ",
        };
        let text = asked.signed_text(Answered {
            server_random: "MTlop6EXCrQ6FOErcKjxUhbV",
            user_challenge: "GnsWXXEjTCKR89fj9uo5u5ReBZ9JR7_pezLAI5jMS00",
            interaction: "confirmationMessage",
            flow: "Web2App",
        });
        assert_eq!(text.split('|').count(), 11);
        assert_eq!(text.split('|').nth(7), Some("RW2HOCLDvRFNWmAOmpWE+3rt7a8q4JGQD3n75d6xJHM="));
        let hash = Sha512::digest(text.as_bytes());
        assert_eq!(base64(hash), "pKOjbNl/5Fy8NfrFqsj6pSn8W8O+Ik8rM33QSsbyD3J9qDJvEm90SboUciuY4wHGWa0Pnq8BgT3NJKmJiUDfKg==");
    }

    #[test]
    fn without_a_brokered_name_its_part_is_empty() {
        let asked = Asked {
            scheme_name: "smart-id",
            rp_challenge: CHALLENGE,
            relying_party_name: "DEMO",
            brokered_name: "",
            interactions: INTERACTIONS,
            callback_url: "",
        };
        let answered = Answered { server_random: "r", user_challenge: "c", interaction: "displayTextAndPIN", flow: "QR" };
        let text = asked.signed_text(answered);
        let parts: Vec<&str> = text.split('|').collect();
        assert_eq!((parts[5], parts[6], parts[9], parts[10]), ("REVNTw==", "", "", "QR"));
    }

    #[test]
    fn the_code_is_that_of_the_published_vectors() {
        assert_eq!(verification_code(&from_base64(CHALLENGE).expect("base64")), "7180");
        let demo = "3mhDkd0ulDR/WVZx678FcrNw4pUhrZxcQsmejf8jQ1HtSp3GAxCH/Fi9EEiuULp44G/KNKONPXZELqCSZw4AoA==";
        assert_eq!(verification_code(&from_base64(demo).expect("base64")), "2549");
        assert_eq!(verification_code(&[0x1b, 0xbb]), "4555");
        assert_eq!(verification_code(&sha256(&[b"Hello World!"])), "7712");
        assert_eq!(verification_code(&sha256(&[b"Go ahead, make my day."])), "7782");
    }
}
