//! `ias apply PATH`: organisations, scopes, API resources, clients and identity providers from files, all or nothing.

use std::{collections::BTreeMap, path::PathBuf};

use sqlx::PgPool;

use super::{node, say, settings, variable};
use crate::{
    base::{clock::Clock, secret::Secret},
    config::{Purpose, environment::Environment},
    flows::{
        admin::change::Kind,
        apply::{self, Options},
    },
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A YAML file, or a folder of them
    path: PathBuf,
    /// Apply it to the demo of this directory, which must be running
    #[cfg(feature = "demo")]
    #[arg(long, value_name = "DIR")]
    demo_dir: Option<PathBuf>,
    /// A value for `${NAME}` in the files
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
}

pub(super) async fn run(arguments: Arguments, file: Option<PathBuf>) -> anyhow::Result<()> {
    let (pool, environment) = database(&arguments, file).await?;
    let variables: BTreeMap<String, String> = arguments.set.into_iter().collect();
    let options = Options {
        environment,
        now: Clock::System.now(),
        variables: &variables,
        secret: &|name| variable(name).map(Secret::new),
    };
    let changes = apply::apply(&pool, &arguments.path, options).await?;
    for change in &changes {
        say(&change.to_string());
    }
    if changes.iter().any(|change| change.kind != Kind::Unchanged) {
        node::await_all(&pool).await?;
    }
    Ok(())
}

#[cfg_attr(not(feature = "demo"), expect(unused_variables, reason = "the production build knows no demo"))]
async fn database(arguments: &Arguments, file: Option<PathBuf>) -> anyhow::Result<(PgPool, Environment)> {
    #[cfg(feature = "demo")]
    if let Some(directory) = &arguments.demo_dir {
        return Ok((super::demo::reach(directory).await?, Environment::Development));
    }
    let settings = settings(file, Purpose::Serve)?;
    Ok((node::connect_to_schema(&settings).await?, settings.environment))
}

fn assignment(text: &str) -> Result<(String, String), String> {
    text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "write NAME=VALUE".to_owned())
}
