//! Asking browsers for certificates (eid.md §4.4): possession of the key is proved here, everything else is the door's to judge.

use std::sync::Arc;

use tokio_rustls::rustls::{
    DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};

/// Whether browsers are asked for certificates.
pub enum ClientCertificates {
    /// they are not
    NotAsked,
    /// They are asked for one of the authorities that this names, each second anew, as the DER of their names, and may come without. Any certificate passes
    /// whose key the handshake proves: what is wrong with it the door says in words. Nothing is resumed, since behind a later
    /// connection there may be somebody else at the same machine, and nothing but HTTP/1.1 is spoken, so that an answer can end
    /// its connection.
    Asked(Box<dyn Fn() -> Vec<Vec<u8>> + Send + Sync>),
}

impl ClientCertificates {
    pub(super) fn authorities(&self) -> Vec<Vec<u8>> {
        match self {
            Self::NotAsked => Vec::new(),
            Self::Asked(authorities) => authorities(),
        }
    }
}

/// Takes every certificate whose key signs the handshake.
#[derive(Debug)]
pub(super) struct AnyCertificate {
    algorithms: WebPkiSupportedAlgorithms,
    /// by these the browser chooses what it offers
    authorities: Vec<DistinguishedName>,
}

impl AnyCertificate {
    pub(super) fn new(provider: &Arc<CryptoProvider>, authorities: &[Vec<u8>]) -> Self {
        let authorities = authorities.iter().filter(|name| !name.is_empty()).cloned().map(DistinguishedName::from).collect();
        Self { algorithms: provider.signature_verification_algorithms, authorities }
    }
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.authorities
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
