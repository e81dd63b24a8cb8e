//! How we prove to a provider's token endpoint who we are: RFC 6749 §2.3.1, RFC 7523 §2.2, OpenID Connect Core §9.

use std::{fmt, fs, path::Path};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256},
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use time::{Duration, OffsetDateTime};

use super::provider::Provider;
use crate::{
    base::{
        digest::{base64, base64url},
        entropy,
        secret::Secret,
    },
    model::identity_provider::{AssertionAudience, OidcClientAuthentication, RsaSignature},
    outbound::eid::{EidError, EidErrorKind, error::DriverFault},
    protocol::{
        client_assertion::{self, ASSERTION_TYPE, NewAssertion},
        client_keys::AssertionAlgorithm,
        jwt,
    },
};

/// An assertion lives so long; it is used at once.
const ASSERTION_TTL: Duration = Duration::minutes(1);

/// Our proof, ready to be used.
#[derive(Debug)]
pub(super) enum Authentication {
    PrivateKeyJwt { key: SigningKey, key_id: Option<String>, audience: AssertionAudience },
    Basic(Secret<String>),
    Post(Secret<String>),
}

/// A private key and how it signs.
pub(super) enum SigningKey {
    Rsa(Box<rsa::KeyPair>, RsaSignature),
    Ec(EcdsaKeyPair),
}

/// What a request to the token endpoint carries beside the grant.
#[derive(Default)]
pub(super) struct Proof {
    pub(super) fields: Vec<(&'static str, Secret<String>)>,
    pub(super) authorization: Option<Secret<String>>,
}

impl Authentication {
    /// Reads the secret from its folder.
    pub(super) fn new(settings: &OidcClientAuthentication, folder: Option<&Path>) -> Result<Self, DriverFault> {
        let name = settings.secret();
        let unusable = |why: &'static str| DriverFault::Secret { name: name.to_owned(), why };
        // a name, never a way out of the folder
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.starts_with('.') || !name.bytes().all(plain) {
            return Err(unusable("it is not a file's name"));
        }
        let folder = folder.ok_or_else(|| unusable("sign_in.secrets_dir is not set"))?;
        let text = fs::read_to_string(folder.join(name)).map(Secret::new);
        let text = text.map_err(|_| unusable("the file cannot be read"))?;
        let line = || Some(Secret::new(text.expose().trim().to_owned())).filter(|secret| !secret.expose().is_empty());
        Ok(match settings {
            OidcClientAuthentication::PrivateKeyJwt { key_id, algorithm, audience, .. } => Self::PrivateKeyJwt {
                key: SigningKey::read(text.expose(), *algorithm)
                    .ok_or_else(|| unusable("the file is no PKCS#8 PEM of an RSA or EC P-256 key"))?,
                key_id: key_id.clone(),
                audience: *audience,
            },
            OidcClientAuthentication::ClientSecretBasic { .. } => {
                Self::Basic(line().ok_or_else(|| unusable("the file is empty"))?)
            }
            OidcClientAuthentication::ClientSecretPost { .. } => {
                Self::Post(line().ok_or_else(|| unusable("the file is empty"))?)
            }
        })
    }

