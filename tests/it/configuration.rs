//! One configuration in the memory of several nodes (architecture.md, decision F).

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use ias::{
    base::{clock::Clock, id::NodeId, secret::Secret},
    config::environment::Environment,
    flows::{
        apply::{self, Options},
        await_nodes::await_nodes,
    },
    store::{configuration, nodes, snapshot},
};
use sqlx::{ConnectOptions as _, PgPool};
use time::OffsetDateTime;

use crate::support::{
    server::{SECRET, TestServer},
    statements::StatementCounter,
    tokens::{Credentials, token},
};

/// Makes an edit that changes nothing but the version, and gives that.
async fn edit(pool: &PgPool) -> i64 {
    let mut transaction = pool.begin().await.unwrap();
    let version = configuration::bump(&mut transaction, Clock::System.now()).await.unwrap();
    transaction.commit().await.unwrap();
    version
}

/// How long it takes until every node serves an edit that is made now.
async fn seen_after(servers: &[&TestServer]) -> Duration {
    let version = edit(&servers[0].app.pool).await;
    let made = Instant::now();
    while servers.iter().any(|server| server.app.configuration().snapshot().version < version) {
        assert!(made.elapsed() < Duration::from_secs(5), "an edit was not seen");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    made.elapsed()
}

async fn listening(owner: &PgPool) -> Vec<i32> {
    sqlx::query_scalar(
        "select pid from pg_stat_activity
         where datname = current_database() and application_name = 'ias listener' and query like 'LISTEN%'",
    )
    .fetch_all(owner)
    .await
    .unwrap()
}

async fn until_listening(owner: &PgPool, not: &[i32]) {
    for _ in 0..400 {
        let pids = listening(owner).await;
        if pids.len() == 2 && pids.iter().all(|pid| !not.contains(pid)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("both nodes listen");
}

/// Where edits were found by asking alone, each of them would take a whole pause of the poll, as it is made after the one before
/// was seen.
async fn four_edits(servers: &[&TestServer]) -> Duration {
    let mut all = Duration::ZERO;
    for _ in 0..4 {
        all += seen_after(servers).await;
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn decision_f_without_listen_an_edit_is_seen_by_every_node_within_a_second() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    let mut took: Vec<Duration> = Vec::new();
    for _ in 0..3 {
        took.push(seen_after(&[&server, &second]).await);
    }
    // half of them, so that a machine that was busy for a moment is forgiven
    took.sort();
    assert!(took[1] <= Duration::from_secs(1), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn decision_f_with_listen_an_edit_is_seen_at_once_and_a_broken_connection_is_made_anew() {
    let server = TestServer::start().await;
    let url = || Some(Secret::new(server.database.serving().to_url_lossy().to_string()));
    let nodes = [
        server.second_node_with(|settings| settings.database.listen_url = url()).await,
        server.second_node_with(|settings| settings.database.listen_url = url()).await,
    ];
    let nodes = [&nodes[0], &nodes[1]];
    let owner = server.owner().await;
    until_listening(&owner, &[]).await;
    let took = four_edits(&nodes).await;
    assert!(took < Duration::from_millis(2200), "the poll alone would need 2.7 s at least: {took:?}");

    let pids = listening(&owner).await;
    sqlx::query("select pg_terminate_backend(pid) from unnest($1::integer[]) as pid")
        .bind(&pids)
        .execute(&owner)
        .await
        .unwrap();
    let took = seen_after(&nodes).await;
    assert!(took < Duration::from_millis(1500), "while nobody listens, the poll finds it: {took:?}");
    until_listening(&owner, &pids).await;
    let took = four_edits(&nodes).await;
    assert!(took < Duration::from_millis(2200), "it is heard again: {took:?}");
}

#[tokio::test]
async fn decision_f_a_confirmation_and_the_lease_are_one_statement() {
    let server = TestServer::start().await;
    let (outcome, statements) = StatementCounter::watch(server.app.confirm()).await;
    outcome.unwrap();
    assert_eq!(statements.count(), 1, "{:?}", statements.texts());
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_02_once_a_disabling_edit_was_answered_no_node_accepts() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    for _ in 0..3 {
        let taken = AtomicBool::new(false);
        let (first, other, answered) = tokio::join!(hammer(&server, &taken), hammer(&second, &taken), async {
            tokio::time::sleep(Duration::from_millis(150)).await;
            set_enabled(&server, false).await;
            let answered = Instant::now();
            tokio::time::sleep(Duration::from_millis(150)).await;
            taken.store(true, Ordering::Relaxed);
            answered
        });
        for tokens in [first, other] {
            assert!(tokens.iter().any(|(_, status)| *status == 200), "it was accepted before");
            let after: Vec<u16> = tokens.iter().filter(|(begun, _)| *begun >= answered).map(|(_, status)| *status).collect();
            assert!(!after.is_empty() && after.iter().all(|status| *status != 200), "{after:?}");
        }
        set_enabled(&server, true).await;
        // failed authentications of a client are limited
        server.clock.advance(time::Duration::minutes(2));
    }
}

/// Asks for tokens without a pause; gives when each request was begun, and its status.
async fn hammer(server: &TestServer, stop: &AtomicBool) -> Vec<(Instant, u16)> {
    let form = [("grant_type", "client_credentials"), ("scope", "@myorg.is/documents:read")];
    let mut answers = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let answer = token(server, Credentials::of("@myorg.is/worker"), &form).await;
        answers.push((begun, answer.status));
        if answer.status != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    answers
}

/// The edit of `ias apply`, answered as the command answers it.
async fn set_enabled(server: &TestServer, enabled: bool) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("worker.yaml");
    let text = format!(
        "clients:\n  - client_id: \"@myorg.is/worker\"\n    client_type: machine\n    display_name: {{is: Vélin}}\n    \
         scopes: [\"@myorg.is/documents:read\"]\n    secrets: [{{label: demo, value_env: WORKER_SECRET}}]\n    \
         enabled: {enabled}\n"
    );
    std::fs::write(&file, text).unwrap();
    let options = Options {
        environment: Environment::Development,
        now: Clock::System.now(),
        variables: &BTreeMap::new(),
        secret: &|_| Some(Secret::new(SECRET.to_owned())),
    };
    apply::apply(&server.app.pool, &file, options).await.unwrap();
    assert_eq!(await_nodes(&server.app.pool).await.unwrap().current, 2);
}

/// A lease that runs for so long, of a node that is not there.
async fn lease(owner: &PgPool, version: i64, seconds: f64) -> NodeId {
    let node = NodeId::new(Clock::System.now());
    sqlx::query("insert into nodes (id, version, lives_until) values ($1, $2, clock_timestamp() + make_interval(secs => $3))")
        .bind(node)
        .bind(version)
        .bind(seconds)
        .execute(owner)
        .await
        .unwrap();
    node
}

async fn lives_until(owner: &PgPool, node: NodeId) -> Option<OffsetDateTime> {
    sqlx::query_scalar("select lives_until from nodes where id = $1").bind(node).fetch_optional(owner).await.unwrap()
}

#[tokio::test]
async fn decision_f_an_edit_waits_for_a_silent_node_until_its_lease_has_run_out() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let version = edit(&owner).await;
    lease(&owner, version - 1, 1.2).await;
    let began = Instant::now();
    assert_eq!(await_nodes(&server.app.pool).await.unwrap().current, 1, "the silent node serves no more");
    let waited = began.elapsed();
    assert!(waited > Duration::from_secs(1) && waited < Duration::from_secs(4), "{waited:?}");
}

#[tokio::test]
async fn decision_f_a_node_that_is_behind_does_not_renew_its_lease() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let version = edit(&owner).await;
    server.app.confirm().await.unwrap();
    let node = lease(&owner, version - 1, 5.0).await;
    let before = lives_until(&owner, node).await;
    assert_eq!(nodes::confirm(&server.app.pool, node, version - 1, None).await.unwrap().version, version);
    assert_eq!(lives_until(&owner, node).await, before);
    nodes::confirm(&server.app.pool, node, version, None).await.unwrap();
    assert!(lives_until(&owner, node).await > before);
    assert_eq!(nodes::count_live(&server.app.pool, version).await.unwrap().behind, 0);
}

#[tokio::test]
async fn decision_f_a_node_that_could_not_confirm_for_long_asks_again_under_a_new_lease() {
    let server = TestServer::start().await;
    let fresh = ias::app::App::new(
        server.app.settings.clone(),
        server.app.clock.clone(),
        server.app.pool.clone(),
        server.app.metrics.clone(),
    );
    let (fresh, statements) = StatementCounter::watch(fresh).await;
    let node = fresh.unwrap().node;
    let confirmations = statements.texts().iter().filter(|text| text.contains("insert into nodes")).count();
    assert_eq!(confirmations, 2, "the first makes the lease under which the second looks");
    assert!(lives_until(&server.owner().await, node).await.is_some());
}

#[tokio::test]
async fn nodes_that_ended_without_a_word_are_forgotten() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let (dead, lately) = (lease(&owner, 0, -3601.0).await, lease(&owner, 0, -3500.0).await);
    // the server's own job may have been faster
    assert!(nodes::delete_dead(&server.app.pool).await.unwrap() <= 1);
    assert_eq!((lives_until(&owner, dead).await, lives_until(&owner, lately).await.is_some()), (None, true));
}

/// What `App::reload` says of itself. 2,000 clients are read at once, with what a nation has beside them.
#[tokio::test]
async fn two_thousand_clients_are_read_soon_and_in_few_statements() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    sqlx::query(
        "with rows as (
            select to_jsonb(c) || jsonb_build_object('id', gen_random_uuid(), 'client_id', c.client_id || i) as row
            from clients c, generate_series(1, 250) i
        )
        insert into clients select (jsonb_populate_record(null::clients, row)).* from rows",
    )
    .execute(&owner)
    .await
    .unwrap();
    let mut took = Vec::new();
    for _ in 0..3 {
        let began = Instant::now();
        let (loaded, statements) = StatementCounter::watch(snapshot::load(&server.app.pool)).await;
        took.push(began.elapsed());
        assert!(loaded.unwrap().clients().count() >= 2000);
        assert!(statements.count() < 12, "{:?}", statements.texts());
    }
    println!("2,000 clients: {took:?}");
    assert!(took.iter().min() < Some(&Duration::from_secs(1)), "{took:?}");
}

