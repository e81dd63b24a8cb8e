//! `ias doctor`: everything that would keep the server from starting, listed at once.

use std::path::PathBuf;

use sqlx::PgPool;

use super::{node, say};
use crate::{
    base::clock::Clock,
    config::{Purpose, Settings, Sources, environment::Environment},
    keys::ring::KeyRing,
    model::settings::production,
    outbound::{client::OutboundClient, eid::Driver},
    store::{configuration, migrations, signing_keys, snapshot},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Judge the settings, and what the database holds, as if they were of this environment
    #[arg(long, value_name = "ENVIRONMENT", value_parser = ["production", "staging", "development"])]
    environment: Option<String>,
}

/// What was found, good and bad.
#[derive(Default)]
struct Findings {
    faults: Vec<String>,
}

impl Findings {
    fn note(&mut self, good: &str, faults: Vec<String>) {
        if faults.is_empty() {
            say(good);
        }
        self.faults.extend(faults);
    }
}

pub(super) async fn run(arguments: &Arguments, file: Option<PathBuf>) -> anyhow::Result<()> {
    let mut judged = Sources::of_process(file, Purpose::Serve);
    if let Some(environment) = &arguments.environment {
        judged.variables.retain(|(name, _)| name != "IAS__ENVIRONMENT");
        judged.variables.push(("IAS__ENVIRONMENT".into(), environment.into()));
    }
    let mut findings = Findings::default();
    // whatever is wrong with them, they lead on to the files and the database
    let (settings, faults) = Settings::inspect(&judged);
    findings.note("the settings are in order", faults);
    if let Some(settings) = settings {
        if settings.server.tls_files().is_some() {
            let fault = node::tls(&settings, &Clock::System).err().map(|error| format!("{error:#}"));
            findings.note("certificate and key are in order", fault.into_iter().collect());
        }
        if settings.server.card_tls_files().is_some() {
            let fault = node::card_tls(&settings, None).err().map(|error| format!("{error:#}"));
            findings.note("certificate and key of the card host are in order", fault.into_iter().collect());
        }
        // a missing address is noted already
        if settings.database.url().is_ok() {
            look_at_the_database(&settings, &mut findings).await;
        }
    }
    let faults = findings.faults;
    anyhow::ensure!(faults.is_empty(), "the server would not start:\n  - {}", faults.join("\n  - "));
    Ok(())
}

async fn look_at_the_database(settings: &Settings, findings: &mut Findings) {
    let pool = match node::connect(settings).await {
        Ok(pool) => pool,
        Err(error) => return findings.faults.push(format!("{error:#}")),
    };
    say("the database answers");
    if let Err(fault) = migrations::check_schema(&pool).await {
        return findings.faults.push(fault.to_string());
    }
    say("the schema is that of this version");
    let rows = look_at_the_rows(settings, &pool, findings).await;
    findings.faults.extend(rows.err().map(|error| format!("{error:#}")));
}

async fn look_at_the_rows(settings: &Settings, pool: &PgPool, findings: &mut Findings) -> anyhow::Result<()> {
    let theirs = configuration::environment(pool).await?.filter(|theirs| *theirs != settings.environment);
    let fault = theirs.map(|theirs| production::other_environment(theirs, settings.environment));
    findings.note("the database is of this environment", fault.into_iter().collect());
    // the first start makes the keys
    if !signing_keys::list_data_keys(pool).await?.is_empty() {
        // a missing one is noted already
        if let Ok(master) = settings.keys.master_key() {
            let fault = KeyRing::load(pool, &master).await.err().map(|fault| fault.to_string());
            findings.note("the keys open with the master key", fault.into_iter().collect());
        }
    }
    let snapshot = snapshot::load(pool).await?;
    let http = OutboundClient::new(&settings.outbound.trusted_roots, settings.environment)?;
    let mut faults = Vec::new();
    for provider in snapshot.identity_providers() {
        let made = Driver::new(provider, &http, settings.sign_in.secrets_dir.as_deref(), settings.environment);
        let fault =
            made.map_or_else(|fault| Some(fault.to_string()), |driver| fault_of_card_host(settings, &provider.name, &driver));
        faults.extend(fault.map(|fault| format!("identity provider {}: {fault}", provider.name)));
    }
    if settings.environment == Environment::Production {
        faults.extend(crate::app::production_faults(settings, &snapshot));
    }
    findings.note(&format!("the configuration (version {}) is in order", snapshot.version), faults);
    Ok(())
}

/// Why the certificate of the card host does not serve those who are sent there. Whether another node serves them is not known here.
fn fault_of_card_host(settings: &Settings, name: &str, driver: &Driver) -> Option<String> {
    let host = driver.card_host()?;
    if settings.server.card_listen.is_none() {
        let origin = host.origin().ascii_serialization();
        say(&format!("identity provider {name}: its card_host {origin} is not served here, since server.card_listen is empty"));
    }
    // what is wrong whatever the host is noted already
    node::card_tls(settings, None).ok()?;
    node::card_tls(settings, Some(host.authority())).err().map(|error| format!("{error:#}"))
}
