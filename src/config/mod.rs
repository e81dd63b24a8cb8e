//! Configuration: base.toml < profile < `--config` file < environment `IAS__SECTION__KEY` < secret files; unknown keys refuse to start.
//!
//! Owns the settings, one file per section, and the rules that production adds. It is read once, at start; every fault is
//! listed at once. Everybody above may read [`Settings`]; code that needs none (the demo, tests) makes them with
//! [`Settings::development`].

pub mod database;
pub mod environment;
pub mod issuer;
pub mod keys;
mod layers;
pub mod outbound;
pub mod production;
pub mod retention;
pub mod server;
pub mod session;
pub mod sign_in;
pub mod telemetry;
mod value;

use std::{ffi::OsString, fmt, path::PathBuf};

use self::{
    database::Database, environment::Environment, issuer::Issuer, keys::Keys, layers::Layers, outbound::Outbound,
    retention::Retention, server::Server, session::Session, sign_in::SignIn, telemetry::Telemetry,
};
use crate::base::secret::Secret;

/// Everything that is configured, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// where the server runs
    pub environment: Environment,
    /// issuer, listeners, proxies, timeouts
    pub server: Server,
    /// addresses and pool
    pub database: Database,
    /// master key and life of signing keys
    pub keys: Keys,
    /// the SSO session
    pub session: Session,
    /// electronic-ID tries
    pub sign_in: SignIn,
    /// whom the server asks
    pub outbound: Outbound,
    /// how long rows stay
    pub retention: Retention,
    /// logs
    pub telemetry: Telemetry,
}

/// Where settings come from, apart from what is compiled in.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// environment variables; those whose name does not begin with `IAS` are not looked at
    pub variables: Vec<(OsString, OsString)>,
    /// a further file, named on the command line
    pub file: Option<PathBuf>,
    /// what the command is going to do, and so what must be there
    pub purpose: Purpose,
}

/// What a command needs to find in the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// to serve or to change data: database and master key
    #[default]
    Serve,
    /// to migrate: the owner's database address
    Migrate,
    /// to look: whatever is there
    Inspect,
}

/// Why the configuration was refused: each fault names its key and says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault(pub Vec<String>);

impl Sources {
    /// The process's own environment and the given file.
    pub fn of_process(file: Option<PathBuf>, purpose: Purpose) -> Self {
        Self { variables: std::env::vars_os().collect(), file, purpose }
    }
}

impl Settings {
    /// Reads all layers, checks each value and, in production, the rules of [`production::check`].
    pub fn load(sources: &Sources) -> Result<Self, ConfigFault> {
        match Self::inspect(sources) {
            (Some(settings), faults) if faults.is_empty() => Ok(settings),
            (_, faults) => Err(ConfigFault(faults)),
        }
    }

    /// Every fault, and beside them the settings as far as they read, with defaults for what does not: to look further by, never to
    /// serve.
    pub fn inspect(sources: &Sources) -> (Option<Self>, Vec<String>) {
        let mut layers = match Layers::read(sources) {
            Ok(layers) => layers,
            Err(fault) => return (None, fault.0),
        };
        let environment = layers.environment();
        let server = layers.section::<Server>("server");
        let database = layers.section::<Database>("database");
        let keys = layers.section::<Keys>("keys");
        let session = layers.section::<Session>("session");
        let sign_in = layers.section::<SignIn>("sign_in");
        let outbound = layers.section::<Outbound>("outbound");
        let retention = layers.section::<Retention>("retention");
        let telemetry = layers.section::<Telemetry>("telemetry");
        let mut faults = layers.into_faults();
        let (
            Some(environment),
            Some(server),
            Some(database),
            Some(keys),
            Some(session),
            Some(sign_in),
            Some(outbound),
            Some(retention),
            Some(telemetry),
        ) = (environment, server, database, keys, session, sign_in, outbound, retention, telemetry)
        else {
            return (None, faults);
        };
        let mut settings = Self { environment, server, database, keys, session, sign_in, outbound, retention, telemetry };
        if settings.server.allowed_hosts.is_empty() {
            settings.server.allowed_hosts.push(settings.server.issuer.authority().to_owned());
        }
        // Of a value that did not read there is nothing more to say.
        let noted: Vec<_> = faults.iter().map(|fault| key_of(fault).to_owned()).collect();
        let found = [settings.missing(sources.purpose), settings.faults()].concat();
        faults.extend(found.into_iter().filter(|fault| !noted.iter().any(|key| key == key_of(fault))));
        (Some(settings), faults)
    }

    /// The settings of a developer's machine, for the demo and for tests; fields may be changed afterwards.
    pub fn development(
        issuer: Issuer,
        database_url: Secret<String>,
        master_key: Secret<[u8; 32]>,
    ) -> Result<Self, ConfigFault> {
        let variables = vec![("IAS__ENVIRONMENT".into(), Environment::Development.as_str().into())];
        let mut settings = Self::load(&Sources { variables, file: None, purpose: Purpose::Inspect })?;
        settings.server.allowed_hosts = vec![issuer.authority().to_owned()];
        settings.server.issuer = issuer;
        settings.database.url = Some(database_url);
        settings.keys.master_key = Some(master_key);
        Ok(settings)
    }

    fn faults(&self) -> Vec<String> {
        let mut faults =
            [self.server.faults(), self.database.faults(), self.keys.faults(), self.session.faults(), self.sign_in.faults()]
                .concat();
        faults.extend(self.outbound.faults());
        faults.extend(self.retention.faults(self.session.absolute_ttl));
        match self.environment {
            Environment::Development => {}
            Environment::Staging => {
                faults.extend(production::check_https(self));
                faults.extend(self.outbound.faults_outside_development());
            }
            Environment::Production => {
                faults.extend(production::check(self));
                faults.extend(production::check_build(cfg!(feature = "demo")));
            }
        }
        faults
    }

    fn missing(&self, purpose: Purpose) -> Vec<String> {
        let needed = match purpose {
            Purpose::Serve => vec![self.database.url().err(), self.keys.master_key().err()],
            Purpose::Migrate => vec![self.database.migrate_url().err()],
            Purpose::Inspect => vec![],
        };
        needed.into_iter().flatten().flat_map(|fault| fault.0).collect()
    }
}

fn key_of(fault: &str) -> &str {
    fault.split([' ', ':']).next().unwrap_or(fault)
}

impl ConfigFault {
    pub(crate) fn one(text: &str) -> Self {
        Self(vec![text.to_owned()])
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is refused:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  - {fault}"))
    }
}

impl std::error::Error for ConfigFault {}

#[cfg(test)]
mod tests;
