//! Writes down when secrets were used last: collected in memory, so that no request waits for it (CAU-09, decision F).

use std::{mem, sync::PoisonError};

use crate::{
    app::App,
    model::secret::SecretOwner,
    store::{api_resources, client_secrets},
};

/// Writes once.
pub async fn run_once(app: App) -> sqlx::Result<bool> {
    let uses = mem::take(&mut *app.secret_uses.lock().unwrap_or_else(PoisonError::into_inner));
    let (mut of_clients, mut of_resources) = (Vec::new(), Vec::new());
    for ((owner, sha256), used_at) in uses {
        match owner {
            SecretOwner::Client(id) => of_clients.push(((id, sha256), used_at)),
            SecretOwner::ApiResource(id) => of_resources.push(((id, sha256), used_at)),
        }
    }
    if !of_clients.is_empty() {
        client_secrets::mark_used(&app.pool, of_clients).await?;
    }
    if !of_resources.is_empty() {
        api_resources::mark_secrets_used(&app.pool, of_resources).await?;
    }
    Ok(true)
}
