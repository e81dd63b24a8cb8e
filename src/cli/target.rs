//! Whose configuration a command edits: the database of the settings, or that of a demo.

use std::path::PathBuf;

use sqlx::PgPool;

use super::{node, settings};
use crate::config::{Purpose, environment::Environment};

#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// The demo of this directory, which must be running
    #[cfg(feature = "demo")]
    #[arg(long, value_name = "DIR")]
    demo_dir: Option<PathBuf>,
}

impl Target {
    /// Connects to it.
    #[cfg_attr(not(feature = "demo"), expect(clippy::unused_self, reason = "the production build knows no demo"))]
    pub(super) async fn connect(&self, file: Option<PathBuf>) -> anyhow::Result<(PgPool, Environment)> {
        #[cfg(feature = "demo")]
        if let Some(directory) = &self.demo_dir {
            return Ok((super::demo::reach(directory).await?, Environment::Development));
        }
        let settings = settings(file, Purpose::Serve)?;
        Ok((node::connect_to_schema(&settings).await?, settings.environment))
    }
}
