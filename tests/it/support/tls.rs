//! An authority for TLS, and what it issues.

use std::{path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use time::{Duration, OffsetDateTime};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    client::WantsClientCert,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    version::{TLS12, TLS13},
};

/// An authority that nobody but a test trusts.
pub struct TlsAuthority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Issued {
    pub certificate_pem: String,
    pub key_pem: String,
}

impl TlsAuthority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// The DER of the authority's name.
    pub fn name(&self) -> Vec<u8> {
        let (_, pem) = x509_parser::pem::parse_x509_pem(self.pem.as_bytes()).unwrap();
        pem.parse_x509().unwrap().subject().as_raw().to_vec()
    }

    /// For a server at these names, until a day from now.
    pub fn server(&self, names: &[&str]) -> Issued {
        self.server_until(names, tomorrow())
    }

    /// The same, until then.
    pub fn server_until(&self, names: &[&str], not_after: OffsetDateTime) -> Issued {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.issue(CertificateParams::new(names).unwrap(), ExtendedKeyUsagePurpose::ServerAuth, not_after)
    }

    /// For somebody.
    pub fn client(&self, name: &str) -> Issued {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        self.issue(params, ExtendedKeyUsagePurpose::ClientAuth, tomorrow())
    }

    fn issue(&self, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose, not_after: OffsetDateTime) -> Issued {
        params.not_before = not_after - Duration::days(30);
        params.not_after = not_after;
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate_pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Issued { certificate_pem, key_pem: key.serialize_pem() }
    }

    /// Begins a client that trusts this authority and speaks these versions; `None` for both.
    pub fn trusted(&self, tls_1_2_only: bool) -> tokio_rustls::rustls::ConfigBuilder<ClientConfig, WantsClientCert> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let versions: &[_] = if tls_1_2_only { &[&TLS12] } else { &[&TLS13, &TLS12] };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        builder.with_root_certificates(roots)
    }
}

impl Issued {
    /// Writes `tls.pem` and `tls.key`.
    pub fn write(&self, directory: &Path) {
        std::fs::write(directory.join("tls.pem"), &self.certificate_pem).unwrap();
        std::fs::write(directory.join("tls.key"), &self.key_pem).unwrap();
    }

    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate_pem.as_bytes()).unwrap()
    }

    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).unwrap()
    }
}

pub fn tomorrow() -> OffsetDateTime {
    ias::base::clock::Clock::System.now() + Duration::days(1)
}
