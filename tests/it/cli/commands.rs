//! The commands beside `serve`: migrate, apply, keys, doctor, the simulator.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{Node, Stage};
use crate::support::database::TestDatabase;

#[tokio::test(flavor = "multi_thread")]
async fn migrate_brings_the_schema_once_and_says_what_it_did() {
    let stage = Stage::over(TestDatabase::empty().await);
    let first = stage.run(&["migrate"]).await.prints();
    assert!(first.lines().filter(|line| line.starts_with("migrated 0")).count() > 1, "{first}");
    let second = stage.run(&["migrate"]).await.prints();
    assert_eq!(second, "the schema is that of this version\n");
    let doctor = stage.run(&["doctor"]).await.prints();
    assert!(doctor.contains("the configuration (version 0) is in order"), "{doctor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_needs_no_master_key_and_no_serving_address() {
    let mut stage = Stage::over(TestDatabase::empty().await);
    stage.set("IAS__KEYS__MASTER_KEY", None);
    stage.set("IAS__DATABASE__URL", None);
    stage.run(&["migrate"]).await.prints();
    stage.run(&["serve"]).await.refuses(&["database.url: is missing", "keys.master_key: is missing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_prints_what_became_of_each_thing() {
    let stage = Stage::new().await;
    let first = stage.apply_the_demo().await.prints();
    for (thing, times) in [("organisation", 3), ("client", 8), ("identity provider", 4)] {
        let lines = first.lines().filter(|line| line.starts_with(thing) && line.ends_with("  created")).count();
        assert_eq!(lines, times, "{thing}: {first}");
    }
    assert!(!first.contains(crate::support::server::SECRET), "{first}");
    let second = stage.apply_the_demo().await.prints();
    assert!(second.lines().all(|line| line.ends_with("  unchanged")), "nothing to wait for: {second}");
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_names_file_line_and_field_of_each_fault_and_changes_nothing() {
    let stage = Stage::new().await;
    let file = stage.write(
        "wrong.yaml",
        "organisations:\n  - domain: MyOrg\n    national_id: \"4099000019\"\n    display_name: {is: Stofnunin}\n    colour: blue\n",
    );
    let outcome = stage.run(&["apply", file.to_str().unwrap()]).await;
    outcome.refuses(&["wrong.yaml:2: organisations[0].domain: ", "wrong.yaml:5: organisations[0].colour"]);
    stage.run(&["apply", "nowhere"]).await.refuses(&["nowhere"]);
    let doctor = stage.run(&["doctor"]).await.prints();
    assert!(doctor.contains("the configuration (version 0) is in order"), "{doctor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_listed_and_rotated() {
    let mut stage = Stage::new().await;
    // the first start makes the first key
    let node = stage.serve().await;
    node.terminate();
    assert_eq!(node.end().await.0, Some(0));
    let first = stage.run(&["keys", "list"]).await.prints();
    assert!(first.lines().count() == 1 && first.contains("Signing"), "{first}");
    let kid = first.split_whitespace().next().unwrap().to_owned();
    let announced = stage.run(&["keys", "rotate"]).await.prints();
    assert!(announced.starts_with("announced ") && announced.contains("Announced"), "{announced}");
    assert!(announced.lines().any(|line| line.starts_with(&kid) && line.contains("Signing")), "{announced}");
    let at_once = stage.run(&["keys", "rotate", "--now"]).await.prints();
    // KEY-05: not before every node has read it
    let retires = |line: &str| !line.contains("retires -");
    assert!(at_once.lines().any(|line| line.starts_with(&kid) && line.contains("Signing") && retires(line)), "{at_once}");
    for times in ["  announced 20", "  signs from 20", "  retires 20", "  deleted -"] {
        assert!(at_once.contains(times), "{at_once}");
    }
    stage.run(&["keys", "revoke", "k1"]).await.refuses(&["there is no signing key `k1`; there are:", &kid]);
    // the newest is announced, or signs by now: either way another one has to sign at once
    let newest = at_once.lines().next().unwrap().strip_prefix("announced ").unwrap().to_owned();
    let revoked = stage.run(&["keys", "revoke", &newest]).await.prints();
    assert!(revoked.starts_with(&format!("revoked {newest}\n")) && revoked.contains(" signs from now on\n"), "{revoked}");
    assert!(revoked.lines().any(|line| line.starts_with(&newest) && line.contains("Revoked")), "{revoked}");
    let again = stage.run(&["keys", "revoke", &newest]).await.prints();
    assert!(again.starts_with(&format!("{newest} was revoked before\n")), "{again}");
    // another master key opens none of them
    stage.set("IAS__KEYS__MASTER_KEY", Some("0m4Q1yR8kz3VvXc7nT4bK1wY6uJ3sF5gD0pLqE7iA2o="));
    for command in ["serve", "doctor"] {
        stage.run(&[command]).await.refuses(&["does not open with the configured master key"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_rotated_is_in_the_jwks_of_a_running_server() {
    let mut stage = Stage::new().await;
    let node = stage.serve().await;
    let printed = stage.run(&["keys", "rotate"]).await.prints();
    let kid = printed.lines().next().unwrap().strip_prefix("announced ").unwrap().to_owned();
    assert!(printed.contains("the one node that serves has taken it over\n"), "{printed}");
    let jwks = format!("{}/.well-known/openid-configuration/jwks", node.issuer);
    assert!(reqwest::get(&jwks).await.unwrap().text().await.unwrap().contains(&kid));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_answered_when_every_node_has_taken_it_over_and_none_waits_for_one_that_stopped() {
    let mut stage = Stage::new().await;
    let nodes = [stage.serve().await, stage.serve().await];
    let first = stage.apply_the_demo().await.prints();
    assert!(first.ends_with("all 2 nodes that serve have taken it over\n"), "{first}");
    for node in nodes {
        let kids = reqwest::get(format!("{}/.well-known/openid-configuration", node.issuer)).await.unwrap();
        assert!(kids.text().await.unwrap().contains("@myorg.is/documents:read"));
        node.terminate();
        assert_eq!(node.end().await.0, Some(0));
    }
    let began = std::time::Instant::now();
    let rotated = stage.run(&["keys", "rotate"]).await.prints();
    assert!(rotated.contains("saved; no node is serving\n"), "{rotated}");
    assert!(began.elapsed() < Duration::from_secs(5), "their leases ended with them");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulator_runs_by_itself_and_stops() {
    let stage = Stage::new().await;
    let mut child = stage.command(&["eid-simulator", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = tokio::time::timeout(Duration::from_secs(20), lines.next_line()).await.unwrap().unwrap().unwrap();
    assert!(first.contains("HERMIR") && first.contains("prove nothing"), "{first}");
    let wire = lines.next_line().await.unwrap().unwrap();
    assert!(wire.starts_with("wire") && !wire.contains(":0/"), "the port that it has: {wire}");
    let id = i32::try_from(child.id().unwrap()).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGTERM).unwrap();
    let status = tokio::time::timeout(Duration::from_secs(10), child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_is_no_command_is_answered_with_those_that_there_are() {
    let stage = Stage::new().await;
    let outcome = stage.run(&["server"]).await;
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("serve"), "{}", outcome.stderr);
    let help = stage.run(&["--help"]).await.prints();
    for command in ["serve", "demo", "migrate", "apply", "secrets", "keys", "eid-simulator", "doctor"] {
        assert!(help.contains(command), "{help}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named() {
    let mut stage = Stage::new().await;
    let node: Node = stage.serve().await;
    stage.run(&["serve"]).await.refuses(&[&format!("cannot listen on 127.0.0.1:{}", node.port), "server.listen"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_blocked_and_what_was_given_is_cut_off() {
    let stage = Stage::new().await;
    stage.apply_the_demo().await.prints();
    stage.run(&["person", "unblock", "010130-2989"]).await.refuses(&["nobody of this national id is blocked"]);
    // also somebody who never signed in
    let said = stage.run(&["person", "block", "010130-2989"]).await.prints();
    assert!(said.starts_with("blocked:") && !said.contains("2989"), "{said}");
    stage.run(&["person", "unblock", "0101302989"]).await.prints();
    stage.run(&["person", "block", "12345"]).await.refuses(&["a national id has ten digits"]);
    stage.run(&["not-before", "person", "0101307789"]).await.refuses(&["nobody of this national id has ever signed in"]);
    stage.run(&["not-before", "client", "webapp"]).await.refuses(&["no client `webapp`", "@domain/name"]);
    let said = stage.run(&["not-before", "client", "@myorg.is/webapp", "--at", "2026-01-02T03:04:05Z"]).await.prints();
    assert_eq!(said, "what was given by authentications before 2026-01-02T03:04:05Z is void\nsaved; no node is serving\n");
    stage.run(&["not-before", "everybody"]).await.prints();
    stage.run(&["not-before", "everybody", "--at", "2126-01-02T03:04:05Z"]).await.refuses(&["still to come"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_closed_and_opened_and_no_output_repeats_it() {
    let mut stage = Stage::new().await;
    // the first start makes the keys
    let _node = stage.serve().await;
    let restrict = ["person", "restrict", "010130-2989", "--phone-number", "010 2989", "--until"];
    let of = |day: &'static str| [&restrict[..], &[day]].concat();
    stage.run(&of("2020-01-01")).await.refuses(&["a day that is still to come"]);
    assert_eq!(stage.run(&of("tomorrow")).await.code, Some(2));
    stage.run(&["person", "lift-restriction", "0101302989"]).await.refuses(&["this person has closed no number"]);
    let said = stage.run(&of("2126-12-24")).await.prints();
    assert!(said.starts_with("closed:") && !said.contains("2989"), "{said}");
    stage.run(&["person", "lift-restriction", "0101302989"]).await.prints();
    let wrong = ["person", "restrict", "0101302989", "--phone-number", "12", "--until", "2126-12-24"];
    stage.run(&wrong).await.refuses(&["a phone number has seven digits"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_is_not_opened_without_a_reason() {
    let mut stage = Stage::new().await;
    let _node = stage.serve().await;
    let id = "01a207e3-f4d8-7e10-95e7-bdf9df7f9723";
    assert_eq!(stage.run(&["evidence", id]).await.code, Some(2), "a reason is asked for");
    stage.run(&["evidence", id, "--reason", " "]).await.refuses(&["say in at most 200 characters why"]);
    stage.run(&["evidence", id, "--reason", "case 7"]).await.refuses(&["nothing is kept"]);
}
