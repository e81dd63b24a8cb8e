//! Confirms the configuration with the database each second, and reads it anew where it has changed (decision F).

use crate::app::{App, AppFault};

/// Confirms once.
pub async fn run_once(app: App) -> Result<bool, AppFault> {
    app.confirm().await.map(|()| true)
}
