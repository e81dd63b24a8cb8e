//! Signatures over a digest that we made: RSA (PKCS#1 v1.5 and PSS), ECDSA on P-256 and P-384, and on P-521 for the tokens of
//! cards (eid.md §2.3, §4.3, X5-04).

use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, ParsedPublicKey};
use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPublicKey};
use sha2::{Digest, Sha256, Sha384, Sha512};
use signature::hazmat::PrehashVerifier;
use x509_parser::{public_key::PublicKey as ParsedKey, x509::SubjectPublicKeyInfo};

/// RSA keys in use reach from 2048 bits (the least that is accepted) to 6144.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Object identifiers of the curves.
const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";
const P521: &str = "1.3.132.0.35";

/// A hash function that a signature may be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// The name that providers use.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA256",
            Self::Sha384 => "SHA384",
            Self::Sha512 => "SHA512",
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The hash of the parts, one after the other.
    pub(super) fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Sha256 => digest::<Sha256>(parts),
            Self::Sha384 => digest::<Sha384>(parts),
            Self::Sha512 => digest::<Sha512>(parts),
        }
    }
}

fn digest<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().fold(D::new(), Digest::chain_update).finalize().to_vec()
}

/// How a provider says that it has signed, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AlgorithmName {
    /// `SHA256WithRSAEncryption`, in any case (eid.md §2.3)
    Certificate(String),
    /// `ES384` (RFC 7518 §3.1), which names the curve as well (eid.md §4.3)
    Jws(String),
}

impl AlgorithmName {
    /// The name alone.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Certificate(name) | Self::Jws(name) => name,
        }
    }

    /// What it means, where it is in the allow list.
    fn read(&self) -> Option<(Family, Hash)> {
        match self {
            Self::Certificate(name) => algorithm_named(name),
            Self::Jws(name) => jws_algorithm_named(name),
        }
    }
}

/// A public key that is strong enough.
#[derive(Debug)]
pub(super) enum PublicKey {
    Rsa(RsaPublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    /// signs tokens of cards (`ES512`), nothing else
    P521(ParsedPublicKey),
}

/// Not a key that may sign for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RSA key of 2048 to 8192 bits nor a key on P-256, P-384 or P-521")]
pub(super) struct UnacceptableKey;

/// The signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignatureFault {
    #[error("the signature algorithm is not in the allow list")]
    Algorithm,
    #[error("the signature is over another hash than the one asked for")]
    Hash,
    #[error("the signature algorithm does not fit the certificate's key")]
    KeyType,
    #[error("the signature is not over our challenge by the certificate's key")]
    Invalid,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Rsa,
    RsaPss,
    EllipticCurve,
}

impl PublicKey {
    /// Takes the key of a certificate.
    pub(super) fn from_spki(spki: &SubjectPublicKeyInfo<'_>) -> Result<Self, UnacceptableKey> {
        match spki.parsed().map_err(|_| UnacceptableKey)? {
            ParsedKey::RSA(key) => {
                let (n, e) = (BigUint::from_bytes_be(key.modulus), BigUint::from_bytes_be(key.exponent));
                let key = RsaPublicKey::new_with_max_size(n, e, *RSA_BITS.end()).map_err(|_| UnacceptableKey)?;
                let bits = rsa::traits::PublicKeyParts::n(&key).bits();
                RSA_BITS.contains(&bits).then_some(Self::Rsa(key)).ok_or(UnacceptableKey)
            }
            ParsedKey::EC(point) => {
                let curve = spki.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
                let point = point.data();
                match curve.ok_or(UnacceptableKey)?.to_id_string().as_str() {
                    P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(point).ok().map(Self::P256),
                    P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(point).ok().map(Self::P384),
                    P521 => ParsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point).ok().map(Self::P521),
                    _ => None,
                }
                .ok_or(UnacceptableKey)
            }
            _ => Err(UnacceptableKey),
        }
    }

    /// Whether `signature` is this key's over `digest`, which is a hash of the kind that we asked for; `algorithm` is what the
    /// provider says of it and must agree.
    pub(super) fn verify(
        &self,
        algorithm: &AlgorithmName,
        asked: Hash,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureFault> {
        let (family, hash) = algorithm.read().ok_or(SignatureFault::Algorithm)?;
        if hash != asked || digest.len() != asked.bytes() {
            return Err(SignatureFault::Hash);
        }
        if matches!(algorithm, AlgorithmName::Jws(_)) && !self.is_on_the_curve_of(hash) {
            return Err(SignatureFault::KeyType);
        }
        let verified = match (self, family) {
            (Self::Rsa(key), Family::Rsa) => key.verify(pkcs1v15(asked), digest, signature).is_ok(),
            (Self::Rsa(key), Family::RsaPss) => key.verify(pss(asked), digest, signature).is_ok(),
            // Raw r‖s in the curve's length, both in range; DER is refused. The digest is cut to the curve's length.
            (Self::P256(key), Family::EllipticCurve) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
            (Self::P384(key), Family::EllipticCurve) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
            (Self::P521(key), Family::EllipticCurve) if matches!(algorithm, AlgorithmName::Jws(_)) => {
                aws_lc_rs::digest::Digest::import_less_safe(digest, &aws_lc_rs::digest::SHA512)
                    .is_ok_and(|digest| key.verify_digest_sig(&digest, signature).is_ok())
            }
            _ => return Err(SignatureFault::KeyType),
        };
        verified.then_some(()).ok_or(SignatureFault::Invalid)
    }

    /// RFC 7518 §3.4: ES256 is on P-256, ES384 on P-384, ES512 on P-521. RSA keys are on no curve, and fit every hash.
    fn is_on_the_curve_of(&self, hash: Hash) -> bool {
        match self {
            Self::Rsa(_) => true,
            Self::P256(_) => hash == Hash::Sha256,
            Self::P384(_) => hash == Hash::Sha384,
            Self::P521(_) => hash == Hash::Sha512,
        }
    }
}