#[tokio::test]
async fn ops_02_production_goes_on_with_what_stands_where_it_refuses_what_is_stored() {
    let server = TestServer::start().await;
    // a node of production over the configuration of a developer
    let production = server.second_node_with(|settings| settings.environment = Environment::Production).await;
    let owner = server.owner().await;
    let served = production.app.configuration().snapshot().version;
    let until = async |met: &dyn Fn() -> bool| {
        for _ in 0..200 {
            if met() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the node has not looked");
    };
    let version = edit(&owner).await;
    let live = await_nodes(&owner).await.unwrap();
    assert_eq!((live.current, live.refusing, live.behind), (1, 1, 0), "whoever edits is told");
    assert_eq!(production.app.configuration().snapshot().version, served, "what stands goes on");
    assert_eq!(production.app.impediment(), None);
    production.app.confirm().await.unwrap();
    let form = [("grant_type", "client_credentials"), ("scope", "@myorg.is/documents:read")];
    assert_eq!(token(&production, Credentials::of("@myorg.is/worker"), &form).await.status, 200);
    assert!(production.app.metrics.render().contains("ias_configuration_refused 1"));

    // what is void is void, whatever else is refused
    let now = Clock::System.now();
    sqlx::query("update configuration set not_before = $1").bind(now).execute(&owner).await.unwrap();
    let newer = edit(&owner).await;
    assert!(newer > version);
    let void = || {
        let configuration = production.app.configuration();
        let client = configuration.snapshot().client("@myorg.is/worker").unwrap().client.clone();
        configuration.snapshot().not_before(&client).unix_timestamp() == now.unix_timestamp()
    };
    until(&void).await;
    assert_eq!(production.app.configuration().snapshot().version, served);

    sqlx::query("update clients set enabled = false where client_id <> '@myorg.is/worker'").execute(&owner).await.unwrap();
    sqlx::query("update identity_providers set enabled = false").execute(&owner).await.unwrap();
    let good = edit(&owner).await;
    until(&|| production.app.configuration().snapshot().version == good).await;
    assert!(production.app.metrics.render().contains("ias_configuration_refused 0"));
}
