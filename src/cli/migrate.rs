//! `ias migrate`: as the role that owns the tables; the role that serves gets its rights and no more.

use std::{path::PathBuf, str::FromStr as _};

use sqlx::postgres::PgConnectOptions;

use super::{say, settings};
use crate::{
    base::secret::Secret,
    config::{Purpose, database::Database, environment::Environment},
    store::{migrations, pool, roles::ServingRole},
};

pub(super) async fn run(file: Option<PathBuf>) -> anyhow::Result<()> {
    let settings = settings(file, Purpose::Migrate)?;
    let url = settings.database.migrate_url()?;
    let owner = PgConnectOptions::from_str(url.expose()).map_err(|_| anyhow::anyhow!("database.migrate_url cannot be read"))?;
    if settings.environment == Environment::Production {
        pool::demand_verified_tls(&owner)?;
    }
    let report = migrations::migrate(&owner, &serving_role(&settings.database)).await?;
    for (version, description) in &report.applied {
        say(&format!("migrated {version:04} {description}"));
    }
    if report.role_created {
        say(&format!("made the role {}", settings.database.serving_role));
    }
    say("the schema is that of this version");
    Ok(())
}

/// The serving role, with the password that its own address holds.
fn serving_role(database: &Database) -> ServingRole {
    let password = database
        .url
        .as_ref()
        .and_then(|url| url::Url::parse(url.expose()).ok())
        .filter(|url| url.username() == database.serving_role)
        .and_then(|url| url.password().map(|password| Secret::new(percent_decoded(password))));
    ServingRole { name: database.serving_role.clone(), password }
}

fn percent_decoded(text: &str) -> String {
    // form decoding reads `+` as a space, which a URL's password does not mean
    let query = format!("p={}", text.replace('+', "%2B"));
    form_urlencoded::parse(query.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_read_as_it_stands_in_the_address() {
        assert_eq!(percent_decoded("a%40b+c"), "a@b+c");
    }
}
