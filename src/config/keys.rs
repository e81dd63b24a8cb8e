//! `[keys]`: the master key and the life of signing keys.

use serde::{Deserialize, Deserializer, de::Error as _};
use time::Duration;

use super::{ConfigFault, value};
use crate::base::{digest, seal::SealingKey, secret::Secret};

/// What the key ring needs to know.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// the id that values sealed under the master key carry
    pub master_key_id: u32,
    /// the master key (architecture.md, decision K)
    #[serde(default, deserialize_with = "master_key")]
    pub master_key: Option<Secret<[u8; 32]>>,
    /// the id of the master key before
    pub previous_master_key_id: u32,
    /// the master key before, while `ias keys rewrap` has not been run
    #[serde(default, deserialize_with = "master_key")]
    pub previous_master_key: Option<Secret<[u8; 32]>>,
    /// the size of new signing keys: 2048 or 3072
    pub rsa_bits: u16,
    /// how long a new key is published before it signs (KEY-04)
    #[serde(deserialize_with = "value::lifetime")]
    pub announce_ttl: Duration,
    /// how long a key signs
    #[serde(deserialize_with = "value::lifetime")]
    pub signing_ttl: Duration,
    /// how long a key stays published after it signed last
    #[serde(deserialize_with = "value::lifetime")]
    pub retired_ttl: Duration,
}

impl Keys {
    /// The master key with its id, and the one before where there is one.
    pub fn master_key(&self) -> Result<SealingKey, ConfigFault> {
        let key = self.master_key.clone().ok_or_else(|| {
            ConfigFault::one(
                "keys.master_key: is missing; make one with `openssl rand -base64 32`, keep it in a file and set \
                 IAS__KEYS__MASTER_KEY_FILE to its path",
            )
        })?;
        let key = SealingKey::new(self.master_key_id, key);
        let previous = self.previous_master_key.clone().map(|key| SealingKey::new(self.previous_master_key_id, key));
        Ok(match previous {
            Some(previous) => key.following(previous),
            None => key,
        })
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.previous_master_key.is_some() && self.previous_master_key_id == self.master_key_id {
            faults.push(
                "keys.previous_master_key_id: is the id of the new master key; each master key has an id of its own".into(),
            );
        }
        if !matches!(self.rsa_bits, 2048 | 3072) {
            faults.push(format!("keys.rsa_bits: {} is not offered; choose 2048 or 3072", self.rsa_bits));
        }
        if self.signing_ttl <= self.announce_ttl {
            faults
                .push("keys.signing_ttl: must be longer than keys.announce_ttl, so that the next key is ready in time".into());
        }
        // Access and ID tokens live 5 minutes at most, and clocks may differ by one.
        if self.retired_ttl < Duration::minutes(10) {
            faults.push(
                "keys.retired_ttl: must be at least 10m; a token must not outlive the key that verifies it (KEY-04)".into(),
            );
        }
        faults
    }
}

fn master_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret<[u8; 32]>>, D::Error> {
    let text = Secret::<String>::deserialize(deserializer)?;
    let bytes = digest::from_base64(text.expose()).map(Secret::new);
    let key = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.expose().as_slice()).ok());
    // The fault never repeats the value (LOG-01).
    key.map(|key| Some(Secret::new(key)))
        .ok_or_else(|| D::Error::custom("must be 32 bytes in base64; make one with `openssl rand -base64 32`"))
}
