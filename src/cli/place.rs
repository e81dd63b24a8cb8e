//! Where a command works that runs beside the nodes: the database of the settings, or that of a demo.

use std::path::PathBuf;

use sqlx::PgPool;

use super::{node, settings};
use crate::config::{Purpose, Settings};

#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// Work on the demo of this directory, which must be running
    #[cfg(feature = "demo")]
    #[arg(long, value_name = "DIR")]
    demo_dir: Option<PathBuf>,
}

impl Place {
    /// The settings there, and a connection as the serving role.
    pub(super) async fn reach(&self, file: Option<PathBuf>) -> anyhow::Result<(Settings, PgPool)> {
        #[cfg(feature = "demo")]
        if let Some(directory) = &self.demo_dir {
            return super::demo::reach(directory).await;
        }
        let settings = settings(file, Purpose::Serve)?;
        let pool = node::connect_to_schema(&settings).await?;
        Ok((settings, pool))
    }
}
