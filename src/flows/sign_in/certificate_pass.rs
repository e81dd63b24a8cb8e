//! The way of a client certificate over its own host (eid.md §4.4), and what travels on it. That host has no cookies, and stores
//! nothing: a *ticket* brings a browser there for one attempt, a *proof* brings the certificate that was shown back. Both are sealed,
//! and live for a moment. Only the browser that began the attempt can hand the proof in: whoever sends somebody else to the card host
//! with a ticket of their own gets nothing by it.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::{
    app::App,
    base::{digest, id::AttemptId, text::Language},
    model::sign_in_attempt::SignInAttempt,
};

const TICKET: &str = "ticket to the card host";
const PROOF: &str = "certificate shown at the card host";

/// eid.md §4.4
const TICKET_TTL: Duration = Duration::seconds(120);
/// As long as a redirect needs.
const PROOF_TTL: Duration = Duration::seconds(60);

/// Longer certificates make addresses that nobody takes; those of persons have 2,000 bytes at most.
pub const MOST_CERTIFICATE_BYTES: usize = 5_000;

/// What a browser carries to the card host, or back from it.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificatePass {
    /// the attempt that it is for
    pub attempt: AttemptId,
    /// of the reader, whom the card host knows by nothing else
    pub language: Language,
    /// DER of the certificate whose key the handshake proved; empty on the way there
    pub certificate: Vec<u8>,
    expires_at: i64,
}

impl CertificatePass {
    /// A ticket to the card host, sealed, as it stands in the address.
    pub fn ticket(app: &App, attempt: &SignInAttempt, language: Language, now: OffsetDateTime) -> String {
        let expires_at = (now + TICKET_TTL).unix_timestamp();
        Self { attempt: attempt.id, language, certificate: Vec::new(), expires_at }.seal(app, TICKET)
    }

    /// What a ticket says; none where it is not ours.
    pub fn read_ticket(app: &App, sealed: &str) -> Option<Self> {
        Self::open(app, TICKET, sealed)
    }

    /// The proof that a certificate was shown with this ticket, sealed; none where the certificate is too long for an address.
    pub fn proof(&self, app: &App, certificate: &[u8], now: OffsetDateTime) -> Option<String> {
        if certificate.is_empty() || certificate.len() > MOST_CERTIFICATE_BYTES {
            return None;
        }
        let expires_at = (now + PROOF_TTL).unix_timestamp();
        Some(Self { certificate: certificate.to_vec(), expires_at, ..self.clone() }.seal(app, PROOF))
    }

    /// What a proof says; none where it is not ours.
    pub fn read_proof(app: &App, sealed: &str) -> Option<Self> {
        Self::open(app, PROOF, sealed)
    }

    /// Whether its moment is over.
    pub fn is_over(&self, now: OffsetDateTime) -> bool {
        now.unix_timestamp() >= self.expires_at
    }

    fn seal(&self, app: &App, purpose: &str) -> String {
        let language = u8::from(self.language == Language::En);
        let plain = [self.attempt.0.as_bytes(), &self.expires_at.to_be_bytes()[..], &[language], &self.certificate].concat();
        digest::base64url(app.keys().sealing().seal(purpose, &plain))
    }

    fn open(app: &App, purpose: &str, sealed: &str) -> Option<Self> {
        let sealed = digest::from_base64url(sealed)?;
        let plain = app.keys().sealing().open(purpose, &sealed).ok()?;
        let (attempt, rest) = plain.split_first_chunk::<16>()?;
        let (expires_at, rest) = rest.split_first_chunk::<8>()?;
        let (language, certificate) = rest.split_first()?;
        Some(Self {
            attempt: AttemptId(Uuid::from_bytes(*attempt)),
            language: if *language == 0 { Language::Is } else { Language::En },
            certificate: certificate.to_vec(),
            expires_at: i64::from_be_bytes(*expires_at),
        })
    }
}
