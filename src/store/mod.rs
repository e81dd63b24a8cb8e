//! What is kept in Postgres, and the only room that holds SQL: functions over a connection, one file per noun in the plural.
//!
//! It decides nothing and reads no clock: callers (flows, doors, jobs) hand in values, time among them, and get nouns back.
//! A function that takes `impl PgExecutor` runs one statement; one that takes `&mut PgConnection` runs in the caller's
//! transaction.

/// A statement with the name that its file gives it.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    /// Module and constant, for messages.
    pub name: &'static str,
    /// The text as it is sent.
    pub sql: &'static str,
}

/// Declares a file's statements as constants and lists them as its `STATEMENTS`, once per file:
///
/// ```text
/// statements! {
///     /// The organisation with this id.
///     FIND = r"
///         select id, name
///         from organisations
///         where id = $1";
/// }
/// ```
///
/// The file's list must stand in [`STATEMENTS`]; the compiler says that it is never used where that is forgotten.
macro_rules! statements {
    ($($(#[$meta:meta])* $name:ident = $sql:expr;)+) => {
        $($(#[$meta])* const $name: &str = $sql;)+
        /// Every statement of this file.
        pub(super) const STATEMENTS: &[crate::store::Statement] =
            &[$(crate::store::Statement { name: concat!(module_path!(), "::", stringify!($name)), sql: $name }),+];
    };
}

// Below the macro: it is seen only by the modules that follow it.
pub mod api_resources;
pub mod audit_log;
pub mod authorization_codes;
#[cfg(feature = "demo")]
pub mod bench;
pub mod client_secrets;
pub mod clients;
pub mod configuration;
pub mod families;
pub mod finished_requests;
pub mod identity_providers;
pub mod leases;
pub mod login_restrictions;
pub mod migrations;
pub mod nodes;
pub mod organisations;
pub mod partitions;
pub mod persons;
pub mod pool;
pub mod rate_limits;
pub mod replay;
pub mod revoked_access_tokens;
pub mod roles;
pub mod scopes;
pub mod sessions;
pub mod sign_in_attempts;
pub mod sign_in_evidence;
pub mod signing_keys;
pub mod snapshot;
pub mod sweep;

/// The statements of every file. Tests prepare each on a migrated database and fail for one that no test has run.
pub static STATEMENTS: &[&[Statement]] = &[
    api_resources::STATEMENTS,
    audit_log::STATEMENTS,
    authorization_codes::STATEMENTS,
    #[cfg(feature = "demo")]
    bench::STATEMENTS,
    client_secrets::STATEMENTS,
    clients::STATEMENTS,
    configuration::STATEMENTS,
    families::STATEMENTS,
    finished_requests::STATEMENTS,
    identity_providers::STATEMENTS,
    leases::STATEMENTS,
    login_restrictions::STATEMENTS,
    migrations::STATEMENTS,
    nodes::STATEMENTS,
    organisations::STATEMENTS,
    partitions::STATEMENTS,
    persons::STATEMENTS,
    rate_limits::STATEMENTS,
    replay::STATEMENTS,
    revoked_access_tokens::STATEMENTS,
    roles::STATEMENTS,
    scopes::STATEMENTS,
    sessions::STATEMENTS,
    sign_in_attempts::STATEMENTS,
    sign_in_evidence::STATEMENTS,
    signing_keys::STATEMENTS,
    snapshot::STATEMENTS,
    sweep::STATEMENTS,
];
