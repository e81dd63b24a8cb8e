//! TLS on a listener (PRX-06): version 1.2 or 1.3 with forward secrecy, no early data, HTTP/2 and HTTP/1.1. Certificate and key are
//! files, which are looked at each second: what replaces them serves the next connection, and what cannot be used does not.

mod client_certificates;
mod identity;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::{CryptoProvider, aws_lc_rs},
        server::NoServerSessionStorage,
        sign::SingleCertAndKey,
        version::{TLS12, TLS13},
    },
    server::TlsStream,
};
use tokio_util::sync::CancellationToken;

use self::{
    client_certificates::AnyCertificate,
    identity::{Identity, Stamp},
};
pub use self::{client_certificates::ClientCertificates, identity::TlsFault};
use crate::{base::clock::Clock, http::extract::client_certificate::ClientCertificate, telemetry::metrics};

/// Between two looks at the files.
const PAUSE: Duration = Duration::from_secs(1);

/// What a listener's TLS needs to know.
pub struct Options {
    /// the listener, in metrics and logs: `public` or `card`
    pub listener: &'static str,
    /// PEM: the server's certificate, then those between it and its root
    pub certificate: PathBuf,
    /// PEM: its private key
    pub key: PathBuf,
    /// the host that the certificate must name, where one is known
    pub host: Option<String>,
    /// from the connection to the end of the handshake
    pub handshake_timeout: Duration,
    /// whether browsers are asked for certificates
    pub client_certificates: ClientCertificates,
    /// the time
    pub clock: Clock,
}

/// The TLS of one listener.
pub struct Tls {
    options: Options,
    provider: Arc<CryptoProvider>,
    current: ArcSwap<ServerConfig>,
    state: Mutex<State>,
}

/// What the current configuration was made from, and which files were looked at last.
struct State {
    identity: Identity,
    authorities: Vec<Vec<u8>>,
    seen: Stamp,
}

impl Tls {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// Where they do not serve.
    pub fn open(options: Options) -> Result<Self, TlsFault> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let seen = Stamp::of(&options);
        let identity = Identity::read(&options, &provider)?;
        let state = State { identity, authorities: options.client_certificates.authorities(), seen };
        let current = ArcSwap::from_pointee(server_config(&options, &provider, &state)?);
        metrics::TLS_FILES_UNUSABLE.set(0.0, &[options.listener]);
        let tls = Self { options, provider, current, state: Mutex::new(state) };
        tls.measure();
        Ok(tls)
    }

    /// Takes over what has changed, again and again, until `stop`.
    pub async fn keep(self: Arc<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_some() {
            let tls = Arc::clone(&self);
            // two small files, but a disk may be slow
            drop(tokio::task::spawn_blocking(move || tls.refresh()).await);
        }
    }

    /// Takes over files and authorities where they have changed. Files that cannot be used change nothing: that is logged once, and
    /// seen in a metric for as long as they stay.
    fn refresh(&self) {
        let listener = self.options.listener;
        match self.take_over() {
            Ok(false) => {}
            Ok(true) => {
                metrics::TLS_FILES_UNUSABLE.set(0.0, &[listener]);
                tracing::info!(listener, "certificate and key were read anew");
            }
            Err(fault) => {
                metrics::TLS_FILES_UNUSABLE.set(1.0, &[listener]);
                tracing::error!(listener, %fault, "the new certificate or key is not used; the one before still serves");
            }
        }
        self.measure();
    }

    /// Tells whether the files were new.
    fn take_over(&self) -> Result<bool, TlsFault> {
        // before the files are read: what changes meanwhile is seen the next time
        let seen = Stamp::of(&self.options);
        let authorities = self.options.client_certificates.authorities();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (are_new, are_others) = (state.seen != seen, state.authorities != authorities);
        state.seen = seen;
        state.authorities = authorities;
        let read = are_new.then(|| Identity::read(&self.options, &self.provider)).transpose();
        let refused = match read {
            Ok(Some(identity)) => {
                state.identity = identity;
                None
            }
            Ok(None) => None,
            Err(fault) => Some(fault),
        };
        if are_new || are_others {
            self.current.store(Arc::new(server_config(&self.options, &self.provider, &state)?));
        }
        refused.map_or(Ok(are_new), Err)
    }

    fn measure(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let left = state.identity.not_after - self.options.clock.now();
        metrics::TLS_CERTIFICATE_DAYS_LEFT.set(left / time::Duration::DAY, &[self.options.listener]);
    }

    /// The stream behind the handshake, with the certificate that was shown in it; `None` where it fails or takes too long.
    pub async fn shake_hands(&self, stream: TcpStream) -> Option<(TlsStream<TcpStream>, Option<ClientCertificate>)> {
        let acceptor = TlsAcceptor::from(self.current.load_full());
        let shaken = tokio::time::timeout(self.options.handshake_timeout, acceptor.accept(stream)).await;
        let outcome = match &shaken {
            Ok(Ok(_)) => "done",
            Ok(Err(_)) => "failed",
            Err(_) => "timed_out",
        };
        metrics::TLS_HANDSHAKES.increment(&[self.options.listener, outcome]);
        let stream = shaken.ok()?.inspect_err(|error| tracing::debug!(%error, "a handshake failed")).ok()?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let certificate = ClientCertificate::new(chain.iter().map(|certificate| certificate.to_vec()).collect());
        Some((stream, certificate))
    }
}

fn server_config(options: &Options, provider: &Arc<CryptoProvider>, state: &State) -> Result<ServerConfig, TlsFault> {
    // The provider's suites of 1.2 are all ECDHE with AEAD: forward secrecy (PRX-06).
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| TlsFault::Unusable(options.certificate.clone(), error))?;
    let identity = Arc::new(SingleCertAndKey::from(Arc::clone(&state.identity.certified)));
    let mut config = match options.client_certificates {
        ClientCertificates::NotAsked => builder.with_no_client_auth().with_cert_resolver(identity),
        ClientCertificates::Asked(_) => {
            let verifier = AnyCertificate::new(provider, &state.authorities);
            let mut config = builder.with_client_cert_verifier(Arc::new(verifier)).with_cert_resolver(identity);
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            config
        }
    };
    // PRX-06: what comes early can be sent again by others
    config.max_early_data_size = 0;
    config.alpn_protocols = match options.client_certificates {
        ClientCertificates::NotAsked => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        ClientCertificates::Asked(_) => vec![b"http/1.1".to_vec()],
    };
    Ok(config)
}
