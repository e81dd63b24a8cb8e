//! What a provider publishes: its metadata (OpenID Connect Discovery 1.0 §4) and its keys, both kept in memory.

use std::{sync::Arc, time::Duration as Timeout};

use serde::Deserialize;
use time::{Duration, OffsetDateTime};
use url::{Host, Url};

use crate::{
    model::environment::Environment,
    outbound::{
        client::{OutboundClient, OutboundError},
        client_jwks,
        eid::{EidError, EidErrorKind, address, error::DriverFault},
        kept::{Kept, Terms},
    },
    protocol::client_keys::{ClientJwks, KeysFault},
};

/// SSR-03
pub(super) const TIMEOUT: Timeout = Timeout::from_secs(5);

const WELL_KNOWN: &str = "/.well-known/openid-configuration";
const METADATA_TERMS: Terms = Terms { fresh: Duration::hours(1), usable: Duration::hours(24), pause: Duration::seconds(5) };

/// A provider, and what is known of it.
#[derive(Debug)]
pub(super) struct Provider {
    /// letter for letter as it was configured
    pub(super) issuer: String,
    pub(super) http: OutboundClient,
    environment: Environment,
    metadata: Arc<Kept<Metadata>>,
    keys: Arc<Kept<ClientJwks>>,
}

/// Where a provider's endpoints are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    pub(super) userinfo_endpoint: Option<Url>,
    pub(super) jwks_uri: Url,
    /// RFC 9207 §3: its answers always say whose they are
    pub(super) names_itself: bool,
}

