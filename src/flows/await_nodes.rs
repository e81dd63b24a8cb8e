//! Waiting until an edit is in force everywhere (architecture.md, decision F): an edit that takes something away is answered only
//! when no node accepts any more what it took.

use std::time::Duration;

use sqlx::PgPool;

use crate::store::{
    configuration,
    nodes::{self, LiveNodes},
};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until every node serves the configuration as it is now, or has stopped to serve: 10 s at most, by which the lease of one
/// that does not answer has run out. Gives which serve it, and which
/// refuse it.
pub async fn await_nodes(pool: &PgPool) -> sqlx::Result<LiveNodes> {
    let version = configuration::version(pool).await?;
    loop {
        let live = nodes::count_live(pool, version).await?;
        if live.behind == 0 {
            return Ok(live);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
