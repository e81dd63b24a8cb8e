//! Keys of clients: exactly one source where the method is private_key_jwt, and what their address may be (CAU-10, SSR-01).

use serde_json::Value;
use url::{Host, Url};

use super::fields::{Faults, check_unique};
use crate::{
    model::{
        client::{Client, TokenEndpointAuthMethod},
        environment::Environment,
    },
    protocol::client_keys::ClientJwks,
};

const LONGEST_ADDRESS: usize = 2048;

/// The set, or what is wrong with which key.
pub(super) fn parse_jwks(faults: &mut Faults, document: &Value) -> Option<ClientJwks> {
    let fault = match ClientJwks::parse(document) {
        Ok(jwks) => return Some(jwks),
        Err(fault) => fault,
    };
    let field = fault.index().map_or_else(|| "jwks".to_owned(), |index| format!("jwks.keys[{index}]"));
    faults.add(field, fault.to_string());
    None
}

/// Keys where the method needs them, and nowhere else. `jwks_said`: whether there was a set, readable or not.
pub(super) fn check(faults: &mut Faults, client: &Client, jwks_said: bool, environment: Environment) {
    let algorithms = &client.token_endpoint_auth_signing_alg;
    if client.token_endpoint_auth_method != TokenEndpointAuthMethod::PrivateKeyJwt {
        for (field, said) in [
            ("jwks", jwks_said),
            ("jwks_uri", client.jwks_uri.is_some()),
            ("token_endpoint_auth_signing_alg", !algorithms.is_empty()),
        ] {
            if said {
                faults.add(field, "is for clients whose token_endpoint_auth_method is private_key_jwt");
            }
        }
        return;
    }
    match (jwks_said, client.jwks_uri.is_some()) {
        (false, false) => faults.add("jwks", "private_key_jwt needs the client's public keys: jwks or jwks_uri"),
        (true, true) => faults.add("jwks_uri", "a client has either jwks or jwks_uri"),
        _ => {}
    }
    check_unique(faults, "token_endpoint_auth_signing_alg", algorithms);
    if algorithms.is_empty() {
        faults.add("token_endpoint_auth_signing_alg", "is empty; leave it out for PS256, ES256 and RS256");
    } else if let Some(jwks) = &client.jwks
        && !algorithms.iter().any(|&algorithm| jwks.has_key_for(algorithm))
    {
        faults.add("jwks", "holds no key for an algorithm of token_endpoint_auth_signing_alg");
    }
    check_jwks_uri(faults, client, environment);
}

/// SSR-01: an address that we will ask. What it leads to is looked at each time that we do.
pub(super) fn check_jwks_uri(faults: &mut Faults, client: &Client, environment: Environment) {
    let Some(uri) = &client.jwks_uri else { return };
    let local = environment == Environment::Development && is_local(uri);
    if !local && !is_fetchable(uri) {
        let message = "is not https:// with a host name on the internet, port 443, and no user, fragment or address in figures";
        faults.add("jwks_uri", format!("`{uri}` {message}"));
    }
}

fn is_fetchable(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    let named = matches!(url.host(), Some(Host::Domain(name)) if name.trim_end_matches('.').contains('.'));
    named && url.scheme() == "https" && url.port().is_none() && is_plain(uri, &url)
}

// D15, for keys as for redirect URIs; whether it is asked, the setting `outbound.allowed_hosts` decides
fn is_local(uri: &str) -> bool {
    let is_loopback = |url: &Url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    Url::parse(uri).is_ok_and(|url| is_loopback(&url) && matches!(url.scheme(), "http" | "https") && is_plain(uri, &url))
}

fn is_plain(uri: &str, url: &Url) -> bool {
    let graphic = uri.bytes().all(|byte| byte.is_ascii_graphic());
    graphic && uri.len() <= LONGEST_ADDRESS && url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssr_01_an_address_of_keys_is_https_on_a_host_name_and_nothing_else() {
        for good in ["https://app.myorg.is/jwks", "https://myorg.is/.well-known/jwks.json?v=1", "https://myorg.is:443/"] {
            assert!(is_fetchable(good), "{good}");
        }
        for bad in [
            "http://app.myorg.is/jwks",
            "https://app.myorg.is:8443/jwks",
            "https://192.0.2.1/jwks",
            "https://2130706433/jwks",
            "https://0x7f.1/jwks",
            "https://[2001:db8::1]/jwks",
            "https://user@app.myorg.is/jwks",
            "https://user:word@app.myorg.is/jwks",
            "https://app.myorg.is/jwks#a",
            "https://app.myorg.is/j wks",
            "https://localhost/jwks",
            "https://jwks",
            "ftp://app.myorg.is/jwks",
            "file:///etc/passwd",
            "app.myorg.is/jwks",
            "",
        ] {
            assert!(!is_fetchable(bad), "{bad}");
        }
        assert!(!is_fetchable(&format!("https://app.myorg.is/{}", "a".repeat(2048))));
        assert!(is_local("http://localhost:8080/jwks") && is_local("https://localhost/jwks"));
        assert!(
            !is_local("http://localhost.myorg.is/jwks") && !is_local("http://a@localhost/") && !is_local("ftp://localhost/")
        );
    }
}