/// The allow list, as providers spell it, in any case.
fn algorithm_named(name: &str) -> Option<(Family, Hash)> {
    let name = name.to_ascii_lowercase();
    let (hash, family) = name.split_once("with")?;
    let hash = match hash {
        "sha256" => Hash::Sha256,
        "sha384" => Hash::Sha384,
        "sha512" => Hash::Sha512,
        _ => return None,
    };
    match family {
        "rsaencryption" => Some((Family::Rsa, hash)),
        "ecencryption" => Some((Family::EllipticCurve, hash)),
        _ => None,
    }
}

/// The allow list by RFC 7518 §3.1, as it is written there (eid.md §4.3).
fn jws_algorithm_named(name: &str) -> Option<(Family, Hash)> {
    Some(match name {
        "ES256" => (Family::EllipticCurve, Hash::Sha256),
        "ES384" => (Family::EllipticCurve, Hash::Sha384),
        "ES512" => (Family::EllipticCurve, Hash::Sha512),
        "PS256" => (Family::RsaPss, Hash::Sha256),
        "PS384" => (Family::RsaPss, Hash::Sha384),
        "PS512" => (Family::RsaPss, Hash::Sha512),
        "RS256" => (Family::Rsa, Hash::Sha256),
        "RS384" => (Family::Rsa, Hash::Sha384),
        "RS512" => (Family::Rsa, Hash::Sha512),
        _ => return None,
    })
}

/// RFC 7518 §3.5: MGF1 with the same hash, the salt as long as the hash.
fn pss(hash: Hash) -> Pss {
    match hash {
        Hash::Sha256 => Pss::new::<Sha256>(),
        Hash::Sha384 => Pss::new::<Sha384>(),
        Hash::Sha512 => Pss::new::<Sha512>(),
    }
}

