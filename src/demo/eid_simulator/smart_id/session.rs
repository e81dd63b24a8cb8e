//! One request of a relying party to an app: what was asked, how the link to it looks, and how it ended.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;
use uuid::Uuid;

use super::super::{
    behaviour::Outcome,
    fault::Fault,
    key::HashType,
    session::{KEPT_FOR, PATIENCE, Plan},
};
use crate::base::digest;

/// The provider's scheme; part of what is signed.
pub const SCHEME: &str = "smart-id-demo";
/// The interaction in which the person chooses the code.
pub const CODE_CHOICE: &str = "confirmationMessageAndVerificationCodeChoice";
/// A QR code may be so old when the app reads it (eid.md §11.1).
pub const QR_LIFE: Duration = Duration::seconds(5);

/// How the app came to the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// the operator asked
    Notification,
    /// the person scanned a code
    Qr,
    /// the person opened a link on the same device
    Web2App,
}

impl Flow {
    /// The word on the wire and in links.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notification => "Notification",
            Self::Qr => "QR",
            Self::Web2App => "Web2App",
        }
    }
}

/// What was asked, after every check of the wire.
#[derive(Clone, Debug)]
pub struct Request {
    /// the relying party's name
    pub relying_party: String,
    /// `QUALIFIED` or `ADVANCED`
    pub level: String,
    /// base64, as sent
    pub challenge: String,
    /// of the signature
    pub hash: HashType,
    /// base64, as sent
    pub interactions: String,
    /// what the app shows: the first of them
    pub shown: Interaction,
    /// where the app leads the browser back to
    pub callback: Option<String>,
}

/// One way to show a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Interaction {
    /// its name
    #[serde(rename = "type")]
    pub kind: String,
    /// for `displayTextAndPIN`
    #[serde(default)]
    pub display_text60: Option<String>,
    /// for the others
    #[serde(default)]
    pub display_text200: Option<String>,
}

impl Interaction {
    /// The text, whichever it is.
    pub fn text(&self) -> &str {
        self.display_text200.as_deref().or(self.display_text60.as_deref()).unwrap_or_default()
    }
}

/// What makes a session reachable by a link.
#[derive(Clone, Debug)]
pub struct Link {
    /// in the link
    pub token: String,
    /// proves that a link comes from the relying party, and the way back from the app
    pub secret: [u8; 32],
}

/// How a session ended.
#[derive(Clone, Debug)]
pub struct Decision {
    /// when
    pub at: OffsetDateTime,
    /// the result
    pub outcome: Outcome,
    /// for [`Outcome::Ok`]: what a poll is told besides
    pub answer: Option<Value>,
    /// for [`Outcome::Ok`] on the same device: where the browser goes
    pub redirect: Option<String>,
}

/// A session.
#[derive(Debug)]
pub struct AppSession {
    /// unguessable
    pub id: Uuid,
    /// what was asked
    pub request: Request,
    /// none where the operator asked by itself
    pub link: Option<Link>,
    /// how the app came to it; of a link known once it is opened
    pub flow: Flow,
    /// whose app; none until a link is opened by somebody's
    pub person: Option<String>,
    /// the only person whose app may answer the link; none where anybody's may
    pub asked_for: Option<String>,
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

impl AppSession {
    /// The four digits that the page shows; none where nothing is compared (eid.md §3.4).
    pub fn verification_code(&self) -> Option<String> {
        let challenge = digest::from_base64(&self.request.challenge).filter(|_| self.flow == Flow::Notification)?;
        let [.., high, low] = digest::sha256(&[&challenge]);
        Some(format!("{:04}", u16::from_be_bytes([high, low]) % 10_000))
    }

