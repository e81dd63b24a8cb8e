//! What a client's settings accept and refuse.

use super::*;
use crate::{
    base::text::LocalizedText,
    model::{client::RefreshTokenExpiration, settings::organisation::tests::myorg},
    protocol::client_keys::AssertionAlgorithm,
};

fn input(client_type: ClientType) -> ClientInput {
    let redirect_uri = match client_type {
        ClientType::Web => Some("https://app.myorg.is/oauth/callback"),
        ClientType::Native => Some("is.myorg.app:/oauth/callback"),
        ClientType::Machine => None,
    };
    ClientInput {
        client_id: "@myorg.is/webapp".into(),
        client_type: Some(client_type),
        display_name: LocalizedText { is: "Vefurinn minn".into(), en: None },
        redirect_uris: redirect_uri.into_iter().map(ToOwned::to_owned).collect(),
        ..ClientInput::default()
    }
}

/// With algorithms left at their default, which does not have this key's.
fn ed25519() -> serde_json::Value {
    serde_json::json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] })
}

fn private(mut jwks: serde_json::Value) -> serde_json::Value {
    jwks["keys"][0]["d"] = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A".into();
    jwks
}

fn parsed(input: ClientInput, environment: Environment) -> Result<Client, Vec<FieldError>> {
    let exists = |name: &str| name == "@myorg.is/documents:read";
    let around = Surroundings { organisation: &myorg(), environment, scope_exists: &exists };
    parse(input, ClientRowId(uuid::Uuid::nil()), &around)
}

fn fields_of(input: ClientInput, environment: Environment) -> Vec<String> {
    parsed(input, environment).err().unwrap_or_default().into_iter().map(|fault| fault.field).collect()
}

fn changed(client_type: ClientType, change: impl FnOnce(&mut ClientInput)) -> ClientInput {
    let mut input = input(client_type);
    change(&mut input);
    input
}

#[test]
fn the_seeds_example_gets_the_defaults_of_a_web_client() {
    let client = parsed(input(ClientType::Web), Environment::Production).expect("it is valid");
    assert_eq!(client.grant_types, [GrantType::AuthorizationCode]);
    assert_eq!(client.token_endpoint_auth_method, TokenEndpointAuthMethod::ClientSecretBasic);
    assert!(client.require_pkce && client.allow_offline_access && client.enabled && client.sso);
    assert_eq!((client.inactive_refresh_token_ttl, client.absolute_refresh_token_ttl), (1200, 28_800));
    assert_eq!((client.access_token_ttl, client.id_token_ttl, client.authorization_code_ttl), (300, 300, 60));
    assert_eq!(client.refresh_token_expiration, RefreshTokenExpiration::Sliding);
    assert_eq!(client.allowed_acr, ["eidas-loa-high"]);
}

#[test]
fn native_and_machine_clients_get_their_own_defaults() {
    let native = parsed(input(ClientType::Native), Environment::Production).expect("it is valid");
    assert_eq!(native.token_endpoint_auth_method, TokenEndpointAuthMethod::None);
    assert!(native.require_pkce);
    assert_eq!((native.inactive_refresh_token_ttl, native.absolute_refresh_token_ttl), (7_776_000, 31_536_000));
    let machine = parsed(input(ClientType::Machine), Environment::Production).expect("it is valid");
    assert_eq!(machine.grant_types, [GrantType::ClientCredentials]);
    assert!(!machine.allow_offline_access && !machine.require_pkce);
}

#[test]
fn a_short_absolute_lifetime_bounds_the_default_inactive_one() {
    let input = changed(ClientType::Web, |input| input.absolute_refresh_token_ttl = Some(600));
    assert_eq!(parsed(input, Environment::Production).expect("it is valid").inactive_refresh_token_ttl, 600);
}

