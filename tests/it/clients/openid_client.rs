//! The certified library `openid-client` for Node, with every way to authenticate that it and we know.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use ias::base::digest::{base64, base64url};
use serde_json::{Value, json};
use tokio::process::Command;

use super::{Registered, folder, installed};
use crate::support::server::{TestServer, configure, simulator};

#[tokio::test(flavor = "multi_thread")]
async fn the_node_library_openid_client_signs_in_refreshes_introspects_and_revokes() {
    if installed("node_modules/openid-client").is_none() {
        return;
    }
    let server = TestServer::start().await;
    for (client_id, method) in [("@myorg.is/webapp", "client_secret_post"), ("@myorg.is/delegations", "client_secret_basic")] {
        run(&Registered::at(&server, client_id), |script| script.env("CLIENT_AUTH", method)).await;
    }
    let (private, public) = key();
    register_signer(&server, &public).await;
    let signer = Registered::at(&server, "@myorg.is/signer");
    run(&signer, |script| script.env("CLIENT_AUTH", "private_key_jwt").env("CLIENT_KEY", private).env_remove("CLIENT_SECRET"))
        .await;
}

async fn run(registered: &Registered, more: impl FnOnce(&mut Command) -> &mut Command) {
    let mut script = Command::new("node");
    script.arg(folder().join("openid_client.mjs"));
    registered.tell(&mut script);
    let run = more(&mut script).output().await.expect("node, where its packages are");
    let (out, error) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{out}{error}");
}

/// A private key in PKCS #8, and its public half.
fn key() -> (String, Value) {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
    let point = pair.public_key().as_ref();
    let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
    (base64(pkcs8.as_ref()), json!({ "kty": "EC", "crv": "P-256", "kid": "k", "x": x, "y": y }))
}

async fn register_signer(server: &TestServer, public: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let client = json!({
        "client_id": "@myorg.is/signer",
        "client_type": "web",
        "display_name": { "is": "Undirritandi" },
        "redirect_uris": ["https://app.myorg.is/oauth/callback"],
        "post_logout_redirect_uris": ["https://myorg.is"],
        "scopes": ["@myorg.is/documents:read", "@myorg.is/documents:write"],
        "allow_offline_access": true,
        "jwks": { "keys": [public] },
    });
    // what is JSON is YAML, too
    std::fs::write(folder.path().join("signer.yaml"), json!({ "clients": [client] }).to_string()).unwrap();
    let simulator = simulator().await;
    configure(&server.owner().await, folder.path(), &simulator.url, &simulator.simulator).await;
    server.app.confirm().await.unwrap();
}
