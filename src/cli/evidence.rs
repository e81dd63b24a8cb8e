//! `ias evidence`: what is kept of a sign-in, opened for an investigation (X5-09).

use std::path::PathBuf;

use uuid::Uuid;

use super::{place::Place, say};
use crate::{base::clock::Clock, flows::admin::evidence, keys::ring::KeyRing};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Id of an attempt, as logs have it, or the reference that a page showed
    #[arg(value_name = "ID")]
    id: Uuid,
    /// Why it is opened, such as the number of the case; it stays in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(arguments: Arguments, file: Option<PathBuf>) -> anyhow::Result<()> {
    let reason = arguments.reason.trim();
    anyhow::ensure!((1..=200).contains(&reason.chars().count()), "--reason: say in at most 200 characters why it is opened");
    let (settings, pool) = arguments.place.reach(file).await?;
    let keys = KeyRing::load(&pool, &settings.keys.master_key()?).await?;
    let opened = evidence::open(&pool, keys.sealing(), arguments.id, reason, Clock::System.now()).await?;
    say(&serde_json::to_string_pretty(&opened)?);
    Ok(())
}