    /// The codes among which the person chooses, in an order that says nothing; empty where the app only shows the text.
    pub fn choices(&self) -> Vec<String> {
        let Some(code) = self.verification_code().filter(|_| self.request.shown.kind == CODE_CHOICE) else {
            return Vec::new();
        };
        let number: u32 = code.parse().unwrap_or_default();
        let bytes = self.id.as_bytes();
        let other = |byte: u8, step: u32| format!("{:04}", (number + step + u32::from(byte)) % 10_000);
        let mut codes = vec![code, other(bytes[0], 1000), other(bytes[1], 4000)];
        codes.rotate_left(usize::from(bytes[2] % 3));
        codes
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

    /// Whether `link` was made by the relying party for this session; the reason where it was not. `now` is left out when an opened
    /// link is looked at once more.
    pub fn check_link(&self, link: &OpenedLink, base: &str, now: Option<OffsetDateTime>) -> Result<Flow, &'static str> {
        let flow = match link.kind.as_str() {
            "QR" if self.request.callback.is_none() => Flow::Qr,
            "Web2App" if self.request.callback.is_some() => Flow::Web2App,
            _ => return Err("the link is of another kind than the session"),
        };
        let secret = self.link.as_ref().map(|link| link.secret).ok_or("the session has no links")?;
        let message = [
            SCHEME,
            "ACSP_V2",
            &self.request.challenge,
            &digest::base64(&self.request.relying_party),
            "",
            &self.request.interactions,
            self.request.callback.as_deref().unwrap_or_default(),
            &format!("{base}?{}", link.signed_query),
        ]
        .join("|");
        let expected = digest::base64url(digest::hmac_sha256_of(&secret, message.as_bytes()));
        if !digest::equal(expected.as_bytes(), link.auth_code.as_bytes()) {
            return Err("the link was not made by the relying party");
        }
        if let Some(now) = now.filter(|_| flow == Flow::Qr) {
            let elapsed = link.elapsed_seconds.ok_or("a QR code says how old it is")?;
            let age = now - self.created_at - Duration::seconds(elapsed);
            if age > QR_LIFE || age < -QR_LIFE {
                return Err("the QR code is too old");
            }
        }
        Ok(flow)
    }
}

/// A link as somebody opened it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedLink {
    /// `QR` or `Web2App`
    pub kind: String,
    /// names the session
    pub token: String,
    /// how old a QR code says to be
    pub elapsed_seconds: Option<i64>,
    /// everything before the code, byte for byte
    pub signed_query: String,
    /// the code
    pub auth_code: String,
}

impl OpenedLink {
    /// Reads the query of a link; the order of its parts is that of the protocol.
    pub fn read(query: &str) -> Option<Self> {
        let (signed_query, auth_code) = query.split_once("&authCode=")?;
        let mut parts = signed_query.split('&').map(|part| part.split_once('='));
        let mut value = |name: &str| parts.next()?.filter(|(given, _)| *given == name).map(|(_, value)| value.to_owned());
        let kind = value("deviceLinkType")?;
        let elapsed_seconds = if kind == "QR" { Some(value("elapsedSeconds")?.parse().ok()?) } else { None };
        let token = value("sessionToken")?;
        let rest = (value("sessionType")?, value("version")?, value("lang")?);
        let fits = rest.0 == "auth" && rest.1 == "1.0" && rest.2.len() == 3 && !auth_code.contains('&');
        fits.then(|| Self {
            kind,
            token,
            elapsed_seconds,
            signed_query: signed_query.to_owned(),
            auth_code: auth_code.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_read_in_the_order_of_the_protocol() {
        let whole = "deviceLinkType=QR&elapsedSeconds=22&sessionToken=wGIr&sessionType=auth&version=1.0&lang=eng&authCode=OY1e";
        let link = OpenedLink::read(whole).expect("a link");
        assert_eq!((link.kind.as_str(), link.elapsed_seconds, link.token.as_str()), ("QR", Some(22), "wGIr"));
        assert_eq!(link.auth_code, "OY1e");
        assert!(link.signed_query.ends_with("&lang=eng"));
        for wrong in [
            "",
            "deviceLinkType=QR&sessionToken=wGIr&sessionType=auth&version=1.0&lang=eng&authCode=OY1e",
            "elapsedSeconds=22&deviceLinkType=QR&sessionToken=wGIr&sessionType=auth&version=1.0&lang=eng&authCode=OY1e",
            "deviceLinkType=QR&elapsedSeconds=22&sessionToken=wGIr&sessionType=sign&version=1.0&lang=eng&authCode=OY1e",
            "deviceLinkType=QR&elapsedSeconds=22&sessionToken=wGIr&sessionType=auth&version=1.0&lang=eng",
        ] {
            assert_eq!(OpenedLink::read(wrong), None, "{wrong}");
        }
    }
}
