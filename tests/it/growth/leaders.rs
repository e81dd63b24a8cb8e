//! One node does each job for all; another takes over.

use futures_util::future::join_all;
use ias::{
    base::{clock::Clock, id::NodeId},
    jobs::{keep_keys, keep_partitions, sweep, sweep_consents},
    store::leases,
};
use time::Duration;

use crate::support::{database::TestDatabase, server::TestServer};

#[tokio::test(flavor = "multi_thread")]
async fn sto_05_of_many_nodes_one_leads_and_another_follows_when_its_lease_has_run_out() {
    let database = TestDatabase::new().await;
    let pool = database.serving_pool().await;
    let now = Clock::System.now();
    let nodes: Vec<NodeId> = (0..8).map(|_| NodeId::new(now)).collect();
    let ttl = Duration::minutes(1);
    let take = |node, now| {
        let pool = &pool;
        async move { leases::take(pool, "a job", node, now + ttl, now).await.unwrap() }
    };
    let leads = join_all(nodes.iter().map(|&node| take(node, now))).await;
    assert_eq!(leads.iter().filter(|leads| **leads).count(), 1, "{leads:?}");
    let leader = nodes[leads.iter().position(|leads| *leads).unwrap()];
    let other = *nodes.iter().find(|&&node| node != leader).unwrap();

    // it renews its lease, and nobody else gets it before that has run out
    let later = now + ttl / 2;
    assert!(take(leader, later).await);
    assert!(!take(other, now + ttl).await);
    let end = later + ttl;
    assert!(!take(other, end - Duration::microseconds(1)).await);
    assert!(take(other, end).await);
    assert!(!take(leader, end).await, "the one that was silent follows");
}

#[tokio::test]
async fn each_job_is_done_by_one_node_and_says_when() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    server.stop_jobs().await;
    second.stop_jobs().await;
    server.clock.advance(Duration::HOUR);
    macro_rules! one_leads {
        ($($job:ident),+) => {$(
            assert!($job::run_once(server.app.clone()).await.unwrap(), "the first that comes leads");
            assert!(!$job::run_once(second.app.clone()).await.unwrap(), "the other does not");
            assert!($job::run_once(server.app.clone()).await.unwrap());
        )+};
    }
    one_leads!(keep_keys, keep_partitions, sweep, sweep_consents);
    server.clock.advance(Duration::minutes(5));
    assert!(sweep::run_once(second.app.clone()).await.unwrap(), "the leader was silent for five minutes");
    assert!(!sweep::run_once(server.app.clone()).await.unwrap());
    let metrics = server.app.metrics.render();
    for job in
        ["reload_snapshot", "keep_keys", "keep_metrics", "keep_partitions", "mark_secret_uses", "sweep", "sweep_consents"]
    {
        let line = format!("ias_job_last_success_timestamp_seconds{{job=\"{job}\"}} 1");
        assert!(metrics.contains(&line), "{job}: {metrics}");
    }
}
