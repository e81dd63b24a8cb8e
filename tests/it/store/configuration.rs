//! The one row that counts edits, and what else it tells.

use ias::{
    app,
    base::{clock::Clock, id::NodeId},
    config::environment::Environment,
    store::{configuration, nodes},
};

use crate::support::database::{TestDatabase, count};

#[tokio::test]
async fn a_database_tells_its_environment_and_the_time() {
    let database = TestDatabase::new().await;
    let pool = database.serving_pool().await;
    assert_eq!(configuration::environment(&pool).await.unwrap(), None);
    let claimed = configuration::claim_environment(&pool, Environment::Staging).await.unwrap();
    assert_eq!((claimed, configuration::environment(&pool).await.unwrap()), (Environment::Staging, Some(Environment::Staging)));
    // a node that has stopped is waited for by nobody
    let node = NodeId::new(Clock::System.now());
    nodes::confirm(&pool, node, 0, None).await.unwrap();
    nodes::delete(&pool, node).await.unwrap();
    assert_eq!(count(&database.owner_pool().await, "nodes").await, 0);
    // STO-04: by this clock and that, nothing is wrong
    assert_eq!(app::wrong_clock(&pool).await.unwrap(), None);
}
