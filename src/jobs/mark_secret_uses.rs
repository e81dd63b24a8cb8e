//! Writes down when clients' secrets were used last: collected in memory, so that no request waits for it (CAU-09, decision F).

use std::{mem, sync::PoisonError};

use crate::{app::App, store::client_secrets};

/// Writes once.
pub async fn run_once(app: App) -> sqlx::Result<bool> {
    let uses = mem::take(&mut *app.secret_uses.lock().unwrap_or_else(PoisonError::into_inner));
    if !uses.is_empty() {
        client_secrets::mark_used(&app.pool, uses).await?;
    }
    Ok(true)
}
