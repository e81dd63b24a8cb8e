//! Where a part of the demo listens, with or without TLS.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    extract::Request,
    http::{HeaderValue, Version, header},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::server::TlsStream;
use tokio_util::{either::Either, sync::CancellationToken};

use crate::http::server::tls::Tls;

/// HTTP/2 has the host in `:authority` (RFC 9113 §8.3.1); handlers find it where HTTP/1.1 has it.
pub async fn with_host(mut request: Request) -> Request {
    let authority = request.uri().authority().and_then(|authority| HeaderValue::try_from(authority.as_str()).ok());
    if let Some(host) = authority.filter(|_| request.version() == Version::HTTP_2) {
        request.headers_mut().insert(header::HOST, host);
    }
    request
}

type Shaken = (TlsStream<TcpStream>, SocketAddr);

/// A listener that axum serves from.
pub struct Listener(Source);

enum Source {
    Plain(TcpListener),
    /// gives connections whose handshake is done
    Tls {
        address: SocketAddr,
        shaken: mpsc::Receiver<Shaken>,
    },
}

impl From<TcpListener> for Listener {
    fn from(tcp: TcpListener) -> Self {
        Self(Source::Plain(tcp))
    }
}

impl Listener {
    /// Listens with TLS: handshakes go on beside one another, until the listener is dropped.
    ///
    /// # Errors
    /// Where the listener has no address.
    pub fn tls(tcp: TcpListener, tls: Arc<Tls>) -> io::Result<Self> {
        let address = tcp.local_addr()?;
        let (send, shaken) = mpsc::channel(16);
        tokio::spawn(accept(tcp, tls, send));
        Ok(Self(Source::Tls { address, shaken }))
    }
}

async fn accept(tcp: TcpListener, tls: Arc<Tls>, send: mpsc::Sender<Shaken>) {
    let ended = CancellationToken::new();
    let _end = ended.clone().drop_guard();
    tokio::spawn(Arc::clone(&tls).keep(ended));
    loop {
        let accepted = tokio::select! {
            accepted = tcp.accept() => accepted,
            () = send.closed() => return,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let (tls, send) = (Arc::clone(&tls), send.clone());
        tokio::spawn(async move {
            if let Some((stream, _)) = tls.shake_hands(stream).await {
                drop(send.send((stream, peer)).await);
            }
        });
    }
}

impl axum::serve::Listener for Listener {
    type Io = Either<TcpStream, TlsStream<TcpStream>>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match &mut self.0 {
            Source::Plain(tcp) => {
                let (stream, peer) = axum::serve::Listener::accept(tcp).await;
                (Either::Left(stream), peer)
            }
            Source::Tls { shaken, .. } => match shaken.recv().await {
                Some((stream, peer)) => (Either::Right(stream), peer),
                // the task that accepts ends after us alone
                None => std::future::pending().await,
            },
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Source::Plain(tcp) => tcp.local_addr(),
            Source::Tls { address, .. } => Ok(*address),
        }
    }
}
