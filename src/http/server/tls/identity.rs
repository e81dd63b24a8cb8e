//! Certificate and key of a listener, read from their files.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use time::OffsetDateTime;
use tokio_rustls::rustls::{
    Error,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    sign::CertifiedKey,
};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};
use zeroize::Zeroizing;

use super::Options;

/// Why certificate and key do not serve.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// not there, or not for us
    #[error("{} cannot be read: {}", .0.display(), .1)]
    Unreadable(PathBuf, #[source] io::Error),
    /// no certificate in it, or none that can be read
    #[error("{} does not begin with a certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// no private key in it
    #[error("{} holds no private key in PEM", .0.display())]
    NoKey(PathBuf),
    /// they do not belong together, or are of a kind that is not spoken
    #[error("the certificate in {} and the key cannot be used together: {}", .0.display(), .1)]
    Unusable(PathBuf, #[source] Error),
    /// past its time
    #[error("the certificate in {} has ended at {}", .0.display(), .1)]
    Ended(PathBuf, OffsetDateTime),
    /// somebody else's
    #[error("the certificate in {} does not name {}", .0.display(), .1)]
    OtherHost(PathBuf, String),
}

/// Certificate and key, which belong together.
pub(super) struct Identity {
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) not_after: OffsetDateTime,
}

impl Identity {
    pub(super) fn read(options: &Options, provider: &CryptoProvider) -> Result<Self, TlsFault> {
        let Options { certificate: path, key, host, .. } = options;
        let none = || TlsFault::NoCertificate(path.clone());
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&read(path)?).collect::<Result<_, _>>().map_err(|_| none())?;
        let leaf = chain.first().ok_or_else(none)?.clone();
        let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| TlsFault::NoKey(key.clone()))?;
        let unusable = |error| TlsFault::Unusable(path.clone(), error);
        let certified = CertifiedKey::from_der(chain, secret, provider).map_err(unusable)?;
        let (_, parsed) = X509Certificate::from_der(&leaf).map_err(|_| none())?;
        let not_after = parsed.validity().not_after.to_datetime();
        if not_after <= options.clock.now() {
            return Err(TlsFault::Ended(path.clone(), not_after));
        }
        if let Some(host) = host.as_ref().filter(|host| !names(&leaf, host)) {
            return Err(TlsFault::OtherHost(path.clone(), host.clone()));
        }
        Ok(Self { certified: Arc::new(certified), not_after })
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsFault> {
    fs::read(path).map(Zeroizing::new).map_err(|error| TlsFault::Unreadable(path.to_owned(), error))
}

fn names(leaf: &CertificateDer<'_>, host: &str) -> bool {
    let Ok(host) = ServerName::try_from(host) else { return false };
    webpki::EndEntityCert::try_from(leaf).is_ok_and(|leaf| leaf.verify_is_valid_for_subject_name(&host).is_ok())
}

/// By which it is seen that a file was written or replaced.
#[derive(PartialEq, Eq)]
pub(super) struct Stamp([Option<(u64, u64, i64, i64)>; 2]);

impl Stamp {
    pub(super) fn of(options: &Options) -> Self {
        Self([&options.certificate, &options.key].map(|path| {
            let file = fs::metadata(path).ok()?;
            Some((file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
        }))
    }
}