/// Why a document of a provider is of no use. For the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum DocumentFault {
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("the document is not JSON as it should be")]
    Syntax,
    #[error("the metadata is another issuer's")]
    Issuer,
    #[error("{0} is not an address that may be asked")]
    Address(&'static str),
    #[error("the key set {0}")]
    Keys(#[from] KeysFault),
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: Option<String>,
    jwks_uri: String,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Provider {
    pub(super) fn new(issuer: &str, http: OutboundClient, environment: Environment) -> Result<Self, DriverFault> {
        let url = address::parse("issuer", issuer, environment)?;
        if !is_safe(&url, environment) {
            return Err(DriverFault::TestAddress("issuer"));
        }
        let (metadata, keys) = (Arc::new(Kept::new(METADATA_TERMS)), Arc::new(Kept::new(client_jwks::TERMS)));
        Ok(Self { issuer: issuer.to_owned(), http, environment, metadata, keys })
    }

    /// Where its endpoints are.
    pub(super) async fn metadata(&self, now: OffsetDateTime) -> Result<Arc<Metadata>, EidError> {
        let (http, issuer, environment) = (self.http.clone(), self.issuer.clone(), self.environment);
        let fetching = async move {
            let place = format!("{}{WELL_KNOWN}", issuer.trim_end_matches('/'));
            let place = Url::parse(&place).map_err(|_| DocumentFault::Address("issuer"))?;
            read_metadata(&http.get_json(place, TIMEOUT).await?, &issuer, environment)
        };
        let known = self.metadata.get(now, &self.issuer, |_| true, fetching).await;
        known.ok_or_else(|| EidErrorKind::ProviderUnavailable.said("no_metadata"))
    }

    /// Its keys; asked for once more where they lack the one that is needed (SSR-05).
    pub(super) async fn keys(
        &self,
        metadata: &Metadata,
        now: OffsetDateTime,
        has_key: impl Fn(&ClientJwks) -> bool,
    ) -> Result<Arc<ClientJwks>, EidError> {
        let (http, place) = (self.http.clone(), metadata.jwks_uri.clone());
        let fetching = async move {
            let document = serde_json::from_slice(&http.get_json(place, TIMEOUT).await?);
            ClientJwks::parse(&document.map_err(|_| DocumentFault::Syntax)?).map_err(DocumentFault::from)
        };
        let known = self.keys.get(now, &self.issuer, has_key, fetching).await;
        known.ok_or_else(|| EidErrorKind::ProviderUnavailable.said("no_keys"))
    }
}

fn read_metadata(body: &[u8], issuer: &str, environment: Environment) -> Result<Metadata, DocumentFault> {
    let document: Document = serde_json::from_slice(body).map_err(|_| DocumentFault::Syntax)?;
    // Discovery §4.3: exactly, or somebody else speaks for it
    if document.issuer != issuer {
        return Err(DocumentFault::Issuer);
    }
    let endpoint = |name: &'static str, text: &str| {
        Url::parse(text).ok().filter(|url| is_safe(url, environment)).ok_or(DocumentFault::Address(name))
    };
    Ok(Metadata {
        authorization_endpoint: endpoint("authorization_endpoint", &document.authorization_endpoint)?,
        token_endpoint: endpoint("token_endpoint", &document.token_endpoint)?,
        userinfo_endpoint: document.userinfo_endpoint.map(|text| endpoint("userinfo_endpoint", &text)).transpose()?,
        jwks_uri: endpoint("jwks_uri", &document.jwks_uri)?,
        names_itself: document.authorization_response_iss_parameter_supported,
    })
}

/// https, or a developer's own machine; in production a public host (eid.md §12.2).
fn is_safe(url: &Url, environment: Environment) -> bool {
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    let private = match url.scheme() {
        "https" => true,
        "http" => environment == Environment::Development && is_loopback,
        _ => false,
    };
    plain && private && (environment != Environment::Production || address::is_public(url))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{super::super::mutation::answers, *};
    use crate::protocol::client_keys::AssertionAlgorithm;

    const ISSUER: &str = "https://broker.example.is/sso";

    fn document(changes: &[(&str, Value)]) -> Vec<u8> {
        let mut document = json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://broker.example.is/authorize?p=sign-in",
            "token_endpoint": "https://broker.example.is/token",
            "jwks_uri": "https://keys.example.is/jwks",
            "response_types_supported": ["code"],
        });
        for (name, value) in changes {
            document[*name] = value.clone();
        }
        document.to_string().into_bytes()
    }

    fn read(changes: &[(&str, Value)], environment: Environment) -> Result<Metadata, String> {
        read_metadata(&document(changes), ISSUER, environment).map_err(|fault| fault.to_string())
    }

    #[test]
    fn metadata_is_its_own_issuers_letter_for_letter() {
        assert!(read(&[], Environment::Production).is_ok_and(|metadata| !metadata.names_itself));
        for other in ["https://broker.example.is/sso/", "https://broker.example.is", "https://BROKER.example.is/sso"] {
            assert_eq!(read(&[("issuer", json!(other))], Environment::Development), Err(DocumentFault::Issuer.to_string()));
        }
        assert_eq!(read(&[("token_endpoint", json!(1))], Environment::Staging), Err(DocumentFault::Syntax.to_string()));
    }

    #[test]
    fn ssr_01_endpoints_are_https_or_on_a_developers_machine() {
        let refused = |text: &str, environment| read(&[("token_endpoint", json!(text))], environment).is_err();
        assert!(!refused("http://localhost:8090/token", Environment::Development));
        assert!(!refused("http://127.0.0.1:8090/token", Environment::Development));
        for text in [
            "http://broker.example.is/token",
            "https://a:b@broker.example.is/",
            "https://broker.example.is/#a",
            "file:///token",
        ] {
            assert!(refused(text, Environment::Development), "{text}");
        }
        assert!(refused("http://localhost:8090/token", Environment::Staging));
        for text in ["https://localhost/token", "https://10.0.0.1/token", "https://broker/token", "https://broker.test/token"] {
            assert!(!refused(text, Environment::Staging) && refused(text, Environment::Production), "{text}");
        }
    }

    const JWKS: &[u8] = include_bytes!("../../../../tests/corpus/eid/oidc_jwks.json");
    const METADATA: &[u8] = include_bytes!("../../../../tests/corpus/eid/oidc_metadata.json");

    #[test]
    fn the_sample_is_a_set_of_keys() {
        let keys = ClientJwks::parse(&serde_json::from_slice(JWKS).expect("JSON")).expect("keys");
        assert!(keys.has_key_for(AssertionAlgorithm::Es256) && !keys.has_key_for(AssertionAlgorithm::Rs256));
    }

    proptest! {
        #[test]
        fn no_set_of_keys_makes_the_reader_panic_or_leaves_nothing_to_verify_with(body in answers(JWKS)) {
            if let Ok(keys) = serde_json::from_slice(&body).map_err(drop).and_then(|set| ClientJwks::parse(&set).map_err(drop)) {
                prop_assert!(keys.has_key_for(AssertionAlgorithm::Es256), "the sample's one key");
            }
        }

        #[test]
        fn ssr_01_no_document_makes_the_reader_panic_or_leads_away_from_https(body in answers(METADATA)) {
            if let Ok(metadata) = read_metadata(&body, ISSUER, Environment::Production) {
                let named = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
                prop_assert!(named.into_iter().chain(&metadata.userinfo_endpoint).all(|url| url.scheme() == "https"));
            }
        }
    }
}
