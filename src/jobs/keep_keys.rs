//! Keeps the signing keys: announces the next one in time, and takes old ones out of the JWKS (KEY-04).

use crate::{
    app::App,
    keys::{KeyFault, life_cycle},
};

/// Looks once; gives whether it was this node's turn.
pub async fn run_once(app: App) -> Result<bool, KeyFault> {
    let now = app.clock.now();
    if !super::leads(&app, "keep_keys", now).await? {
        return Ok(false);
    }
    let bits = app.settings.keys.rsa_bits;
    if life_cycle::keep(&app.pool, app.master(), bits, app.key_lifetimes(), now).await? {
        tracing::info!("the set of keys has changed");
    }
    Ok(true)
}
