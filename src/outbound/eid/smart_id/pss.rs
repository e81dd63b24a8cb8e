//! RSASSA-PSS as apps sign: MGF1 with the same hash, a salt of the hash's length, RSA up to 8192 bits (eid.md §3.3, X5-04).

use rsa::Pss;
use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use sha3::{Sha3_256, Sha3_384, Sha3_512};

use crate::{
    model::identity_provider::SmartIdHash,
    outbound::eid::signature::{PublicKey, SignatureFault},
};

/// The provider's name of the algorithm.
pub(super) const ALGORITHM: &str = "rsassa-pss";

/// What an answer says of its signature. Every field is compared with what we asked for, and none is believed.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters {
    hash_algorithm: String,
    mask_gen_algorithm: MaskGenAlgorithm,
    salt_length: u32,
    trailer_field: String,
}

#[derive(Clone, Debug, Deserialize)]
struct MaskGenAlgorithm {
    algorithm: String,
    parameters: MaskGenParameters,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MaskGenParameters {
    hash_algorithm: String,
}

impl Parameters {
    /// Whether the answer is in the algorithm that we asked for, parameter by parameter.
    pub(super) fn agree(&self, algorithm: &str, asked: SmartIdHash) -> bool {
        algorithm == ALGORITHM
            && self.hash_algorithm == asked.as_str()
            && self.mask_gen_algorithm.algorithm == "id-mgf1"
            && self.mask_gen_algorithm.parameters.hash_algorithm == asked.as_str()
            && usize::try_from(self.salt_length).is_ok_and(|length| length == length_of(asked))
            && self.trailer_field == "0xbc"
    }
}

/// The digest of a text.
pub(super) fn digest(hash: SmartIdHash, text: &[u8]) -> Vec<u8> {
    match hash {
        SmartIdHash::Sha256 => Sha256::digest(text).to_vec(),
        SmartIdHash::Sha384 => Sha384::digest(text).to_vec(),
        SmartIdHash::Sha512 => Sha512::digest(text).to_vec(),
        SmartIdHash::Sha3_256 => Sha3_256::digest(text).to_vec(),
        SmartIdHash::Sha3_384 => Sha3_384::digest(text).to_vec(),
        SmartIdHash::Sha3_512 => Sha3_512::digest(text).to_vec(),
    }
}

/// Whether `signature` is this key's over `digest`.
pub(super) fn verify(key: &PublicKey, hash: SmartIdHash, digest: &[u8], signature: &[u8]) -> Result<(), SignatureFault> {
    let PublicKey::Rsa(key) = key else { return Err(SignatureFault::KeyType) };
    if digest.len() != length_of(hash) {
        return Err(SignatureFault::Hash);
    }
    key.verify(scheme(hash), digest, signature).map_err(|_| SignatureFault::Invalid)
}

/// In bytes: of the digest, and of the salt.
const fn length_of(hash: SmartIdHash) -> usize {
    match hash {
        SmartIdHash::Sha256 | SmartIdHash::Sha3_256 => 32,
        SmartIdHash::Sha384 | SmartIdHash::Sha3_384 => 48,
        SmartIdHash::Sha512 | SmartIdHash::Sha3_512 => 64,
    }
}

fn scheme(hash: SmartIdHash) -> Pss {
    let salt = length_of(hash);
    match hash {
        SmartIdHash::Sha256 => Pss::new_with_salt::<Sha256>(salt),
        SmartIdHash::Sha384 => Pss::new_with_salt::<Sha384>(salt),
        SmartIdHash::Sha512 => Pss::new_with_salt::<Sha512>(salt),
        SmartIdHash::Sha3_256 => Pss::new_with_salt::<Sha3_256>(salt),
        SmartIdHash::Sha3_384 => Pss::new_with_salt::<Sha3_384>(salt),
        SmartIdHash::Sha3_512 => Pss::new_with_salt::<Sha3_512>(salt),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parameters(hash: &str, mask: &str, mask_hash: &str, salt: u32, trailer: &str) -> Parameters {
        serde_json::from_value(json!({
            "hashAlgorithm": hash, "saltLength": salt, "trailerField": trailer, "more": 1,
            "maskGenAlgorithm": {"algorithm": mask, "parameters": {"hashAlgorithm": mask_hash}},
        }))
        .expect("parameters")
    }

    #[test]
    fn x5_04_every_parameter_is_the_one_that_was_asked_for() {
        let asked = SmartIdHash::Sha512;
        assert!(parameters("SHA-512", "id-mgf1", "SHA-512", 64, "0xbc").agree(ALGORITHM, asked));
        for (wrong, what) in [
            (parameters("SHA-256", "id-mgf1", "SHA-256", 32, "0xbc"), "hash"),
            (parameters("SHA-512", "id-mgf1", "SHA-1", 64, "0xbc"), "mask hash"),
            (parameters("SHA-512", "id-mgf2", "SHA-512", 64, "0xbc"), "mask"),
            (parameters("SHA-512", "id-mgf1", "SHA-512", 0, "0xbc"), "salt"),
            (parameters("SHA-512", "id-mgf1", "SHA-512", 20, "0xbc"), "salt"),
            (parameters("SHA-512", "id-mgf1", "SHA-512", 64, "0xcc"), "trailer"),
        ] {
            assert!(!wrong.agree(ALGORITHM, asked), "{what}");
        }
        assert!(!parameters("SHA-512", "id-mgf1", "SHA-512", 64, "0xbc").agree("rsassa-pkcs1", asked));
    }
}
