//! `ias secrets add|list|remove`: secrets of clients and API resources, made here and shown once (CAU-07, CAU-09).

use std::path::PathBuf;

use clap::Subcommand;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::{node, place::Place, say};
use crate::{
    base::clock::Clock,
    flows::admin::made_secrets::{self, OwnerName},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a secret and print it, this once: the database keeps its hash
    Add {
        #[command(flatten)]
        owner: Owner,
        /// What tells it from the owner's other secrets
        #[arg(long)]
        label: String,
        /// After so many days it stops to work
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
        expires_in: Option<u32>,
    },
    /// Every secret of the owner with its end and its last use, which is written down each minute
    List {
        #[command(flatten)]
        owner: Owner,
    },
    /// Take a secret away; when the command ends, no node accepts it
    Remove {
        #[command(flatten)]
        owner: Owner,
        /// Which
        #[arg(long)]
        label: String,
    },
}

#[derive(Debug, clap::Args)]
struct Owner {
    /// The client's id, such as @myorg.is/webapp
    name: String,
    /// The name is that of an API resource
    #[arg(long)]
    api_resource: bool,
    #[command(flatten)]
    place: Place,
}

impl Owner {
    fn name(&self) -> OwnerName<'_> {
        OwnerName { name: &self.name, of_api_resource: self.api_resource }
    }
}

pub(super) async fn run(arguments: Arguments, file: Option<PathBuf>) -> anyhow::Result<()> {
    let now = Clock::System.now();
    match arguments.command {
        Command::Add { owner, label, expires_in } => {
            let (settings, pool) = owner.place.reach(file).await?;
            let end = expires_in.map(|days| now + Duration::days(days.into()));
            let secret = made_secrets::add(&pool, settings.environment, owner.name(), &label, end, now).await?;
            say(secret.expose());
        }
        Command::List { owner } => {
            let (_, pool) = owner.place.reach(file).await?;
            for secret in made_secrets::list(&pool, owner.name()).await? {
                let [made, end, used] = [Some(secret.created_at), secret.expires_at, secret.last_used_at].map(written);
                say(&format!("{}  made {made}  expires {end}  last used {used}", secret.label));
            }
        }
        Command::Remove { owner, label } => {
            let (settings, pool) = owner.place.reach(file).await?;
            made_secrets::remove(&pool, settings.environment, owner.name(), &label, now).await?;
            say(&format!("removed {label}"));
            // decision F: answered when no node accepts it any more
            node::await_all(&pool).await?;
        }
    }
    Ok(())
}

fn written(at: Option<OffsetDateTime>) -> String {
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| "-".to_owned())
}
