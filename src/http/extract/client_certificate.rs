//! The certificate that a browser showed in the handshake of its connection.

use std::{fmt, sync::Arc};

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
