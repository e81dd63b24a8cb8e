//! Outside clients: they know the server by its issuer alone, and do against it what its documentation promises. Each does the same:
//! signs a person in, refreshes, asks about its tokens, gives them back, and is refused from then on.

mod authlib;
pub mod example_application;
mod openid_client;
mod openidconnect;

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use tokio::process::Command;

use crate::support::server::{PHONE, SECRET, TestServer};

/// A client as it is registered, and the person who signs in.
#[derive(Clone, Debug)]
struct Registered {
    /// The address of the server, which is its issuer.
    issuer: String,
    client_id: String,
    client_secret: String,
    /// Nobody needs to listen there.
    redirect_uri: String,
    /// Nobody needs to listen there, either.
    post_logout_redirect_uri: String,
    /// All that is asked for.
    scopes: String,
    /// A person whose simulated phone approves by itself.
    phone_number: String,
}

impl Registered {
    fn at(server: &TestServer, client_id: &str) -> Self {
        Self {
            issuer: server.issuer.clone(),
            client_id: client_id.to_owned(),
            client_secret: SECRET.to_owned(),
            redirect_uri: "https://app.myorg.is/oauth/callback".to_owned(),
            post_logout_redirect_uri: "https://myorg.is".to_owned(),
            scopes: "openid profile offline_access @myorg.is/documents:read @myorg.is/documents:write".to_owned(),
            phone_number: PHONE.to_owned(),
        }
    }

    /// A program that is told all of it by its environment.
    fn tell(&self, program: &mut Command) {
        program
            .env("ISSUER", &self.issuer)
            .env("CLIENT_ID", &self.client_id)
            .env("CLIENT_SECRET", &self.client_secret)
            .env("REDIRECT_URI", &self.redirect_uri)
            .env("POST_LOGOUT_REDIRECT_URI", &self.post_logout_redirect_uri)
            .env("SCOPES", &self.scopes)
            .env("PHONE_NUMBER", &self.phone_number);
    }
}

/// A file of `tests/clients`, or none where `.ci/run` has not installed what it belongs to.
fn installed(file: &str) -> Option<PathBuf> {
    let path = folder().join(file);
    if !path.exists() {
        // past the capture of what tests that succeed print
        drop(writeln!(io::stderr(), "left out: {} is not there; .ci/run installs it", path.display()));
        return None;
    }
    Some(path)
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}
