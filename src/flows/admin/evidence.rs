//! Opening what is kept of a sign-in, for an investigation (X5-09). Whoever opens it says why, and that stays.

use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    base::seal::SealingKey,
    flows::sign_in::EVIDENCE,
    model::{
        audit::{About, AuditEvent, AuditRecord},
        identity_provider::IdentityProviderKind,
    },
    store::{audit_log, sign_in_evidence},
};

/// What is kept of an attempt, opened. It holds personal data.
#[derive(Debug, Serialize)]
pub struct Opened {
    attempt: Uuid,
    client: Option<String>,
    identity_provider: Option<&'static str>,
    state: Option<String>,
    error_kind: Option<String>,
    provider_code: Option<String>,
    incident: Option<Uuid>,
    #[serde(with = "time::serde::rfc3339::option")]
    created_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    verified_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    ended_at: Option<OffsetDateTime>,
    /// none where nothing was verified, or where it has left (`retention.sign_in_evidence`)
    evidence: Option<Value>,
}

/// Why nothing was opened.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceFault {
    /// nothing is kept under this id
    #[error("nothing is kept of an attempt or an incident with this id")]
    Unknown,
    /// sealed under a key that is not here, or changed
    #[error("the evidence does not open with this installation's keys")]
    Unreadable,
    /// the database
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Opens what is kept under an attempt's id, or under the reference that a page showed, and tells the audit who was looked at and
/// why.
pub async fn open(
    pool: &PgPool,
    sealing: &SealingKey,
    attempt_or_incident: Uuid,
    reason: &str,
    now: OffsetDateTime,
) -> Result<Opened, EvidenceFault> {
    let mut transaction = pool.begin().await?;
    let kept = sign_in_evidence::find(&mut transaction, attempt_or_incident).await?.ok_or(EvidenceFault::Unknown)?;
    let about = About { client_id: kept.client_id, subject_id: kept.person_id.map(Into::into), ..About::default() };
    let event = AuditEvent::EvidenceOpened { attempt: kept.id.0, reason: reason.to_owned() };
    audit_log::insert(&mut *transaction, &AuditRecord::new(now, about, event)).await?;
    // before anything is shown
    transaction.commit().await?;
    let evidence = kept.evidence.map(|sealed| {
        let plain = sealing.open(EVIDENCE, &sealed).map_err(|_| EvidenceFault::Unreadable)?;
        serde_json::from_slice(&plain).map_err(|_| EvidenceFault::Unreadable)
    });
    Ok(Opened {
        attempt: kept.id.0,
        client: kept.client,
        identity_provider: kept.identity_provider.map(IdentityProviderKind::as_str),
        state: kept.state,
        error_kind: kept.error_kind,
        provider_code: kept.provider_code,
        incident: kept.incident,
        created_at: kept.created_at,
        verified_at: kept.verified_at,
        ended_at: kept.ended_at,
        evidence: evidence.transpose()?,
    })
}
