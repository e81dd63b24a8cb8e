//! `ias eid-simulator`: the simulator by itself, for staging environments and other people's tests.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::{node, say, stop_signal, variable};
use crate::{
    base::{clock::Clock, digest, entropy, secret::Secret},
    config::environment::Environment,
    demo::eid_simulator::{AppKey, AppOptions, Mode, Options, RelyingParty, Simulator},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The address to serve on: wire protocol, phone page and control API
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Where keys and certificates stay
    #[arg(long, default_value = ".ias/eid-simulator", value_name = "DIR")]
    data_dir: PathBuf,
    /// The address under which others reach it; it stands in certificates
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Approve every request at once
    #[arg(long)]
    auto_approve: bool,
    /// Let apps lead browsers back to http addresses on this machine, which a real one refuses
    #[arg(long)]
    allow_http_callback: bool,
    /// Give apps shorter keys (RSA-2048), as for many sign-ins at once
    #[arg(long)]
    short_app_keys: bool,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    // eid.md §12 (8)
    anyhow::ensure!(
        variable("IAS__ENVIRONMENT").as_deref() != Some(Environment::Production.as_str()),
        "the simulator does not run where IAS__ENVIRONMENT is production: its electronic IDs prove nothing"
    );
    // EID_SIMULATOR_TOKEN so that other programs can know it; else a new one, shown once
    let given = variable("EID_SIMULATOR_TOKEN");
    let token = given.clone().unwrap_or_else(|| digest::base64url(entropy::bytes::<32>()));
    let listener = node::listen(arguments.listen, "--listen").await?;
    let address = listener.local_addr()?;
    let public_url = arguments.public_url.unwrap_or_else(|| format!("http://{address}"));
    let simulator = Simulator::new(Options {
        data_dir: arguments.data_dir,
        public_url: public_url.clone(),
        relying_party: RelyingParty::default(),
        mode: if arguments.auto_approve { Mode::Auto { delay_ms: 0..=0 } } else { Mode::Manual },
        control_token: Secret::new(token.clone()),
        clock: Clock::System,
        apps: AppOptions {
            key: if arguments.short_app_keys { AppKey::Short } else { AppKey::Usual },
            http_callbacks: arguments.allow_http_callback,
        },
    })
    .await
    .context("the simulator cannot start")?;
    if arguments.allow_http_callback {
        say("apps lead browsers back to http addresses: not as a real service does");
    }
    let stopped = stop_signal();
    say("HERMIR: this simulator issues electronic IDs that prove nothing");
    say(&format!("wire     {public_url}/mid-api"));
    say(&format!("         {public_url}/smart-id-rp/v3"));
    say(&format!("phone    {public_url}/phone"));
    say(&format!("control  {public_url}/control"));
    if given.is_none() {
        say(&format!("token    {token}"));
    }
    say(&format!("anchors for the trust profile:\n{}", simulator.anchors_pem()));
    let stop = CancellationToken::new();
    let serving = tokio::spawn(simulator.serve(listener, stop.clone()));
    stopped.await;
    stop.cancel();
    serving.await?
}
