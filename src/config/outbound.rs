//! `[outbound]`: whom the server asks, and whom it believes.

use std::{fs, path::PathBuf};

use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde::Deserialize;

use super::{ConfigFault, environment::Environment, value};

/// What is opened beside the internet.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbound {
    /// hosts at which clients may publish their keys, whatever their scheme, port and address; in development alone (SSR-02)
    #[serde(deserialize_with = "value::list")]
    pub allowed_hosts: Vec<String>,
    /// PEM certificates of authorities that are believed beside the system's; in development alone
    #[serde(default)]
    pub trusted_roots: String,
}

impl Outbound {
    /// Opens hosts and believes the authorities in these files, as the command line asks; nothing where it asks nothing.
    ///
    /// # Errors
    /// Outside development, with what to do there; and where a file is of no use.
    pub fn widen(&mut self, environment: Environment, hosts: &[String], roots: &[PathBuf]) -> Result<(), ConfigFault> {
        let mut faults = Vec::new();
        if environment != Environment::Development {
            faults.extend((!hosts.is_empty()).then(|| format!("--allow-outbound: {ONLY_PUBLIC_HOSTS}")));
            faults.extend((!roots.is_empty()).then(|| format!("--trust: {ONLY_SYSTEM_ROOTS}")));
        }
        self.allowed_hosts.extend_from_slice(hosts);
        for path in roots {
            match fs::read_to_string(path) {
                Ok(pem) if is_certificates(&pem) => self.trusted_roots.extend(["\n", pem.as_str()]),
                Ok(_) => faults.push(format!("--trust: {} {NO_CERTIFICATE}", path.display())),
                Err(error) => faults.push(format!("--trust: {} cannot be read: {error}", path.display())),
            }
        }
        faults.extend(self.host_faults("--allow-outbound"));
        if faults.is_empty() { Ok(()) } else { Err(ConfigFault(faults)) }
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = self.host_faults("outbound.allowed_hosts").collect();
        if !self.trusted_roots.is_empty() && !is_certificates(&self.trusted_roots) {
            faults.push(format!("outbound.trusted_roots: {NO_CERTIFICATE}"));
        }
        faults
    }

    /// SSR-02: outside development, nothing is opened for addresses that clients supply, and nobody is believed whom the system
    /// does not.
    pub(super) fn faults_outside_development(&self) -> Vec<String> {
        let opened = (!self.allowed_hosts.is_empty()).then(|| format!("outbound.allowed_hosts: {ONLY_PUBLIC_HOSTS}"));
        let believed = (!self.trusted_roots.is_empty()).then(|| format!("outbound.trusted_roots: {ONLY_SYSTEM_ROOTS}"));
        opened.into_iter().chain(believed).collect()
    }

    fn host_faults(&self, key: &'static str) -> impl Iterator<Item = String> {
        // as a URL has it, so that they are compared alike
        let is_host = |host: &str| url::Host::parse(host).is_ok_and(|parsed| parsed.to_string() == host);
        let wrong = self.allowed_hosts.iter().filter(move |host| !is_host(host));
        wrong.map(move |host| format!("{key}: `{host}` must be a host in lower case, without scheme, port and path"))
    }
}

const ONLY_PUBLIC_HOSTS: &str = "is for development; leave it out, and let clients publish their keys on the internet, at a host \
                                 name and port 443, or give them to us with jwks";
const ONLY_SYSTEM_ROOTS: &str = "is for development; leave it out, and add the authority to the system's certificates \
                                 (update-ca-certificates, or SSL_CERT_FILE), or pin it for its provider with tls_roots_pem";
const NO_CERTIFICATE: &str = "is not made of certificates in PEM";

fn is_certificates(pem: &str) -> bool {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    read.is_ok_and(|certificates| !certificates.is_empty())
}
