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
