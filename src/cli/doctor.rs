//! `ias doctor`: everything that would keep the server from starting, listed at once.

use std::path::PathBuf;

use super::{node, say};
use crate::{
    config::{Purpose, Settings, Sources, environment::Environment},
    model::settings::production,
    store::{migrations, snapshot},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Judge the settings as if they were of this environment
    #[arg(long, value_name = "ENVIRONMENT", value_parser = ["production", "staging", "development"])]
    environment: Option<String>,
}

pub(super) async fn run(arguments: &Arguments, file: Option<PathBuf>) -> anyhow::Result<()> {
    let mut sources = Sources::of_process(file, Purpose::Serve);
    if let Some(environment) = &arguments.environment {
        sources.variables.retain(|(name, _)| name != "IAS__ENVIRONMENT");
        sources.variables.push(("IAS__ENVIRONMENT".into(), environment.into()));
    }
    let settings = Settings::load(&sources)?;
    say("the settings are in order");
    let pool = node::connect(&settings).await?;
    say("the database answers");
    migrations::check_schema(&pool).await?;
    say("the schema is that of this version");
    let snapshot = snapshot::load(&pool).await?;
    if settings.environment == Environment::Production {
        let faults =
            production::faults(snapshot.clients().map(AsRef::as_ref), snapshot.identity_providers().iter().map(AsRef::as_ref));
        anyhow::ensure!(faults.is_empty(), "production refuses the stored configuration:\n  - {}", faults.join("\n  - "));
    }
    say(&format!("the configuration (version {}) is in order", snapshot.version));
    Ok(())
}
