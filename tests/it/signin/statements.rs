//! What one sign-in costs the database.

use crate::support::{
    phone::{Phone, authorize_url, browser, confirm, eventually},
    server::TestServer,
    statements::StatementCounter,
};

/// Polls, renewals of the lease and what nodes do by themselves are left out.
const LEFT_OUT: [&str; 8] = [
    "sign_in_attempts::LEASE",
    "configuration::",
    "signing_keys::",
    "sweep::",
    "snapshot::",
    "leases::",
    "nodes::",
    "partitions::",
];
/// With two looks at the waiting page: the first, and the one that shows the approval.
const MOST: usize = 12;

#[tokio::test]
async fn a_sign_in_by_sim_from_start_to_code_has_its_statements_counted() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let phone = Phone::new().await;
    let mut person = browser();
    let (counter, guard) = StatementCounter::watch_thread();
    person.get(authorize_url(&server, &[])).await;
    person.submit(&[("identity_provider", "sim")]).await;
    person.submit(&[("phone_number", &phone.number)]).await;
    eventually("the approval", async || {
        let state: String = sqlx::query_scalar("select state from sign_in_attempts").fetch_one(&owner).await.unwrap();
        (state == "verified").then_some(())
    })
    .await;
    let url = person.page().url.clone();
    person.get(url).await;
    confirm(&mut person).await.stopped();
    drop(guard);
    let mut statements = counter.texts();
    statements.retain(|name| !LEFT_OUT.iter().any(|left_out| name.contains(left_out)));
    println!("{} statements: {statements:#?}", statements.len());
    assert!(statements.len() <= MOST, "{} statements: {statements:#?}", statements.len());
}
