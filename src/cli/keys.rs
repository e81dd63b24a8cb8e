//! `ias keys list|rotate|revoke|rewrap`: the signing keys and where each stands in its life (KEY-04).

use std::path::PathBuf;

use clap::Subcommand;
use sqlx::PgPool;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{node, place::Place, say};
use crate::{
    app::key_lifetimes,
    base::clock::Clock,
    config::Settings,
    keys::{
        life_cycle::{self, Revocation},
        rewrap,
    },
    model::signing_key::KeyTimes,
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
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Announce a new key; it signs after the announcement time, and the others retire then
    Rotate {
        /// Let the new key sign 10 s from now, when every node knows it; clients that keep the JWKS for a while do not know it yet
        #[arg(long)]
        now: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Seal every key under the newest master key; nodes with keys.previous_master_key read on meanwhile
    Rewrap {
        #[command(flatten)]
        place: Place,
    },
    /// Take a key that may be in wrong hands out of service: nothing that it signed is believed any more, and a new one signs at
    /// once
    Revoke {
        /// As `ias keys list` shows it
        kid: String,
        #[command(flatten)]
        place: Place,
    },
}

pub(super) async fn run(arguments: Arguments, file: Option<PathBuf>) -> anyhow::Result<()> {
    let (Command::List { place } | Command::Rotate { place, .. } | Command::Rewrap { place } | Command::Revoke { place, .. }) =
        &arguments.command;
    let (settings, pool) = place.reach(file).await?;
    let now = Clock::System.now();
    match &arguments.command {
        Command::List { .. } => {}
        Command::Rotate { now: at_once, .. } => {
            let announced_for = if *at_once { life_cycle::READ_BY_ALL } else { key_lifetimes(&settings).announce };
            let master = settings.keys.master_key()?;
            let kid = life_cycle::rotate(&pool, &master, settings.keys.rsa_bits, now + announced_for, now).await?;
            say(&format!("announced {kid}"));
            node::await_all(&pool).await?;
        }
        Command::Rewrap { .. } => {
            let master = settings.keys.master_key()?;
            let count = rewrap::rewrap(&pool, &master, now).await?;
            say(&format!("{count} keys were sealed anew; all are under the master key {} now", master.id()));
            return Ok(());
        }
        Command::Revoke { kid, .. } => revoke(&settings, &pool, kid, now).await?,
    }
    let format = |at: OffsetDateTime| at.format(&Rfc3339).unwrap_or_default();
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

async fn revoke(settings: &Settings, pool: &PgPool, kid: &str, now: OffsetDateTime) -> anyhow::Result<()> {
    let master = settings.keys.master_key()?;
    match life_cycle::revoke(pool, &master, settings.keys.rsa_bits, kid, now).await? {
        Revocation::Revoked { successor } => {
            say(&format!("revoked {kid}"));
            if let Some(successor) = successor {
                say(&format!("{successor} signs from now on"));
            }
            node::await_all(pool).await?;
        }
        Revocation::RevokedBefore => say(&format!("{kid} was revoked before")),
    }
    Ok(())
}
