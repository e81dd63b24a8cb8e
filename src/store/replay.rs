//! What may be used once: the keys of what was used, until it would be refused for its age (CAU-11, STO-03).

use sqlx::PgExecutor;
use time::OffsetDateTime;

statements! {
    /// Remembers a key; a row comes back only where it was not there.
    FIRST_USE = r"
        insert into replay (key, expires_at)
        values ($1, $2)
        on conflict on constraint replay_pk do nothing
        returning true";
}

/// Whether this is the first use of what has this key; of many at once, on whatever nodes, it is one's. `expires_at` must lie
/// behind the artefact's own end, so that it cannot be used again once it is forgotten.
pub async fn first_use(executor: impl PgExecutor<'_>, key: &[u8; 32], expires_at: OffsetDateTime) -> Result<bool, sqlx::Error> {
    let inserted: Option<bool> = sqlx::query_scalar(FIRST_USE).bind(key).bind(expires_at).fetch_optional(executor).await?;
    Ok(inserted.is_some())
}
