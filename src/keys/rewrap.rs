//! A new master key: everything that is sealed under the one before is sealed anew. No token and no stored hash changes, since the
//! keys themselves stay the same (architecture.md, decision K).

use sqlx::PgPool;
use time::OffsetDateTime;

use super::{DATA_KEY, KeyFault, SIGNING_KEY, ring::open};
use crate::{
    base::seal::{SealingKey, key_id},
    model::audit::{About, AuditEvent, AuditRecord},
    store::{audit_log, configuration, signing_keys},
};

/// Seals every key under the newest master key; gives how many were sealed under another. All or none: where one does not open,
/// nothing is changed.
pub async fn rewrap(pool: &PgPool, master: &SealingKey, now: OffsetDateTime) -> Result<usize, KeyFault> {
    let mut transaction = pool.begin().await?;
    signing_keys::lock(&mut transaction).await?;
    let mut count = 0;
    for key in signing_keys::list(&mut *transaction).await? {
        let purpose = format!("{SIGNING_KEY} {}", key.kid);
        if let Some(sealed) = key.private_key.as_deref().and_then(|sealed| anew(master, &purpose, sealed).transpose()) {
            signing_keys::reseal(&mut transaction, &key.kid, &sealed?).await?;
            count += 1;
        }
    }
    for key in signing_keys::list_data_keys(&mut *transaction).await? {
        if let Some(sealed) = anew(master, &format!("{DATA_KEY} {}", key.purpose), &key.key)? {
            signing_keys::reseal_data_key(&mut transaction, key.id, &sealed).await?;
            count += 1;
        }
    }
    if count > 0 {
        let event = AuditEvent::KeysRewrapped { master_key_id: master.id() };
        audit_log::insert(&mut *transaction, &AuditRecord::new(now, About::default(), event)).await?;
        configuration::bump(&mut transaction, now).await?;
    }
    transaction.commit().await?;
    Ok(count)
}

/// The value under the newest key, if it is under another one.
fn anew(master: &SealingKey, purpose: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>, KeyFault> {
    let plain = open(master, purpose, sealed)?;
    Ok((key_id(sealed) != Some(master.id())).then(|| master.seal(purpose, plain.expose())))
}
