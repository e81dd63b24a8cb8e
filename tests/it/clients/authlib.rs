//! The Python library Authlib. The person is ours: the script says where the browser is to go, and is told where it came back.

use std::process::Stdio;

use ias::{
    config::environment::Environment,
    flows::admin::made_secrets::{self, OwnerName},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::Command,
};

use super::{Registered, folder, installed};
use crate::support::{person::Person, server::TestServer};

/// Of the virtual environment that `.ci/run` makes.
const PYTHON: &str = ".venv/bin/python";

#[tokio::test(flavor = "multi_thread")]
async fn the_python_library_authlib_signs_in_refreshes_introspects_and_revokes() {
    if installed(PYTHON).is_none() {
        return;
    }
    let server = TestServer::start().await;
    run(&Registered::at(&server, "@myorg.is/webapp"), "client_secret_post").await;
    // In the header the library does not encode the secret (RFC 6749 §2.3.1); ours need it not.
    let mut registered = Registered::at(&server, "@myorg.is/delegations");
    registered.client_secret = made_secret(&server, &registered.client_id).await;
    run(&registered, "client_secret_basic").await;
}

async fn made_secret(server: &TestServer, client_id: &str) -> String {
    let (pool, now) = (server.owner().await, server.app.clock.now());
    let owner = OwnerName { name: client_id, of_api_resource: false };
    let secret = made_secrets::add(&pool, Environment::Development, owner, "made", None, now).await.unwrap();
    server.app.confirm().await.unwrap();
    secret.expose().clone()
}

async fn run(registered: &Registered, client_auth: &str) {
    let mut script = Command::new(folder().join(PYTHON));
    script.arg(folder().join("authlib_client.py")).env("CLIENT_AUTH", client_auth).kill_on_drop(true);
    registered.tell(&mut script);
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = script.spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    // no line where it has failed: why stands in its last words
    if let Some(url) = lines.next_line().await.unwrap() {
        let mut person = Person::new().stopping_at(&registered.redirect_uri);
        let back = person.sign_in(url, &registered.phone_number).await;
        running.stdin.take().unwrap().write_all(format!("{back}\n").as_bytes()).await.unwrap();
    }
    let last = lines.next_line().await.unwrap();
    let ended = running.wait_with_output().await.unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(last, Some(format!("ok - Authlib completes the example with {client_auth}")));
}
