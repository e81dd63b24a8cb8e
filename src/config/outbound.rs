//! `[outbound]`: whom the server asks.

use serde::Deserialize;

use super::value;

/// What is opened beside the internet.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbound {
    /// host names at which clients may publish their keys, whatever their scheme, port and address; in development alone (SSR-02)
    #[serde(deserialize_with = "value::list")]
    pub allowed_hosts: Vec<String>,
}
