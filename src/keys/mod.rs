//! Keys: those that sign tokens and those for our own data, all sealed under the master key (architecture.md, decision K).
//!
//! Owns their making, their life and the ring that nodes hold in memory. Called by app, flows and jobs.

pub mod generate;
pub mod life_cycle;
pub mod rewrap;
pub mod ring;

/// What the private part of a signing key is sealed for, beside its kid.
const SIGNING_KEY: &str = "signing key";
/// What a data key is sealed for, beside its purpose.
const DATA_KEY: &str = "data key";

/// Keys could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// sealed under another master key
    #[error(
        "{what} does not open with the configured master key (id {master_key_id}); start with the key that it was sealed under, \
         or name that one as keys.previous_master_key, with its id"
    )]
    Sealed {
        /// which
        what: String,
        /// the configured one
        master_key_id: u32,
    },
    /// the stored form is not a key
    #[error("{0} is not a key that this version reads")]
    Malformed(String),
    /// no such key
    #[error("there is no signing key `{kid}`; there are:\n  {}", known.join("\n  "))]
    Unknown {
        /// what was asked for
        kid: String,
        /// what there is
        known: Vec<String>,
    },
    /// the library made no key
    #[error("a key could not be made")]
    Generation,
    /// the database
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}
