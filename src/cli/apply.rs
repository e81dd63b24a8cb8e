//! `ias apply PATH`: organisations, scopes, API resources, clients and identity providers from files, all or nothing.

use std::{collections::BTreeMap, path::PathBuf};

use super::{node, place::Place, say, variable};
use crate::{
    base::{clock::Clock, secret::Secret},
    flows::{
        admin::change::Kind,
        apply::{self, Options},
    },
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A YAML file, or a folder of them
    path: PathBuf,
    #[command(flatten)]
    place: Place,
    /// A value for `${NAME}` in the files
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
}

pub(super) async fn run(arguments: Arguments, file: Option<PathBuf>) -> anyhow::Result<()> {
    let (settings, pool) = arguments.place.reach(file).await?;
    let variables: BTreeMap<String, String> = arguments.set.into_iter().collect();
    let options = Options {
        environment: settings.environment,
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

fn assignment(text: &str) -> Result<(String, String), String> {
    text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "write NAME=VALUE".to_owned())
}
