//! Switches that let a developer's machine call more than the internet.

use std::path::PathBuf;

use crate::config::{ConfigFault, Settings};

#[derive(Debug, clap::Args)]
pub(super) struct Outward {
    /// Believe the authorities in this PEM file, too, in outgoing calls; in development alone, may be given again
    #[arg(long, value_name = "FILE")]
    trust: Vec<PathBuf>,
    /// Let clients publish their keys at this host, though it is not on the internet; in development alone, may be given again
    #[arg(long, value_name = "HOST")]
    allow_outbound: Vec<String>,
}

impl Outward {
    pub(super) fn apply(&self, settings: &mut Settings) -> Result<(), ConfigFault> {
        settings.outbound.widen(settings.environment, &self.allow_outbound, &self.trust)
    }
}
