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
    let own = Sources::of_process(file, Purpose::Serve);
    let mut judged = own.clone();
    if let Some(environment) = &arguments.environment {
        judged.variables.retain(|(name, _)| name != "IAS__ENVIRONMENT");
        judged.variables.push(("IAS__ENVIRONMENT".into(), environment.into()));
    }
    let mut findings = Findings::default();
    let (settings, faults) = match Settings::load(&judged) {
        Ok(settings) => (Some(settings), Vec::new()),
        // where the settings serve as they are, they lead on to the database
        Err(fault) => (Settings::load(&own).ok(), fault.0),
    };
    findings.note("the settings are in order", faults);
    if let Some(mut settings) = settings {
        let word = arguments.environment.as_deref();
        settings.environment = word.and_then(Environment::parse).unwrap_or(settings.environment);
        if settings.server.tls_files().is_some() {
            let fault = node::tls(&settings, &Clock::System).err().map(|error| format!("{error:#}"));
            findings.note("certificate and key are in order", fault.into_iter().collect());
        }
        look_at_the_database(&settings, &mut findings).await;
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
        let opened = match settings.keys.master_key() {
            Ok(master) => KeyRing::load(pool, &master).await.err().map(|fault| fault.to_string()),
            Err(fault) => Some(fault.to_string()),
        };
        findings.note("the keys open with the master key", opened.into_iter().collect());
    }
    let snapshot = snapshot::load(pool).await?;
    let http = OutboundClient::new(&settings.outbound.trusted_roots, settings.environment)?;
    let drivers = snapshot.identity_providers().iter().filter_map(|provider| {
        let fault = Driver::new(provider, &http, settings.sign_in.secrets_dir.as_deref(), settings.environment).err()?;
        Some(format!("identity provider {}: {fault}", provider.name))
    });
    let mut faults: Vec<String> = drivers.collect();
    if settings.environment == Environment::Production {
        faults.extend(crate::app::production_faults(settings, &snapshot));
    }
    findings.note(&format!("the configuration (version {}) is in order", snapshot.version), faults);
    Ok(())
}