    /// The proof for one request.
    pub(super) fn prove(
        &self,
        client_id: &str,
        provider: &Provider,
        token_endpoint: &str,
        now: OffsetDateTime,
    ) -> Result<Proof, EidError> {
        Ok(match self {
            Self::Basic(secret) => {
                // RFC 6749 §2.3.1: both form-encoded first
                let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = Secret::new(format!("{}:{}", encoded(client_id), encoded(secret.expose())));
                Proof { authorization: Some(Secret::new(format!("Basic {}", base64(pair.expose())))), ..Proof::default() }
            }
            Self::Post(secret) => Proof {
                fields: vec![("client_id", Secret::new(client_id.to_owned())), ("client_secret", secret.clone())],
                ..Proof::default()
            },
            Self::PrivateKeyJwt { key, key_id, audience } => {
                let aud = match audience {
                    AssertionAudience::Issuer => &provider.issuer,
                    AssertionAudience::TokenEndpoint => token_endpoint,
                };
                let assertion = key.assertion(client_id, aud, key_id.as_deref(), now)?;
                Proof {
                    fields: vec![
                        ("client_id", Secret::new(client_id.to_owned())),
                        ("client_assertion_type", Secret::new(ASSERTION_TYPE.to_owned())),
                        ("client_assertion", Secret::new(assertion)),
                    ],
                    ..Proof::default()
                }
            }
        })
    }
}

impl SigningKey {
    fn read(pem: &str, algorithm: RsaSignature) -> Option<Self> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).ok()?;
        let der = der.secret_pkcs8_der();
        if let Ok(pair) = rsa::KeyPair::from_pkcs8(der) {
            return Some(Self::Rsa(Box::new(pair), algorithm));
        }
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok().map(Self::Ec)
    }

    fn assertion(&self, client_id: &str, aud: &str, key_id: Option<&str>, now: OffsetDateTime) -> Result<String, EidError> {
        let claims = NewAssertion {
            iss: client_id,
            sub: client_id,
            aud,
            jti: base64url(entropy::bytes::<16>()),
            iat: now.unix_timestamp(),
            exp: (now + ASSERTION_TTL).unix_timestamp(),
        };
        let algorithm = match self {
            Self::Rsa(_, RsaSignature::Ps256) => AssertionAlgorithm::Ps256,
            Self::Rsa(_, RsaSignature::Rs256) => AssertionAlgorithm::Rs256,
            Self::Ec(_) => AssertionAlgorithm::Es256,
        };
        let input = client_assertion::signing_input(algorithm, key_id, &claims);
        let random = SystemRandom::new();
        let signed = match self {
            Self::Rsa(pair, algorithm) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding = match algorithm {
                    RsaSignature::Ps256 => &RSA_PSS_SHA256,
                    RsaSignature::Rs256 => &RSA_PKCS1_SHA256,
                };
                pair.sign(padding, &random, input.as_bytes(), &mut signature).map(|()| signature)
            }
            Self::Ec(pair) => pair.sign(&random, input.as_bytes()).map(|signature| signature.as_ref().to_vec()),
        };
        let signature = signed.map_err(|_| EidErrorKind::ProviderConfig.because("our key for the provider does not sign"))?;
        Ok(jwt::finish(&input, &signature))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa(..) => "SigningKey(Rsa)",
            Self::Ec(_) => "SigningKey(Ec)",
        })
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::{AsDer, Pkcs8V1Der},
        rsa::{KeyPair, KeySize},
        signature::KeyPair as _,
    };
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::{
        model::environment::Environment,
        outbound::client::OutboundClient,
        protocol::{client_assertion::ClientAssertion, client_keys::ClientJwks},
    };

    const NOW: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);
    const ENDPOINT: &str = "https://broker.example.is/token";

    fn provider() -> Provider {
        let http = OutboundClient::pinned("").expect("a client");
        Provider::new("https://broker.example.is", http, Environment::Production).expect("a provider")
    }

    fn read(settings: serde_json::Value, files: &[(&str, &str)]) -> Result<Authentication, DriverFault> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("a file");
        }
        let settings = serde_json::from_value(settings).expect("settings");
        Authentication::new(&settings, Some(folder.path()))
    }

    fn pem(der: &[u8]) -> String {
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", base64(der))
    }

    fn proof(authentication: &Authentication) -> Proof {
        authentication.prove("ias client", &provider(), ENDPOINT, NOW).expect("a proof")
    }

    fn field<'a>(proof: &'a Proof, name: &str) -> Option<&'a str> {
        proof.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value.expose().as_str())
    }

    #[test]
    fn a_secret_is_encoded_in_the_header_and_plain_in_the_body() {
        let files = [("broker", "s+cret%/:\n")];
        let basic = proof(&read(json!({"method": "client_secret_basic", "secret": "broker"}), &files).expect("read"));
        let expected = format!("Basic {}", base64("ias+client:s%2Bcret%25%2F%3A"));
        assert_eq!(basic.authorization.as_ref().map(|value| value.expose().clone()), Some(expected), "RFC 6749 §2.3.1");
        assert!(basic.fields.is_empty());
        let post = proof(&read(json!({"method": "client_secret_post", "secret": "broker"}), &files).expect("read"));
        assert_eq!((field(&post, "client_id"), field(&post, "client_secret")), (Some("ias client"), Some("s+cret%/:")));
        assert!(post.authorization.is_none());
    }

    #[test]
    fn an_assertion_is_what_we_ourselves_would_accept() {
        let rsa = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der: Pkcs8V1Der<'_> = AsDer::as_der(&rsa).expect("DER");
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let ec_der = ec.to_pkcs8v1().expect("DER");
        let (public, point) = (rsa.public_key(), ec.public_key().as_ref());
        let keys = ClientJwks::parse(&json!({ "keys": [
            { "kty": "RSA", "kid": "rsa", "n": base64url(public.modulus().big_endian_without_leading_zero()), "e": "AQAB" },
            { "kty": "EC", "kid": "ec", "crv": "P-256", "x": base64url(&point[1..33]), "y": base64url(&point[33..]) },
        ] }))
        .expect("keys");
        let files = [("rsa.pem", &*pem(der.as_ref())), ("ec.pem", &*pem(ec_der.as_ref()))];
        for (more, algorithm, audience) in [
            (json!({"secret": "rsa.pem", "key_id": "rsa"}), AssertionAlgorithm::Rs256, "https://broker.example.is"),
            (
                json!({"secret": "rsa.pem", "key_id": "rsa", "algorithm": "PS256"}),
                AssertionAlgorithm::Ps256,
                "https://broker.example.is",
            ),
            (json!({"secret": "ec.pem", "key_id": "ec", "audience": "token_endpoint"}), AssertionAlgorithm::Es256, ENDPOINT),
            (json!({"secret": "ec.pem"}), AssertionAlgorithm::Es256, "https://broker.example.is"),
        ] {
            let mut settings = more;
            settings["method"] = "private_key_jwt".into();
            let authentication = read(settings, &files).expect("read");
            assert!(!format!("{authentication:?}").contains("PRIVATE"));
            let (one, two) = (proof(&authentication), proof(&authentication));
            assert_eq!(field(&one, "client_assertion_type"), Some(ASSERTION_TYPE));
            let assertion = ClientAssertion::parse(field(&one, "client_assertion").expect("an assertion")).expect("reads");
            assertion.judge(audience, NOW).expect("CAU-10");
            assertion.verify(assertion.key(&keys, &[algorithm]).expect("a key")).expect("its signature");
            assert_eq!(assertion.client_id(), "ias client");
            assert_ne!(field(&one, "client_assertion"), field(&two, "client_assertion"), "each has a jti of its own");
        }
    }

    #[test]
    fn a_secret_that_is_not_there_or_none_is_refused_by_its_name_alone() {
        let refused = |settings, files: &[(&str, &str)]| read(settings, files).expect_err("no secret").to_string();
        let basic = |name: &str| json!({"method": "client_secret_basic", "secret": name});
        let missing = refused(basic("broker"), &[]);
        assert_eq!(missing, "the secret broker cannot be used: the file cannot be read");
        assert!(refused(basic("broker"), &[("broker", " \n")]).contains("empty"));
        for name in ["", "..", "../broker", "/etc/passwd", ".broker"] {
            assert!(refused(basic(name), &[]).contains("not a file's name"), "{name}");
        }
        let key = json!({"method": "private_key_jwt", "secret": "key.pem"});
        let shown = refused(key, &[("key.pem", "-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n")]);
        assert!(shown.contains("PKCS#8") && !shown.contains("aGVsbG8"), "{shown}");
        let settings = serde_json::from_value(basic("broker")).expect("settings");
        let unset = Authentication::new(&settings, None).expect_err("no folder").to_string();
        assert!(unset.contains("sign_in.secrets_dir"), "{unset}");
    }
}
