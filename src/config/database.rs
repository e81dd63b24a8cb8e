//! `[database]`: addresses, pool and the limits that Postgres keeps for us.

use std::time::Duration;

use serde::Deserialize;

use super::{ConfigFault, value};
use crate::base::secret::Secret;

/// What the store needs to know.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// the serving role's address
    pub url: Option<Secret<String>>,
    /// the owner's address
    pub migrate_url: Option<Secret<String>>,
    /// a direct address on which edits are heard of; none: they are found by asking
    pub listen_url: Option<Secret<String>>,
    /// the role that the owner grants the tables to
    pub serving_role: String,
    /// connections that the pool keeps
    pub min_connections: u32,
    /// connections that the pool opens at most
    pub max_connections: u32,
    /// for a connection from the pool (STO-12)
    #[serde(deserialize_with = "value::timeout")]
    pub acquire_timeout: Duration,
    /// after which an unused connection is closed
    #[serde(deserialize_with = "value::timeout")]
    pub connection_idle_timeout: Duration,
    /// after which any connection is replaced
    #[serde(deserialize_with = "value::timeout")]
    pub connection_max_lifetime: Duration,
    /// Postgres's `statement_timeout`
    #[serde(deserialize_with = "value::timeout")]
    pub statement_timeout: Duration,
    /// Postgres's `lock_timeout`
    #[serde(deserialize_with = "value::timeout")]
    pub lock_timeout: Duration,
    /// Postgres's `idle_in_transaction_session_timeout`
    #[serde(deserialize_with = "value::timeout")]
    pub idle_in_transaction_timeout: Duration,
}

impl Database {
    /// The address that requests are served with.
    pub fn url(&self) -> Result<&Secret<String>, ConfigFault> {
        self.url.as_ref().ok_or_else(|| {
            ConfigFault::one(
                "database.url: is missing; set IAS__DATABASE__URL, or IAS__DATABASE__URL_FILE to a file that holds it",
            )
        })
    }

    /// The owner's address, for migrations; where none is given, the serving address.
    pub fn migrate_url(&self) -> Result<&Secret<String>, ConfigFault> {
        self.migrate_url.as_ref().or(self.url.as_ref()).ok_or_else(|| {
            ConfigFault::one(
                "database.migrate_url: is missing; set IAS__DATABASE__MIGRATE_URL, or IAS__DATABASE__MIGRATE_URL_FILE to a file \
                 that holds it",
            )
        })
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (key, url) in [("url", &self.url), ("migrate_url", &self.migrate_url), ("listen_url", &self.listen_url)] {
            // The address holds a password: the fault never repeats it (LOG-01).
            if url.as_ref().is_some_and(|url| !is_postgres(url.expose())) {
                faults.push(format!("database.{key}: must be a URL that begins with postgres:// or postgresql://"));
            }
        }
        let mut characters = self.serving_role.chars();
        let begins = characters.next().is_some_and(|first| first.is_ascii_lowercase() || first == '_');
        if !begins
            || !characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            || self.serving_role.len() > 63
        {
            faults.push("database.serving_role: must be lower-case letters, digits and underscores, 63 at most".into());
        }
        if self.max_connections == 0 || self.min_connections > self.max_connections {
            faults.push("database.max_connections: must be at least 1 and not below database.min_connections".into());
        }
        faults
    }
}

fn is_postgres(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "postgres" | "postgresql"))
}
