//! `ias keys list|rotate`: the signing keys and where each stands in its life (KEY-04).

use std::path::PathBuf;

use clap::Subcommand;
use time::format_description::well_known::Rfc3339;

use super::{node, say, settings};
use crate::{
    app::key_lifetimes, base::clock::Clock, config::Purpose, keys::life_cycle, model::signing_key::KeyTimes,
    store::signing_keys,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every key with its state and times
    List,
    /// Announce a new key; it signs after the announcement time, and the others retire then
    Rotate {
        /// Let the new key sign 10 s from now, when every node knows it: only where the old one is in wrong hands, since clients may not know the new one yet
        #[arg(long)]
        now: bool,
    },
}

pub(super) async fn run(arguments: Arguments, file: Option<PathBuf>) -> anyhow::Result<()> {
    let settings = settings(file, Purpose::Serve)?;
    let pool = node::connect_to_schema(&settings).await?;
    let now = Clock::System.now();
    if let Command::Rotate { now: at_once } = arguments.command {
        let announced_for = if at_once { life_cycle::READ_BY_ALL } else { key_lifetimes(&settings).announce };
        let master = settings.keys.master_key()?;
        let kid = life_cycle::rotate(&pool, &master, settings.keys.rsa_bits, now + announced_for, now).await?;
        say(&format!("announced {kid}"));
        node::await_all(&pool).await?;
    }
    let format = |at: time::OffsetDateTime| at.format(&Rfc3339).unwrap_or_default();
    for key in signing_keys::list(&pool).await? {
        let times = KeyTimes::from(&key);
        let [retires, deleted] = [times.retires_at, times.deleted_at].map(|at| at.map_or_else(|| "-".to_owned(), format));
        say(&format!(
            "{}  {:?}  announced {}  signs from {}  retires {retires}  deleted {deleted}",
            times.kid,
            times.state(now),
            format(times.announced_at),
            format(times.signs_from)
        ));
    }
    Ok(())
}
