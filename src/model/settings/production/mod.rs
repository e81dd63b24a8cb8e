//! What production refuses, all of it in one place (OPS-02, RED-07, TOK-01, eid.md §12): judged before a server starts, at every
//! reload of the stored configuration, when such a row would be saved, and by `ias doctor`.
//!
//! The rules of the settings alone are in `config/production.rs`, where settings are read; what only a signature can show (a
//! simulated certificate, a test person) is refused where signatures are verified.

pub mod certificates;
pub mod hosts;
pub mod providers;

use super::{
    brokers,
    client::{check_addresses, check_lifetimes},
    client_keys::check_jwks_uri,
    fields::Faults,
};
use crate::{
    config::{self, Settings, sign_in::SignIn},
    model::{
        client::RegisteredClient,
        environment::Environment::{self, Production},
        identity_provider::IdentityProvider,
    },
};

/// A server with what it would serve.
#[derive(Clone, Debug)]
pub struct Installation<'a> {
    /// of the node
    pub settings: &'a Settings,
    /// whether the binary holds the simulator and the demo
    pub has_demo: bool,
    /// to which environment the database belongs; none while it belongs to none
    pub database: Option<Environment>,
    /// enabled clients
    pub clients: Vec<&'a RegisteredClient>,
    /// enabled identity providers
    pub providers: Vec<&'a IdentityProvider>,
}

/// Everything for which production refuses the installation (eid.md §12), each in one line; empty where it may serve real people.
pub fn violations(installation: &Installation<'_>) -> Vec<String> {
    let mut found = config::production::check(installation.settings);
    found.extend(config::production::check_build(installation.has_demo));
    // eid.md §12.10
    found.extend(
        installation.database.filter(|theirs| *theirs != Production).map(|theirs| other_environment(theirs, Production)),
    );
    let clients = installation.clients.iter().copied();
    found.extend(faults(clients, installation.providers.iter().copied(), &installation.settings.sign_in));
    found
}

/// eid.md §12.10: a database that was filled for one environment is not served as another.
pub fn other_environment(theirs: Environment, ours: Environment) -> String {
    format!("the database belongs to the environment {}, not to {}", theirs.as_str(), ours.as_str())
}

/// The part that a reload can change: everything in these rows that a server in production does not serve. `pinned` are its
/// settings, which name the authorities and upstream providers that may be believed.
pub fn faults<'a>(
    clients: impl IntoIterator<Item = &'a RegisteredClient>,
    providers: impl IntoIterator<Item = &'a IdentityProvider>,
    pinned: &SignIn,
) -> Vec<String> {
    let of_clients = clients.into_iter().flat_map(|registered| {
        let mut faults = Faults::default();
        check_addresses(&mut faults, &registered.client, &registered.organisation.domain, Production);
        check_lifetimes(&mut faults, &registered.client, Production);
        check_jwks_uri(&mut faults, &registered.client, Production);
        lines(&format!("client {}", registered.client.client_id), faults)
    });
    let providers: Vec<&IdentityProvider> = providers.into_iter().collect();
    let of_providers = providers.iter().enumerate().flat_map(|(index, provider)| {
        let mut faults = Faults::default();
        providers::check(&mut faults, &provider.driver, Some(pinned));
        for why in providers[..index].iter().filter_map(|other| brokers::confusion(provider, other)) {
            faults.add("driver", why);
        }
        lines(&format!("identity provider {}", provider.name), faults)
    });
    of_clients.chain(of_providers).collect()
}

fn lines(owner: &str, faults: Faults) -> Vec<String> {
    faults.into_vec().into_iter().map(|fault| format!("{owner}: {}: {}", fault.field, fault.message)).collect()
}

#[cfg(test)]
mod tests;