fn pkcs1v15(hash: Hash) -> Pkcs1v15Sign {
    match hash {
        Hash::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
        Hash::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
        Hash::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::digest::from_base64, outbound::eid::trust};

    #[derive(serde::Deserialize)]
    struct Vector {
        certificate: String,
        hash: String,
        signature: String,
    }

    fn vectors(json: &str) -> Vec<(PublicKey, Vec<u8>, Vec<u8>)> {
        let read = |text: &str| from_base64(text).expect("base64");
        let vectors: Vec<Vector> = serde_json::from_str(json).expect("vectors");
        let parts = |vector: &Vector| {
            let certificate = read(&vector.certificate);
            let certificate = trust::parse(&certificate).expect("a certificate");
            let key = PublicKey::from_spki(certificate.public_key()).expect("an accepted key");
            (key, read(&vector.hash), read(&vector.signature))
        };
        vectors.iter().map(parts).collect()
    }

    const MOBILE_ID: &str = include_str!("../../../tests/vectors/third_party/mid-rest-java-client/signatures.json");
    const SMART_ID: &str = include_str!("../../../tests/vectors/third_party/smart-id-java-client/signatures.json");
    const EC: &str = "SHA512WithECEncryption";
    const RSA: &str = "sha512WithRSAEncryption";

    fn named(name: &str) -> AlgorithmName {
        AlgorithmName::Certificate(name.to_owned())
    }

    #[test]
    fn signatures_of_real_sim_cards_and_apps_verify() {
        for (vectors, algorithm, other) in [(MOBILE_ID, EC, RSA), (SMART_ID, RSA, EC)] {
            let (algorithm, other) = (&named(algorithm), &named(other));
            for (key, hash, signature) in self::vectors(vectors) {
                assert_eq!(key.verify(algorithm, Hash::Sha512, &hash, &signature), Ok(()));
                assert_eq!(key.verify(other, Hash::Sha512, &hash, &signature), Err(SignatureFault::KeyType));
                assert_eq!(key.verify(algorithm, Hash::Sha256, &hash, &signature), Err(SignatureFault::Hash));
                assert_eq!(key.verify(algorithm, Hash::Sha512, &hash[..32], &signature), Err(SignatureFault::Hash));
                let mut changed = hash.clone();
                changed[0] ^= 1;
                assert_eq!(key.verify(algorithm, Hash::Sha512, &changed, &signature), Err(SignatureFault::Invalid));
                let zeros = vec![0; signature.len()];
                for wrong in [&[][..], &zeros, &signature[1..], &[&signature[..], &[0]].concat()] {
                    let verdict = key.verify(algorithm, Hash::Sha512, &hash, wrong);
                    assert_eq!(verdict, Err(SignatureFault::Invalid), "X5-04");
                }
            }
        }
    }

    #[test]
    fn a_signature_in_der_or_out_of_range_is_refused() {
        for (key, hash, signature) in vectors(MOBILE_ID) {
            let raw = p256::ecdsa::Signature::from_slice(&signature).expect("raw");
            let refused = |bytes: &[u8]| key.verify(&named(EC), Hash::Sha512, &hash, bytes) == Err(SignatureFault::Invalid);
            assert!(refused(raw.to_der().as_bytes()), "X5-04");
            let (r, s) = signature.split_at(32);
            assert!(refused(&[r, &[0; 32]].concat()) && refused(&[&[0; 32], s].concat()), "X5-04");
            assert!(refused(&[r, &[0xff; 32]].concat()) && refused(&[&[0xff; 32], s].concat()), "X5-04");
        }
    }

    /// Of SIM cards and apps X5-04 knows two curves; ES512 is a card's alone.
    #[test]
    fn x5_04_a_key_on_p_521_signs_nothing_but_es512() {
        use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED_SIGNING as SIGNING, EcdsaKeyPair, KeyPair as _};
        let pair = EcdsaKeyPair::generate(&SIGNING).expect("a key");
        let key =
            ParsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, pair.public_key().as_ref()).map(PublicKey::P521).expect("a key");
        let signature = pair.sign(&aws_lc_rs::rand::SystemRandom::new(), b"challenge").expect("a signature");
        let digest = Hash::Sha512.digest(&[b"challenge"]);
        let verify = |name, signature: &[u8]| key.verify(&name, Hash::Sha512, &digest, signature);
        let es512 = || AlgorithmName::Jws("ES512".to_owned());
        assert_eq!(verify(es512(), signature.as_ref()), Ok(()));
        assert_eq!(verify(named(EC), signature.as_ref()), Err(SignatureFault::KeyType));
        let (r, s) = signature.as_ref().split_at(66);
        for wrong in
            [&[][..], &[0; 132], &[r, &[0; 66]].concat(), &[&[0; 66], s].concat(), &[s, r].concat(), &signature.as_ref()[1..]]
        {
            assert_eq!(verify(es512(), wrong), Err(SignatureFault::Invalid));
        }
    }

    #[test]
    fn the_allow_list_knows_no_weak_hash_and_no_other_spelling() {
        for name in ["SHA256WithECEncryption", "sha256WithRSAEncryption", "SHA512WITHRSAENCRYPTION"] {
            assert!(algorithm_named(name).is_some(), "{name}");
        }
        for name in [
            "",
            "SHA1WithRSAEncryption",
            "md5WithRSAEncryption",
            "none",
            "SHA256",
            "SHA256With",
            "SHA256WithDSA",
            "NONEwithRSA",
        ] {
            assert!(algorithm_named(name).is_none(), "X5-04: {name}");
        }
    }
}
