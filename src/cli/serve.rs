//! `ias serve`.

use std::{net::SocketAddr, path::PathBuf};

use super::{
    node::{self, Node},
    outward::Outward,
    settings, stop_signal,
};
use crate::{config::Purpose, telemetry::logging};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Join the demo of this directory as a further node
    #[cfg(feature = "demo")]
    #[arg(long, value_name = "DIR", requires = "listen")]
    demo_dir: Option<PathBuf>,
    /// The address to serve on, in place of server.listen
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    outward: Outward,
}

pub(super) async fn run(arguments: Arguments, file: Option<PathBuf>) -> anyhow::Result<()> {
    #[cfg(feature = "demo")]
    if let (Some(directory), Some(listen)) = (&arguments.demo_dir, arguments.listen) {
        return super::demo::join(directory, listen, &arguments.outward).await;
    }
    let mut settings = settings(file, Purpose::Serve)?;
    arguments.outward.apply(&mut settings)?;
    logging::install(&settings.telemetry)?;
    if let Some(listen) = arguments.listen {
        settings.server.listen = listen;
    }
    let pool = node::connect(&settings).await?;
    let listener = node::listen(settings.server.listen, "--listen or server.listen").await?;
    let operations = node::listen(settings.server.operations_listen, "server.operations_listen").await?;
    let card = match settings.server.card_listen {
        Some(address) => Some(node::listen(address, "server.card_listen").await?),
        None => None,
    };
    let node = Node::start(settings, pool, listener, operations, card).await?;
    let stopped = stop_signal();
    tracing::info!(issuer = node.app.urls.issuer(), operations = %node.operations, "serving");
    stopped.await;
    tracing::info!("stopping: requests in flight are finished first");
    node.stop(true).await;
    tracing::info!("stopped");
    Ok(())
}
