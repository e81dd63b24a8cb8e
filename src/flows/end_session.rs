//! Ending a session: its row, and the families that live only as long as it does (D12, OUT-06).

use time::OffsetDateTime;

use crate::{
    app::App,
    model::{
        audit::{About, AuditEvent, AuditRecord, Origin},
        session::Session,
    },
    store::sessions,
};

/// Ends the session because its person signs out; `false` where it had ended already.
pub async fn sign_out(app: &App, session: &Session, origin: &Origin, now: OffsetDateTime) -> sqlx::Result<bool> {
    let about = About {
        actor_id: Some(session.person.id),
        subject_id: Some(session.person.id.into()),
        session_id: Some(session.id),
        origin: origin.clone(),
        ..About::default()
    };
    let audit = AuditRecord::new(now, about, AuditEvent::SessionEnded { reason: "sign_out" });
    let mut transaction = app.pool.begin().await?;
    let ended = sessions::end(&mut transaction, session.id, "sign_out", &audit, now).await?;
    transaction.commit().await?;
    Ok(ended)
}
