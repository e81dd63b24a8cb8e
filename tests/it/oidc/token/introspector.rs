//! Who may ask about tokens: confidential clients and API resources, each with its own secrets (RFC 7662 §2.1, CAU-03, INS-01).

use std::net::{IpAddr, Ipv4Addr};

use ias::{
    base::{digest, secret::Secret},
    flows::authenticate_client::{Credentials, Introspector, Proof, authenticate_introspector},
    jobs::mark_secret_uses,
};
use time::{Duration, OffsetDateTime};

use crate::support::{
    server::{SECRET, TestServer},
    tokens::change,
};

const API: &str = "@otherorg.is/cases-api";
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Who that is, or the status of the refusal.
async fn who(server: &TestServer, name: &str, proof: Proof) -> Result<String, u16> {
    let credentials = Credentials { client_id: name.to_owned(), proof };
    match authenticate_introspector(&server.app, &credentials, ADDRESS, server.app.clock.now()).await {
        Ok(Introspector::Client(client)) => Ok(format!("client {}", client.client.client_id)),
        Ok(Introspector::ApiResource(api)) => Ok(format!("api resource {}", api.resource.name)),
        Err(error) => Err(error.refusal.status),
    }
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[tokio::test]
async fn ins_01_clients_and_api_resources_prove_who_asks() {
    let server = TestServer::start().await;
    let api = Ok(format!("api resource {API}"));
    assert_eq!(who(&server, API, Proof::Basic(secret(SECRET))).await, api);
    assert_eq!(who(&server, API, Proof::Post(secret(SECRET))).await, api, "either way");
    let worker = Ok("client @myorg.is/worker".to_owned());
    assert_eq!(who(&server, "@myorg.is/worker", Proof::Basic(secret(SECRET))).await, worker);
    for (name, proof) in [
        (API, Proof::Basic(secret("wrong"))),
        (API, Proof::Nothing),
        ("@otherorg.is/no-api", Proof::Basic(secret(SECRET))),
        // a client's registered method alone
        ("@myorg.is/worker", Proof::Post(secret(SECRET))),
        // a public client proves nothing
        ("@myorg.is/app", Proof::Nothing),
        ("@myorg.is/app", Proof::Basic(secret(SECRET))),
    ] {
        assert_eq!(who(&server, name, proof).await, Err(401), "{name}");
    }
    change(&server, "update api_resources set enabled = false where name = '@otherorg.is/cases-api'").await;
    assert_eq!(who(&server, API, Proof::Basic(secret(SECRET))).await, Err(401), "disabled");
}

#[tokio::test]
async fn cau_03_where_a_client_and_an_api_resource_bear_one_name_the_secret_decides() {
    let server = TestServer::start().await;
    change(&server, "update clients set client_id = '@otherorg.is/cases-api' where client_id = '@myorg.is/worker'").await;
    let client = Ok(format!("client {API}"));
    assert_eq!(who(&server, API, Proof::Basic(secret(SECRET))).await, client, "both have it");
    assert_eq!(who(&server, API, Proof::Post(secret(SECRET))).await, Ok(format!("api resource {API}")), "by its method");
    let own = "the-secret-of-the-api-alone-which-its-namesake-does-not-have";
    sqlx::query("update api_resource_secrets set sha256 = $1")
        .bind(digest::sha256(&[own.as_bytes()]))
        .execute(&server.owner().await)
        .await
        .unwrap();
    change(&server, "update clients set version = version").await;
    assert_eq!(who(&server, API, Proof::Basic(secret(own))).await, Ok(format!("api resource {API}")));
    assert_eq!(who(&server, API, Proof::Basic(secret(SECRET))).await, client);
}

#[tokio::test]
async fn cau_09_the_secrets_of_an_api_resource_expire_and_show_their_last_use() {
    let server = TestServer::start().await;
    let (owner, now) = (server.owner().await, server.app.clock.now());
    let end = now + Duration::hours(1);
    sqlx::query("update api_resource_secrets set expires_at = $1").bind(end).execute(&owner).await.unwrap();
    change(&server, "update clients set version = version").await;
    let used = async || {
        mark_secret_uses::run_once(server.app.clone()).await.unwrap();
        let uses = "select max(last_used_at) from api_resource_secrets";
        sqlx::query_scalar::<_, Option<OffsetDateTime>>(uses).fetch_one(&owner).await.unwrap()
    };
    assert!(who(&server, API, Proof::Basic(secret("wrong"))).await.is_err());
    assert_eq!(used().await, None);
    assert!(who(&server, API, Proof::Basic(secret(SECRET))).await.is_ok());
    assert_eq!(used().await, Some(now));
    server.clock.advance(Duration::hours(1));
    assert_eq!(who(&server, API, Proof::Basic(secret(SECRET))).await, Err(401));
    assert_eq!(used().await, Some(now));
}

#[tokio::test]
async fn rat_03_failures_of_an_api_resource_are_counted_too() {
    let server = TestServer::start().await;
    for _ in 0..20 {
        assert_eq!(who(&server, API, Proof::Basic(secret("wrong"))).await, Err(401));
    }
    assert_eq!(who(&server, API, Proof::Basic(secret(SECRET))).await, Err(429));
    server.clock.advance(Duration::seconds(5));
    assert!(who(&server, API, Proof::Basic(secret(SECRET))).await.is_ok());
}
