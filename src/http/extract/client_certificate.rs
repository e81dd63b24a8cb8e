//! The certificate that a browser showed in the handshake of its connection.

use std::{convert::Infallible, fmt, net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, request::Parts},
};

use crate::{app::App, base::digest};

/// An extension of every request on a connection whose handshake proved possession of the first certificate's key. Nobody has
/// looked at who issued it: that is the door's part (X5-08). Only a listener that asks for certificates makes it, never a header.
#[derive(Clone)]
pub struct ClientCertificate(Arc<[Vec<u8>]>);

impl ClientCertificate {
    /// The certificates as they came, DER, the person's own first; `None` where there is none.
    pub fn new(chain: Vec<Vec<u8>>) -> Option<Self> {
        (!chain.is_empty()).then(|| Self(chain.into()))
    }

    /// The person's own certificate, DER.
    pub fn leaf(&self) -> &[u8] {
        self.0.first().map_or(&[], Vec::as_slice)
    }

    /// All that came, DER, the person's own first.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.0
    }
}

/// LOG-01: a certificate names a person.
impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({} certificates)", self.0.len())
    }
}

/// The certificate, DER, that a browser showed to the card host, if it showed one: to us in the handshake, or to the TLS proxy in
/// front, which says so in a header (RFC 9440). A header counts only where such a proxy is what the listener is for, and only from
/// the proxies that are configured (PRX-04, X5-08).
pub struct ShownCertificate(pub Option<Vec<u8>>);

impl FromRequestParts<App> for ShownCertificate {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let server = &app.settings.server;
        if server.card_tls_files().is_some() {
            return Ok(Self(parts.extensions.get::<ClientCertificate>().map(|certificate| certificate.leaf().to_vec())));
        }
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
        let is_proxy = peer.is_some_and(|peer| server.trusted_proxies.iter().any(|net| net.contains(&peer)));
        Ok(Self(if is_proxy { from_header(&parts.headers) } else { None }))
    }
}

/// RFC 9440 §2.1: one byte sequence (RFC 8941 §3.3.5), `:base64 of DER:`.
fn from_header(headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut lines = headers.get_all("client-cert").iter();
    let line = lines.next().filter(|_| lines.next().is_none())?.to_str().ok()?;
    digest::from_base64(line.trim().strip_prefix(':')?.strip_suffix(':')?).filter(|der| !der.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn read(lines: &[&'static str]) -> Option<Vec<u8>> {
        let name = HeaderName::from_static("client-cert");
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_static(line));
        }
        from_header(&headers)
    }

    #[test]
    fn a_certificate_in_a_header_is_one_byte_sequence_rfc_9440() {
        assert_eq!(read(&[":AQID:"]), Some(vec![1, 2, 3]));
        assert_eq!(read(&[" :AQID: "]), Some(vec![1, 2, 3]));
        for lines in
            [&[][..], &["AQID"], &[":AQID"], &["::"], &[":A:"], &[":AQ ID:"], &[":AQID:, :AQID:"], &[":AQID:", ":AQID:"]]
        {
            assert_eq!(read(lines), None, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn a_header_gives_back_what_was_sent_and_never_panics(der in prop::collection::vec(any::<u8>(), 1..80), line in any::<Vec<u8>>()) {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&line) {
                headers.insert("client-cert", value);
                prop_assert!(from_header(&headers).is_none_or(|der| !der.is_empty()));
            }
            let value = HeaderValue::try_from(format!(":{}:", digest::base64(&der))).expect("a header");
            headers.insert("client-cert", value);
            prop_assert_eq!(from_header(&headers), Some(der));
        }
    }
}
