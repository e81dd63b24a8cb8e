//! What production does not serve (OPS-02, RED-07, TOK-01, eid.md §12): asked before the server starts, and the same rules as
//! when such a row would be saved.

use super::{
    client::{check_addresses, check_lifetimes},
    client_keys::check_jwks_uri,
    fields::Faults,
    identity_provider::check_in_production,
};
use crate::model::{client::RegisteredClient, environment::Environment::Production, identity_provider::IdentityProvider};

/// Everything in these rows for which a server in production refuses to start, each in one line.
pub fn faults<'a>(
    clients: impl IntoIterator<Item = &'a RegisteredClient>,
    providers: impl IntoIterator<Item = &'a IdentityProvider>,
) -> Vec<String> {
    let of_clients = clients.into_iter().flat_map(|registered| {
        let mut faults = Faults::default();
        check_addresses(&mut faults, &registered.client, &registered.organisation.domain, Production);
        check_lifetimes(&mut faults, &registered.client, Production);
        check_jwks_uri(&mut faults, &registered.client, Production);
        lines(&format!("client {}", registered.client.client_id), faults)
    });
    let of_providers = providers.into_iter().flat_map(|provider| {
        let mut faults = Faults::default();
        check_in_production(&mut faults, &provider.driver);
        lines(&format!("identity provider {}", provider.name), faults)
    });
    of_clients.chain(of_providers).collect()
}

fn lines(owner: &str, faults: Faults) -> Vec<String> {
    faults.into_vec().into_iter().map(|fault| format!("{owner}: {}: {}", fault.field, fault.message)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{
            id::{ClientRowId, IdentityProviderRowId},
            text::LocalizedText,
        },
        model::{
            client::ClientType,
            environment::Environment,
            identity_provider::{DriverSettings, IdentityProviderKind, MobileIdSettings},
            settings::{
                client::{Surroundings, parse},
                client_input::ClientInput,
                identity_provider::tests::settings,
                organisation::tests::myorg,
            },
        },
    };

    fn client(change: impl FnOnce(&mut ClientInput)) -> RegisteredClient {
        let mut input = ClientInput {
            client_id: "@myorg.is/webapp".into(),
            client_type: Some(ClientType::Web),
            display_name: LocalizedText { is: "Vefurinn minn".into(), en: None },
            redirect_uris: vec!["https://app.myorg.is/cb".into()],
            ..ClientInput::default()
        };
        change(&mut input);
        let organisation = myorg();
        let around =
            Surroundings { organisation: &organisation, environment: Environment::Development, scope_exists: &|_| true };
        let client = parse(input, ClientRowId(uuid::Uuid::nil()), &around).expect("development allows it");
        RegisteredClient { client, organisation, secrets: Vec::new() }
    }

    fn provider(settings: MobileIdSettings) -> IdentityProvider {
        IdentityProvider {
            id: IdentityProviderRowId(uuid::Uuid::nil()),
            organisation_id: None,
            name: "sim".into(),
            kind: IdentityProviderKind::Sim,
            driver: DriverSettings::MobileId(settings),
            acr: "eidas-loa-high".into(),
            amr: vec!["hwk".into()],
            enabled: true,
            display_order: 0,
            display_name: None,
        }
    }

    #[test]
    fn production_starts_with_rows_that_it_may_serve() {
        assert_eq!(faults(&[client(|_| {})], &[provider(settings(Environment::Production))]), [""; 0]);
    }

    #[test]
    fn production_does_not_start_with_what_only_development_may_serve_ops_02() {
        type Change = fn(&mut ClientInput);
        let table: [(Change, &str); 6] = [
            (|i| i.redirect_uris.push("https://*.dev.myorg.is/cb".into()), "client @myorg.is/webapp: redirect_uris[1]: "),
            (|i| i.redirect_uris.push("http://localhost:8072/cb".into()), "client @myorg.is/webapp: redirect_uris[1]: "),
            (|i| i.initiate_login_uri = Some("http://localhost/login".into()), "client @myorg.is/webapp: initiate_login_uri: "),
            (|i| i.access_token_ttl = Some(301), "client @myorg.is/webapp: access_token_ttl: "),
            (|i| i.id_token_ttl = Some(301), "client @myorg.is/webapp: id_token_ttl: "),
            (|i| i.jwks_uri = Some("http://localhost:8443/jwks".into()), "client @myorg.is/webapp: jwks_uri: "),
        ];
        for (change, expected) in table {
            let found = faults(&[client(change)], &[]);
            assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
        }
        let found = faults(&[], &[provider(settings(Environment::Development))]);
        assert!(found.iter().any(|line| line.starts_with("identity provider sim: driver.mobile_id.base_url: ")), "{found:?}");
        assert!(found.iter().any(|line| line.contains("test authority") && line.contains("HERMIR")), "{found:?}");
    }
}
