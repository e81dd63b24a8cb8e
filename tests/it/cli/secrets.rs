//! `ias secrets`: what is made works on a running server within a second, and what is removed does not.

use std::time::Duration;

use super::{Node, Stage};
use crate::support::tokens::{basic, http};

const WORKER: &str = "@myorg.is/worker";

/// The status of a machine's request with this secret, once it is `expected` or two seconds are over.
async fn status(node: &Node, secret: &str, expected: u16) -> u16 {
    let form = [("grant_type", "client_credentials"), ("scope", "@myorg.is/documents:read")];
    let mut last = 0;
    // fewer than the failures after which an address waits
    for _ in 0..15 {
        let request = http().post(format!("{}/connect/token", node.issuer)).header("authorization", basic(WORKER, secret));
        last = request.form(&form).send().await.unwrap().status().as_u16();
        if last == expected {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn cau_07_a_secret_is_shown_once_works_within_a_second_and_ends_when_it_is_removed() {
    let mut stage = Stage::new().await;
    stage.apply_the_demo().await.prints();
    let node = stage.serve().await;
    let made = stage.run(&["secrets", "add", WORKER, "--label", "second", "--expires-in", "30"]).await.prints();
    let secret = made.trim_end();
    assert!(secret.starts_with("ias_cs_") && made.lines().count() == 1, "a line that a script can take");
    assert_eq!(status(&node, secret, 200).await, 200);
    let listed = stage.run(&["secrets", "list", WORKER]).await.prints();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.lines().any(|line| line.starts_with("second  made ") && line.ends_with("last used -")), "{listed}");
    assert!(!listed.contains(secret), "{listed}");
    stage.run(&["secrets", "remove", WORKER, "--label", "second"]).await.prints();
    assert_eq!(status(&node, secret, 401).await, 401);
    let api = ["secrets", "add", "@otherorg.is/cases-api", "--api-resource", "--label", "second"];
    assert!(stage.run(&api).await.prints().starts_with("ias_cs_"));
    stage
        .run(&["secrets", "add", "@myorg.is/nobody", "--label", "a"])
        .await
        .refuses(&["there is no client `@myorg.is/nobody`"]);
    stage.run(&["secrets", "remove", WORKER, "--label", "second"]).await.refuses(&["there is no secret `second`"]);
}
