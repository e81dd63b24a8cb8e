//! Connections to Postgres: bounded in number and in time, over verified TLS where a network lies between.

use std::time::Duration;

use log::LevelFilter;
use sqlx::{
    ConnectOptions as _, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};

/// Bounds of a pool (STO-12).
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// What the connections call themselves in `pg_stat_activity`.
    pub application_name: String,
    /// Connections at most.
    pub max_connections: u32,
    /// Connections that stay open without work.
    pub min_connections: u32,
    /// How long a request waits for a connection before it is refused.
    pub acquire_timeout: Duration,
    /// How long a connection may lie idle.
    pub idle_timeout: Duration,
    /// How long a connection may live; after a fail-over none to the old primary outlives it.
    pub max_lifetime: Duration,
    /// How long one statement may take.
    pub statement_timeout: Duration,
    /// How long a statement may wait for a lock.
    pub lock_timeout: Duration,
    /// How long a transaction may lie idle.
    pub idle_in_transaction_timeout: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            application_name: "ias".to_owned(),
            max_connections: 20,
            min_connections: 2,
            acquire_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_mins(5),
            max_lifetime: Duration::from_mins(30),
            statement_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(2),
            idle_in_transaction_timeout: Duration::from_secs(5),
        }
    }
}

/// Opens a pool and one connection, so that a wrong address or password shows at the start.
///
/// The timeouts travel in the start-up packet, not as `SET`, which a transaction pooler would mix up between clients (STO-05).
/// PgBouncer serves with `max_prepared_statements` above 0 and `ignore_startup_parameters = options`; it then takes the
/// timeouts and `plan_cache_mode` from the role (`alter role … set statement_timeout`).
pub async fn connect(options: PgConnectOptions, settings: &PoolSettings) -> Result<PgPool, sqlx::Error> {
    PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .min_connections(settings.min_connections)
        .acquire_timeout(settings.acquire_timeout)
        .idle_timeout(settings.idle_timeout)
        .max_lifetime(settings.max_lifetime)
        // A ping before each use would double the round trips; a dead connection is found by the statement itself.
        .test_before_acquire(false)
        .connect_with(with_timeouts(options, settings))
        .await
}

fn with_timeouts(options: PgConnectOptions, settings: &PoolSettings) -> PgConnectOptions {
    let milliseconds = |duration: Duration| duration.as_millis().to_string();
    options
        .application_name(&settings.application_name)
        .options([
            ("statement_timeout", milliseconds(settings.statement_timeout)),
            ("lock_timeout", milliseconds(settings.lock_timeout)),
            ("idle_in_transaction_session_timeout", milliseconds(settings.idle_in_transaction_timeout)),
            // Every statement finds its rows by a key, so there is one good plan for it, whatever the values. To plan it anew costs
            // more than to run it, where partitioned tables are joined.
            ("plan_cache_mode", "force_generic_plan".to_owned()),
        ])
        // Slow statements are seen in metrics; the log would repeat their text for each one.
        .log_slow_statements(LevelFilter::Off, Duration::MAX)
}

/// The connection would trust whoever answers.
#[derive(Debug, thiserror::Error)]
#[error(
    "the connection to the database at {0} is not verified: put `sslmode=verify-full` (and `sslrootcert=FILE` for an \
     authority of your own) into the address, or use a unix socket"
)]
pub struct UnverifiedTls(String);

/// Demands TLS with a verified server name, unless the server is reached through a unix socket (STO-11). sqlx's own default,
/// `prefer`, falls back to clear text without a word.
pub fn demand_verified_tls(options: &PgConnectOptions) -> Result<(), UnverifiedTls> {
    let local = options.get_socket().is_some() || options.get_host().starts_with('/');
    if local || matches!(options.get_ssl_mode(), PgSslMode::VerifyFull) {
        Ok(())
    } else {
        Err(UnverifiedTls(options.get_host().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> PgConnectOptions {
        url.parse().unwrap()
    }

    /// STO-11
    #[test]
    fn only_verified_tls_or_a_unix_socket_will_do() {
        for mode in ["disable", "allow", "prefer", "require", "verify-ca"] {
            let fault = demand_verified_tls(&options(&format!("postgres://ias@db.example/ias?sslmode={mode}"))).unwrap_err();
            assert!(fault.to_string().contains("db.example"), "{mode}");
        }
        assert!(demand_verified_tls(&options("postgres://ias@db.example/ias?sslmode=verify-full")).is_ok());
        assert!(demand_verified_tls(&options("postgres://ias@localhost/ias?host=/run/postgresql")).is_ok());
        assert!(demand_verified_tls(&options("postgres://ias@localhost/ias").socket("/run/postgresql")).is_ok());
    }

    /// STO-05, STO-12
    #[test]
    fn timeouts_travel_in_the_start_up_packet() {
        let options = with_timeouts(options("postgres://ias@localhost/ias"), &PoolSettings::default());
        let sent = options.get_options().unwrap();
        for timeout in ["statement_timeout=5000", "lock_timeout=2000", "idle_in_transaction_session_timeout=5000"] {
            assert!(sent.contains(timeout), "{sent}");
        }
    }
}
