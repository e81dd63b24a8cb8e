//! What a client may be granted for a person who acts for themself. Authorize and the consent page ask the same question.

use crate::{
    model::{
        client::Client,
        scope::{OFFLINE_ACCESS, OPENID, PROFILE},
    },
    protocol::authorize::AuthorizeRequest,
    store::snapshot::Snapshot,
};

/// Whether the client may ask for the scope: identity scopes are open to every client that people sign in to, an API's scope
/// needs to exist and to be granted (AUT-04).
pub fn is_allowed(snapshot: &Snapshot, client: &Client, name: &str) -> bool {
    match name {
        OPENID | PROFILE | OFFLINE_ACCESS => true,
        name => {
            client.scopes.iter().any(|granted| granted == name)
                && snapshot.scope(name).is_some_and(|scope| scope.grant_to_authenticated_user)
        }
    }
}

/// What the request can be granted, in the order in which it asked. `offline_access` is dropped as long as there are no refresh
/// tokens (CON-05).
pub fn granted_scope(snapshot: &Snapshot, client: &Client, request: &AuthorizeRequest) -> Vec<String> {
    request
        .scope
        .iter()
        .filter(|name| *name != OFFLINE_ACCESS && is_allowed(snapshot, client, name))
        .map(ToOwned::to_owned)
        .collect()
}
