//! The spine: a person signs in with an electronic ID, and an application gets its tokens, as outside clients see it.

use crate::{
    clients::{Example, openid_client_completes, the_openidconnect_crate_completes},
    support::server::{PHONE, SECRET, TestServer},
};

fn example(server: &TestServer, client_id: &str) -> Example {
    Example {
        issuer: server.issuer.clone(),
        client_id: client_id.to_owned(),
        client_secret: SECRET.to_owned(),
        redirect_uri: "https://app.myorg.is/oauth/callback".to_owned(),
        post_logout_redirect_uri: "https://myorg.is".to_owned(),
        scopes: ["profile", "@myorg.is/documents:read", "@myorg.is/documents:write"].map(ToOwned::to_owned).to_vec(),
        phone_number: PHONE.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openidconnect_crate_completes_the_seeds_example() {
    let server = TestServer::start().await;
    the_openidconnect_crate_completes(&example(&server, "@myorg.is/delegations")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_library_openid_client_completes_it_by_basic_and_by_post() {
    let server = TestServer::start().await;
    for (client_id, method) in [("@myorg.is/webapp", "client_secret_post"), ("@myorg.is/delegations", "client_secret_basic")] {
        openid_client_completes(&example(&server, client_id), method).await;
    }
}
