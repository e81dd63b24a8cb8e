//! What a client may be granted for a person who acts for themself. Authorize and the consent page ask the same question.

use crate::{
    model::{
        client::{Client, ClientType},
        scope::{OFFLINE_ACCESS, OPENID, PROFILE},
    },
    protocol::authorize::AuthorizeRequest,
    store::snapshot::Snapshot,
};

/// Whether the client may ask for the scope: identity scopes are open to every client that people sign in to, an API's scope
/// needs to exist and to be granted (AUT-04).
pub fn is_allowed(snapshot: &Snapshot, client: &Client, name: &str) -> bool {
    match name {
        OPENID | PROFILE => true,
        OFFLINE_ACCESS => client.allow_offline_access,
        name => {
            client.scopes.iter().any(|granted| granted == name)
                && snapshot.scope(name).is_some_and(|scope| scope.grant_to_authenticated_user)
        }
    }
}

/// Whether a machine may have the scope for itself (CC-01).
pub fn is_allowed_to_machine(snapshot: &Snapshot, client: &Client, name: &str) -> bool {
    client.scopes.iter().any(|granted| granted == name) && snapshot.scope(name).is_some()
}

/// What the request can be granted, in the order in which it asked. `offline_access` is dropped where the client may not have it
/// (CON-05), and where the redirect URI is one of a wildcard (RED-08).
pub fn granted_scope(snapshot: &Snapshot, client: &Client, request: &AuthorizeRequest) -> Vec<String> {
    request
        .scope
        .iter()
        .filter(|name| is_allowed(snapshot, client, name))
        .filter(|name| *name != OFFLINE_ACCESS || !is_of_wildcard(client, &request.redirect_uri))
        .map(ToOwned::to_owned)
        .collect()
}

/// Only web clients have wildcards; what is not registered literally was matched by one.
fn is_of_wildcard(client: &Client, redirect_uri: &str) -> bool {
    client.client_type == ClientType::Web && client.redirect_uris.iter().all(|registered| registered != redirect_uri)
}
