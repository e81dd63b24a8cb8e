//! `ias person …` and `ias not-before`: cutting off people and what was given (RT-12, STO-09), and closing telephone numbers to new
//! browsers (ias-domain.md §6.4).

use std::path::PathBuf;

use clap::Subcommand;
use time::{Date, OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};

use super::{node, place::Place, say};
use crate::{
    base::clock::Clock,
    flows::admin::live_state::{self, Whose},
    keys::ring::KeyRing,
    model::{environment::Environment, national_id::NationalId, phone_number::PhoneNumber},
};

#[derive(Debug, clap::Args)]
pub(super) struct Person {
    #[command(subcommand)]
    command: PersonCommand,
}

#[derive(Debug, Subcommand)]
enum PersonCommand {
    /// Let a person not sign in any more, and make void what was given in their name
    Block {
        /// Ten digits; - reads them from standard input, so that no list of processes shows them
        #[arg(value_name = "NATIONAL_ID")]
        national_id: String,
        #[command(flatten)]
        place: Place,
    },
    /// Let a blocked person sign in again; what was given before stays void
    Unblock {
        /// Ten digits; - reads them from standard input
        #[arg(value_name = "NATIONAL_ID")]
        national_id: String,
        #[command(flatten)]
        place: Place,
    },
    /// Close a person's telephone number to browsers in which they have not signed in; one number, until a day
    Restrict {
        /// Ten digits; - reads them from standard input
        #[arg(value_name = "NATIONAL_ID")]
        national_id: String,
        /// Seven digits; - reads them from standard input, from the line after the national id
        #[arg(long, value_name = "NUMBER")]
        phone_number: String,
        /// The first day on which the number is open again, as 2026-12-24; tomorrow at the earliest
        #[arg(long, value_name = "DAY", value_parser = day)]
        until: Date,
        #[command(flatten)]
        place: Place,
    },
    /// Open a person's telephone number to every browser again
    LiftRestriction {
        /// Ten digits; - reads them from standard input
        #[arg(value_name = "NATIONAL_ID")]
        national_id: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct NotBefore {
    #[command(subcommand)]
    whose: WhoseCommand,
}

#[derive(Debug, Subcommand)]
enum WhoseCommand {
    /// Everybody's: after a restore, its moment
    Everybody {
        #[command(flatten)]
        when: When,
    },
    /// What a client was given
    Client {
        /// @domain/name
        client_id: String,
        #[command(flatten)]
        when: When,
    },
    /// What was given in a person's name
    Person {
        /// Ten digits; - reads them from standard input
        #[arg(value_name = "NATIONAL_ID")]
        national_id: String,
        #[command(flatten)]
        when: When,
    },
}

#[derive(Debug, clap::Args)]
struct When {
    /// The moment, as 2026-11-22T10:00:00Z; left out: now
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<OffsetDateTime>,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn person(arguments: Person, file: Option<PathBuf>) -> anyhow::Result<()> {
    let now = Clock::System.now();
    match arguments.command {
        PersonCommand::Block { national_id, place } => {
            let national_id = read_national_id(&national_id)?;
            let (_, pool) = place.reach(file).await?;
            live_state::block(&pool, &national_id, now).await?;
            say("blocked: no sign-in, and nothing that was given before holds any more");
        }
        PersonCommand::Unblock { national_id, place } => {
            let national_id = read_national_id(&national_id)?;
            let (_, pool) = place.reach(file).await?;
            let done = live_state::unblock(&pool, &national_id, now).await?;
            anyhow::ensure!(done, "nobody of this national id is blocked");
            say("the person may sign in again");
        }
        PersonCommand::Restrict { national_id, phone_number, until, place } => {
            let national_id = read_national_id(&national_id)?;
            let typed = read(&phone_number)?;
            // Iceland keeps UTC all year
            let until = until.midnight().assume_utc();
            anyhow::ensure!(until > now, "--until: name a day that is still to come");
            let (settings, pool) = place.reach(file).await?;
            let number = PhoneNumber::parse(&typed, settings.environment != Environment::Production)?;
            let keys = KeyRing::load(&pool, &settings.keys.master_key()?).await?;
            live_state::restrict(&pool, &national_id, &number.key(keys.pseudonyms()), until, now).await?;
            say("closed: with this number only browsers that the person has signed in with go on");
        }
        PersonCommand::LiftRestriction { national_id, place } => {
            let national_id = read_national_id(&national_id)?;
            let (_, pool) = place.reach(file).await?;
            let done = live_state::lift_restriction(&pool, &national_id, now).await?;
            anyhow::ensure!(done, "this person has closed no number");
            say("the person's number is open to every browser again");
        }
    }
    Ok(())
}

pub(super) async fn not_before(arguments: NotBefore, file: Option<PathBuf>) -> anyhow::Result<()> {
    let (whose, when) = match arguments.whose {
        WhoseCommand::Everybody { when } => (Whose::Everybody, when),
        WhoseCommand::Client { client_id, when } => (Whose::Client(client_id), when),
        WhoseCommand::Person { national_id, when } => (Whose::Person(read_national_id(&national_id)?), when),
    };
    let now = Clock::System.now();
    let not_before = when.at.unwrap_or(now);
    anyhow::ensure!(not_before <= now, "--at: a moment that is still to come would keep everybody out until then");
    let (_, pool) = when.place.reach(file).await?;
    if !live_state::set_not_before(&pool, &whose, not_before, now).await? {
        match whose {
            Whose::Client(client_id) => anyhow::bail!("there is no client `{client_id}`; its name is written @domain/name"),
            _ => anyhow::bail!("nobody of this national id has ever signed in"),
        }
    }
    say(&format!("what was given by authentications before {} is void", not_before.format(&Rfc3339)?));
    // everybody's and a client's are in the memory of the nodes
    if matches!(whose, Whose::Person(_)) { Ok(()) } else { node::await_all(&pool).await }
}

/// From the argument, or from standard input.
fn read_national_id(argument: &str) -> anyhow::Result<NationalId> {
    NationalId::parse(&read(argument)?).map_err(|_| anyhow::anyhow!("a national id has ten digits"))
}

fn read(argument: &str) -> std::io::Result<String> {
    let mut text = argument.to_owned();
    if argument == "-" {
        text.clear();
        std::io::stdin().read_line(&mut text)?;
    }
    Ok(text)
}

fn day(text: &str) -> Result<Date, String> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).map_err(|_| "write a day as 2026-12-24".to_owned())
}

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| "write a moment as 2026-11-22T10:00:00Z".to_owned())
}
