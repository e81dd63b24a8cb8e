//! `ias secrets`: what is made works on a running server within a second, and what is removed does not.

use std::time::Duration;

use super::{Node, Stage};
use crate::support::tokens::{basic, http};

const WORKER: &str = "@myorg.is/worker";

/// The status of a machine's request with this secret.
async fn once(node: &Node, secret: &str) -> u16 {
    let form = [("grant_type", "client_credentials"), ("scope", "@myorg.is/documents:read")];
    let request = http().post(format!("{}/connect/token", node.issuer)).header("authorization", basic(WORKER, secret));
    request.form(&form).send().await.unwrap().status().as_u16()
}

/// Whether the secret works before two seconds are over.
async fn comes_to_work(node: &Node, secret: &str) -> bool {
    // fewer than the failures after which an address waits
    for _ in 0..15 {
        if once(node, secret).await == 200 {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn cau_07_a_secret_is_shown_once_works_within_a_second_and_ends_when_it_is_removed() {
    let mut stage = Stage::new().await;
    stage.apply_the_demo().await.prints();
    let node = stage.serve().await;
    let made = stage.run(&["secrets", "add", WORKER, "--label", "second", "--expires-in", "30"]).await.prints();
    let secret = made.trim_end();
    assert!(secret.starts_with("ias_cs_") && made.lines().count() == 1, "a line that a script can take");
    assert!(comes_to_work(&node, secret).await);
    let listed = stage.run(&["secrets", "list", WORKER]).await.prints();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.lines().any(|line| line.starts_with("second  made ") && line.ends_with("last used -")), "{listed}");
    assert!(!listed.contains(secret), "{listed}");
    stage.run(&["secrets", "remove", WORKER, "--label", "second"]).await.prints();
    // decision F: what the command took away is gone when it ends
    assert_eq!(once(&node, secret).await, 401);
    let api = ["secrets", "add", "@otherorg.is/cases-api", "--api-resource", "--label", "second"];
    assert!(stage.run(&api).await.prints().starts_with("ias_cs_"));
    stage
        .run(&["secrets", "add", "@myorg.is/nobody", "--label", "a"])
        .await
        .refuses(&["there is no client `@myorg.is/nobody`"]);
    stage.run(&["secrets", "remove", WORKER, "--label", "second"]).await.refuses(&["there is no secret `second`"]);
}
