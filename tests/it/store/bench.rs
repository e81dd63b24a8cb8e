//! What `ias bench` asks of the database.

use ias::{
    base::{clock::Clock, entropy, id::FamilyId},
    store::bench::{self, FilledFamily},
};
use sqlx::error::DatabaseError;
use uuid::Uuid;

use crate::support::{person::Person, server::TestServer, tokens::tokens};

const CLIENT: &str = "@conformance.is/basic-1";

#[tokio::test]
async fn families_are_filled_in_and_are_rotated_one_by_one() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    tokens(&server, &mut person, CLIENT, "openid").await;
    let (owner, now) = (server.owner().await, Clock::System.now());
    let family = |_| FilledFamily { id: FamilyId::new(now), secret_hash: entropy::bytes(), auth_time: now };
    let families: Vec<FilledFamily> = (0..30).map(family).collect();
    assert_eq!(bench::fill_families(&owner, &families, now, CLIENT).await.unwrap(), 30);
    bench::settle_families(&owner).await.unwrap();

    let before = bench::wal_bytes(&owner).await.unwrap();
    for family in &families {
        assert!(bench::rotate(&owner, family.id, now).await.unwrap(), "{family:?}");
    }
    assert!(bench::wal_bytes(&owner).await.unwrap() > before);
    assert!(!bench::rotate(&owner, FamilyId(Uuid::nil()), now).await.unwrap());
    let rotated: i64 =
        sqlx::query_scalar("select count(*) from families where generation = 1").fetch_one(&owner).await.unwrap();
    assert_eq!(rotated, 30);
}

#[tokio::test]
async fn what_a_cluster_promises_and_counts_is_known() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    // the tests' own cluster syncs nothing, and was started without the library that counts
    let durability = bench::durability(&owner).await.unwrap();
    assert!(durability.version.starts_with(|first: char| first.is_ascii_digit()), "{durability:?}");
    let counted = match bench::count_statements(&owner).await {
        Ok(()) => bench::statements_run(&owner, "nobody").await,
        Err(not_installed) => Err(not_installed),
    };
    match counted {
        Ok(count) => assert!(count < 0.5, "nobody has run {count}"),
        Err(error) => assert!(error.as_database_error().and_then(DatabaseError::code).is_some(), "{error}"),
    }
}