#[test]
fn each_rule_names_the_field_that_breaks_it() {
    use ClientType::{Machine, Native, Web};
    type Change = fn(&mut ClientInput);
    let table: &[(ClientType, Change, &[&str])] = &[
        (Web, |i| i.client_type = None, &["client_type"]),
        (Web, |i| i.client_id = "webapp".into(), &["client_id"]),
        (Web, |i| i.display_name.is = String::new(), &["display_name.is"]),
        (Web, |i| i.description = Some("<b>".into()), &["description"]),
        (Web, |i| i.redirect_uris.clear(), &["redirect_uris"]),
        (Web, |i| i.redirect_uris.push("https://app.myorg.is/#x".into()), &["redirect_uris[1]"]),
        (Web, |i| i.redirect_uris.push("https://app.myorg.is/oauth/callback".into()), &["redirect_uris[1]"]),
        (Web, |i| i.redirect_uris.push("is.myorg.app:/cb".into()), &["redirect_uris[1]"]),
        (Web, |i| i.redirect_uris.push("http://127.0.0.1/cb".into()), &["redirect_uris[1]"]),
        (Web, |i| i.post_logout_redirect_uris.push("https://*.dev.myorg.is".into()), &["post_logout_redirect_uris[0]"]),
        (Web, |i| i.initiate_login_uri = Some("app.myorg.is/login".into()), &["initiate_login_uri"]),
        (Web, |i| i.scopes.push("@myorg.is/documents:write".into()), &["scopes[0]"]),
        (Web, |i| i.scopes.push("openid".into()), &["scopes[0]"]),
        (Web, |i| i.grant_types = Some(vec![]), &["grant_types"]),
        (Web, |i| i.grant_types = Some(vec![GrantType::AuthorizationCode, GrantType::ClientCredentials]), &["grant_types[1]"]),
        (Web, |i| i.token_endpoint_auth_method = Some(TokenEndpointAuthMethod::None), &["token_endpoint_auth_method"]),
        (Web, |i| i.allowed_acr = Some(vec![]), &["allowed_acr"]),
        (Web, |i| i.allowed_acr = Some(vec!["high!".into()]), &["allowed_acr[0]"]),
        (Web, |i| i.access_token_ttl = Some(0), &["access_token_ttl"]),
        (Web, |i| i.authorization_code_ttl = Some(61), &["authorization_code_ttl"]),
        (Web, |i| i.inactive_refresh_token_ttl = Some(28_801), &["inactive_refresh_token_ttl"]),
        (Web, |i| i.absolute_refresh_token_ttl = Some(YEAR + 1), &["absolute_refresh_token_ttl"]),
        (Web, |i| i.consent_ttl = Some(0), &["consent_ttl"]),
        (Web, |i| drop(i.client_claims.insert("a-b".into(), "x".into())), &["client_claims.a-b"]),
        (Native, |i| i.require_pkce = Some(false), &["require_pkce"]),
        (Native, |i| i.grant_types = Some(vec![GrantType::AuthorizationCode, GrantType::TokenExchange]), &["grant_types[1]"]),
        (
            Native,
            |i| i.token_endpoint_auth_method = Some(TokenEndpointAuthMethod::ClientSecretPost),
            &["token_endpoint_auth_method"],
        ),
        (Machine, |i| i.jwks_uri = Some("https://app.myorg.is/jwks".into()), &[]),
        (Machine, |i| i.jwks_uri = Some("https://10.0.0.1/jwks".into()), &["jwks_uri"]),
        (Machine, |i| i.jwks_uri = Some("http://localhost:8443/jwks".into()), &["jwks_uri"]),
        (Machine, |i| i.jwks = Some(ed25519()), &["jwks"]),
        (Machine, |i| i.jwks = Some(serde_json::json!({})), &["jwks"]),
        (Machine, |i| i.jwks = Some(private(ed25519())), &["jwks.keys[0]"]),
        (
            Machine,
            |i| (i.jwks, i.jwks_uri) = (Some(ed25519()), Some("https://app.myorg.is/jwks".into())),
            &["jwks_uri", "jwks"],
        ),
        (Machine, |i| i.token_endpoint_auth_method = Some(TokenEndpointAuthMethod::PrivateKeyJwt), &["jwks"]),
        (
            Machine,
            |i| (i.jwks, i.token_endpoint_auth_signing_alg) = (Some(ed25519()), Some(vec![AssertionAlgorithm::Es256])),
            &["jwks"],
        ),
        (
            Machine,
            |i| (i.jwks, i.token_endpoint_auth_signing_alg) = (Some(ed25519()), Some(vec![])),
            &["token_endpoint_auth_signing_alg"],
        ),
        (
            Web,
            |i| i.token_endpoint_auth_signing_alg = Some(vec![AssertionAlgorithm::Es256]),
            &["token_endpoint_auth_signing_alg"],
        ),
        (
            Web,
            |i| {
                i.token_endpoint_auth_method = Some(TokenEndpointAuthMethod::ClientSecretPost);
                i.jwks = Some(ed25519());
            },
            &["jwks"],
        ),
        (Native, |i| i.jwks = Some(ed25519()), &["jwks"]),
        (Machine, |i| i.redirect_uris.push("https://app.myorg.is/cb".into()), &["redirect_uris"]),
        (Machine, |i| i.allow_offline_access = Some(true), &["allow_offline_access"]),
        (Machine, |i| i.scopes.push("offline_access".into()), &["scopes[0]"]),
        (Machine, |i| i.supported_delegations.push(crate::model::client::DelegationType::Custom), &["supported_delegations"]),
    ];
    for (index, (client_type, change, fields)) in table.iter().enumerate() {
        assert_eq!(fields_of(changed(*client_type, change), Environment::Staging), *fields, "row {index}");
    }
}

#[test]
fn the_wildcard_of_the_seed_works_outside_production_only_red_07() {
    let wild = || changed(ClientType::Web, |input| input.redirect_uris = vec!["https://*.dev.myorg.is/cb".into()]);
    assert!(parsed(wild(), Environment::Staging).is_ok());
    assert!(parsed(wild(), Environment::Development).is_ok());
    assert_eq!(fields_of(wild(), Environment::Production), ["redirect_uris[0]"]);
}

#[test]
fn http_on_localhost_is_for_web_clients_in_development_d15() {
    let local = || changed(ClientType::Web, |input| input.redirect_uris = vec!["http://localhost:8072/cb".into()]);
    assert!(parsed(local(), Environment::Development).is_ok());
    assert_eq!(fields_of(local(), Environment::Staging), ["redirect_uris[0]"]);
    assert_eq!(fields_of(local(), Environment::Production), ["redirect_uris[0]"]);
}

#[test]
fn an_access_token_lives_five_minutes_or_less_in_production_tok_01() {
    let long = |seconds| changed(ClientType::Web, move |input| input.access_token_ttl = Some(seconds));
    assert!(parsed(long(300), Environment::Production).is_ok());
    assert_eq!(fields_of(long(301), Environment::Production), ["access_token_ttl"]);
    assert!(parsed(long(3600), Environment::Staging).is_ok());
    assert_eq!(fields_of(long(3601), Environment::Development), ["access_token_ttl"]);
}
