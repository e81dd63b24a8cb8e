//! Keeps the signing keys: announces the next one in time, and takes old ones out of the JWKS (KEY-04).

use crate::{
    app::App,
    keys::{KeyFault, life_cycle},
};

/// Looks once.
pub async fn run_once(app: App) -> Result<(), KeyFault> {
    let bits = app.settings.keys.rsa_bits;
    if life_cycle::keep(&app.pool, app.master(), bits, app.key_lifetimes(), app.clock.now()).await? {
        tracing::info!("the set of keys has changed");
    }
    Ok(())
}
