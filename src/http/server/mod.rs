//! Connections: bounded in number and time, strict about their framing, and finished before the process stops (DOS-01, PRX-05,
//! RT-09).

mod addresses;
mod head;
pub mod tls;
mod watch;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

use self::{
    addresses::Addresses,
    tls::{ClientCertificates, Tls, TlsFault},
    watch::watch,
};
use super::{extract::client_certificate::ClientCertificate, layers::MalformedHead};
use crate::{app::App, base::clock::Clock, config::server::Server, telemetry::metrics};

/// For telling a client of HTTP/2 that its connection ends, where nothing is under way on it.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Where connections come in.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<Arc<Tls>>,
}

impl Listener {
    /// A listener that speaks TLS, where there is some, and nothing else.
    pub fn new(tcp: TcpListener, tls: Option<Arc<Tls>>) -> Self {
        Self { tcp, tls }
    }
}

impl Listener {
    /// The listener of the card host, which asks browsers for certificates where it speaks TLS itself (eid.md §4.4).
    pub fn of_card_host(tcp: TcpListener, app: &App) -> Result<Self, TlsFault> {
        let host = app.configuration().card_hosts().next();
        let asker = app.clone();
        let asked = ClientCertificates::Asked(Box::new(move || asker.configuration().card_issuers()));
        let tls = card_tls(&app.settings.server, host.as_deref(), asked, &app.clock)?;
        Ok(Self::new(tcp, tls.map(Arc::new)))
    }
}

/// The TLS of the card host, where the settings give it a certificate; `host` is that of an identity provider, with its port. Without
/// one nobody is sent there, whatever the certificate names.
pub fn card_tls(
    server: &Server,
    host: Option<&str>,
    client_certificates: ClientCertificates,
    clock: &Clock,
) -> Result<Option<Tls>, TlsFault> {
    let Some((certificate, key)) = server.card_tls_files() else { return Ok(None) };
    let options = tls::Options {
        listener: "card",
        certificate: certificate.clone(),
        key: key.clone(),
        host: host.and_then(|host| host.split(':').next()).map(ToOwned::to_owned),
        handshake_timeout: server.tls_handshake_timeout,
        client_certificates,
        clock: clock.clone(),
    };
    Tls::open(options).map(Some)
}

impl From<TcpListener> for Listener {
    fn from(tcp: TcpListener) -> Self {
        Self::new(tcp, None)
    }
}

/// Serves until `stop` is cancelled, then lets requests in flight finish for as long as the settings say.
pub async fn serve(listener: impl Into<Listener>, router: Router, settings: &Server, stop: CancellationToken) {
    let Listener { tcp: listener, tls } = listener.into();
    let settings = Arc::new(settings.clone());
    let slots = Arc::new(Semaphore::new(settings.max_connections));
    let addresses = Addresses::new(settings.max_connections_per_address, &settings.trusted_proxies);
    let connections = TaskTracker::new();
    if let Some(tls) = &tls {
        connections.spawn(Arc::clone(tls).keep(stop.clone()));
    }
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            () = stop.cancelled() => break,
        };
        let Some((stream, peer, slot)) = accepted else { continue };
        let Some(place) = addresses.admit(peer.ip()) else {
            metrics::RATE_LIMITED.increment(&["connections"]);
            continue;
        };
        let service = Service { peer, router: router.clone(), certificate: None, tasks: connections.clone() };
        let (tls, settings, stop) = (tls.clone(), Arc::clone(&settings), stop.clone());
        // the handshake, too, is the connection's own time, and nobody else waits for it
        connections.spawn(async move {
            match tls {
                None => attend(stream, service, settings, stop).await,
                Some(tls) => attend_tls(stream, &tls, service, settings, stop).await,
            }
            drop((slot, place));
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(settings.shutdown_timeout, connections.wait()).await.is_err() {
        tracing::warn!("requests were still in flight when the time to stop ran out");
    }
}

/// What answers the requests of one connection.
struct Service {
    peer: SocketAddr,
    router: Router,
    certificate: Option<ClientCertificate>,
    tasks: TaskTracker,
}

/// One connection that begins with a handshake.
async fn attend_tls(stream: TcpStream, tls: &Tls, service: Service, settings: Arc<Server>, stop: CancellationToken) {
    let shaken = tokio::select! {
        shaken = tls.shake_hands(stream) => shaken,
        () = stop.cancelled() => None,
    };
    if let Some((stream, certificate)) = shaken {
        attend(stream, Service { certificate, ..service }, settings, stop).await;
    }
}

/// One connection, until its client goes, its time is over, or the node stops. Each request is a task of its own: hyper drops what
/// it waits for when the client goes, but what was begun must end. A transaction that is dropped while it begins stays open on its
/// connection, and whatever that connection commits next is lost (RT-05, STO-08).
async fn attend<S>(stream: S, service: Service, settings: Arc<Server>, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Service { peer, router, certificate, tasks } = service;
    let (stream, watch) = watch(stream);
    let at_work = watch.clone();
    let service = hyper::service::service_fn(move |mut request: Request<hyper::body::Incoming>| {
        let open = at_work.begin();
        if open.is_malformed {
            request.extensions_mut().insert(MalformedHead);
        }
        request.extensions_mut().insert(ConnectInfo(peer));
        if let Some(certificate) = &certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        let answer = router.clone().oneshot(request.map(Body::new));
        // what panics outside of every layer breaks the connection
        tasks.spawn(async move {
            let Ok(answer) = answer.await;
            drop(open);
            answer
        })
    });
    let connection = builder(&settings).serve_connection(TokioIo::new(stream), service).into_owned();
    let mut connection = std::pin::pin!(connection);
    let time_left = tokio::select! {
        // a connection that breaks is its client's matter
        _ = connection.as_mut() => return,
        () = watch.expired(settings.header_timeout, settings.idle_timeout) => LAST_WORDS,
        () = stop.cancelled() => settings.request_timeout,
    };
    connection.as_mut().graceful_shutdown();
    drop(tokio::time::timeout(time_left, connection).await);
}

fn builder(settings: &Server) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // Bounds for what never becomes a request; what does is measured at the gate and refused in our own words. hyper's time-out
    // for headers runs from the last answer on, so it is the one for idle connections; the one for headers is the watch's.
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.idle_timeout)
        .max_headers(128)
        .max_buf_size(64 * 1024);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(100).max_header_list_size(32 * 1024);
    builder
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // small answers must not wait for more
            drop(stream.set_nodelay(true));
            Some((stream, peer, slot))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
