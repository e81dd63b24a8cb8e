//! Hears of edits on a connection of its own, where one is configured, and confirms the configuration at once (decision F). It
//! only makes that quicker: the poll finds every edit, whatever becomes of this connection.

use std::{str::FromStr as _, time::Duration};

use sqlx::postgres::PgConnectOptions;

use crate::{app::App, store::configuration};

/// Between two tries to connect.
const PAUSE: Duration = Duration::from_secs(1);

/// Begins to listen, where `database.listen_url` says how; ends when the node stops.
pub(super) fn start(app: &App) {
    let Some(url) = &app.settings.database.listen_url else { return };
    let Ok(options) = PgConnectOptions::from_str(url.expose()) else {
        tracing::error!("database.listen_url cannot be read; edits are found by asking each second");
        return;
    };
    let app = app.clone();
    app.clone().tasks.spawn(async move { app.stopping.run_until_cancelled(listen(&app, &options)).await });
}

async fn listen(app: &App, options: &PgConnectOptions) {
    loop {
        if let Err(error) = hear(app, options).await {
            tracing::warn!(%error, "edits are not heard of; they are found by asking each second");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Confirms after every word, and after each new connection: what was said before it was not heard.
async fn hear(app: &App, options: &PgConnectOptions) -> sqlx::Result<()> {
    let mut listener = configuration::listen(options.clone()).await?;
    loop {
        if let Err(error) = app.confirm().await {
            tracing::error!(%error, "the configuration could not be confirmed");
        }
        listener.try_recv().await?;
    }
}
