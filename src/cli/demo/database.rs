//! The demo's database: its own Postgres in the data directory, or the one of `DATABASE_URL`.

use std::{path::Path, str::FromStr as _};

use anyhow::Context as _;
use sqlx::postgres::PgConnectOptions;

use super::{say, state::State, variable};
use crate::{
    demo::postgres::{self, Postgres},
    store::{migrations, roles::ServingRole},
};

/// The database in a Postgres of our own.
pub(super) const NAME: &str = "ias";
/// Names another.
const VARIABLE: &str = "DATABASE_URL";

/// A database with the schema of this version.
pub(super) struct Database {
    /// signs in as the role that owns the tables
    pub(super) owner: PgConnectOptions,
    /// absent where it is another's
    server: Option<Postgres>,
}

impl Database {
    /// Starts or reaches it, and brings it up to date.
    pub(super) async fn start(directory: &Path, state: &State) -> anyhow::Result<Self> {
        let database = match given()? {
            Some(owner) => Self { owner, server: None },
            None => Self::own(directory).await?,
        };
        let role = ServingRole { name: state.serving_role().to_owned(), password: Some(state.serving_password()) };
        migrations::migrate(&database.owner, &role).await.with_context(|| match database.server {
            Some(_) => "the demo's database cannot be used; `--fresh` makes a new one".to_owned(),
            None => format!("the database of {VARIABLE} cannot be used"),
        })?;
        Ok(database)
    }

    async fn own(directory: &Path) -> anyhow::Result<Self> {
        let server = postgres::start(postgres::Options::new(directory), say).await?;
        anyhow::ensure!(
            server.owned(),
            "another demo runs in {}; stop it, or choose another directory with --data-dir",
            directory.display()
        );
        migrations::create_database(&server.superuser(), NAME).await?;
        Ok(Self { owner: server.superuser().database(NAME), server: Some(server) })
    }

    /// Signs in as the role that serves.
    pub(super) fn serving(&self, state: &State) -> PgConnectOptions {
        serving(self.owner.clone(), state)
    }

    /// Stops a Postgres of our own.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        match self.server {
            Some(server) => Ok(server.stop().await?),
            None => Ok(()),
        }
    }
}

/// The database of a demo that runs, as the role that serves.
pub(super) async fn join(directory: &Path, state: &State) -> anyhow::Result<PgConnectOptions> {
    if let Some(owner) = given()? {
        return Ok(serving(owner, state));
    }
    let server = postgres::attach(directory).await?;
    let server =
        server.with_context(|| format!("no demo runs in {0}; start it with `ias demo --data-dir {0}`", directory.display()))?;
    Ok(serving(server.superuser().database(NAME), state))
}

/// A database of somebody else's is not ours to empty.
pub(super) fn ensure_ours() -> anyhow::Result<()> {
    anyhow::ensure!(
        variable(VARIABLE).is_none(),
        "--fresh would have to empty the database of {VARIABLE}, which is not the demo's own; leave out one of the two"
    );
    Ok(())
}

fn given() -> anyhow::Result<Option<PgConnectOptions>> {
    // the address may hold a password: an error of the parser must not show it
    let read = |url: String| PgConnectOptions::from_str(&url).ok().filter(|_| url.starts_with("postgres"));
    variable(VARIABLE)
        .map(|url| read(url).with_context(|| format!("{VARIABLE} is no address like postgres://user:password@host/database")))
        .transpose()
}

/// The owner's database, as the role that serves.
pub(super) fn serving(owner: PgConnectOptions, state: &State) -> PgConnectOptions {
    owner.username(state.serving_role()).password(state.serving_password().expose())
}
