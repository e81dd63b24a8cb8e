//! `[server]`: issuer, listeners, proxies, timeouts and caps.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use serde::Deserialize;

use super::{issuer::Issuer, value};

/// What the listeners need to know.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// the issuer, as clients have it
    pub issuer: Issuer,
    /// where requests are served
    pub listen: SocketAddr,
    /// the PEM file of the listener's certificate and those above it; none where a proxy ends TLS
    pub tls_certificate: Option<PathBuf>,
    /// the PEM file of its private key; there where the certificate is
    pub tls_key: Option<PathBuf>,
    /// where browsers are asked for the certificates of identity cards, on a host of its own; none where they never are
    pub card_listen: Option<SocketAddr>,
    /// the PEM file of that listener's certificate and those above it; none where a proxy asks for certificates
    pub card_tls_certificate: Option<PathBuf>,
    /// the PEM file of its private key
    pub card_tls_key: Option<PathBuf>,
    /// from a connection to the end of its handshake (DOS-01)
    #[serde(deserialize_with = "value::timeout")]
    pub tls_handshake_timeout: Duration,
    /// where health and metrics are served (OPS-03)
    pub operations_listen: SocketAddr,
    /// values of `Host` that are answered, in lower case, with their port where one is sent (PRX-01); never empty once loaded
    #[serde(deserialize_with = "value::list")]
    pub allowed_hosts: Vec<String>,
    /// proxies whose forwarded headers count (PRX-02)
    #[serde(deserialize_with = "value::list")]
    pub trusted_proxies: Vec<IpNet>,
    /// where weaknesses are reported, as a URI for security.txt (OPS-05)
    pub security_contact: Option<String>,
    /// for the whole request header (DOS-01)
    #[serde(deserialize_with = "value::timeout")]
    pub header_timeout: Duration,
    /// from the header to the answer
    #[serde(deserialize_with = "value::timeout")]
    pub request_timeout: Duration,
    /// for a kept connection without a request
    #[serde(deserialize_with = "value::timeout")]
    pub idle_timeout: Duration,
    /// connections at once
    pub max_connections: usize,
    /// connections at once from one address that is no trusted proxy
    pub max_connections_per_address: usize,
    /// requests under way at once; pages are refused at four fifths of it, userinfo at nine tenths (DOS-05)
    pub max_requests: usize,
    /// how long readiness is off before requests are refused
    #[serde(deserialize_with = "value::timeout")]
    pub drain_delay: Duration,
    /// how long requests under way may take to finish when stopping
    #[serde(deserialize_with = "value::timeout")]
    pub shutdown_timeout: Duration,
}

impl Server {
    /// The files of certificate and key, where the listener speaks TLS.
    pub fn tls_files(&self) -> Option<(&PathBuf, &PathBuf)> {
        self.tls_certificate.as_ref().zip(self.tls_key.as_ref())
    }

    /// The files of certificate and key of the card host, where it speaks TLS itself.
    pub fn card_tls_files(&self) -> Option<(&PathBuf, &PathBuf)> {
        self.card_tls_certificate.as_ref().zip(self.card_tls_key.as_ref())
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.listen == self.operations_listen && self.listen.port() != 0 {
            faults.push(
                "server.operations_listen: must differ from server.listen; health and metrics have a listener of their own"
                    .into(),
            );
        }
        for contact in self.security_contact.iter().filter(|contact| !is_contact(contact)) {
            faults.push(format!(
                "server.security_contact: `{contact}` must be an address such as mailto:security@example.is or https://example.is/security"
            ));
        }
        faults.extend(self.tls_faults());
        faults.extend(self.card_faults());
        for (key, timeout) in [
            ("tls_handshake_timeout", self.tls_handshake_timeout),
            ("header_timeout", self.header_timeout),
            ("request_timeout", self.request_timeout),
            ("idle_timeout", self.idle_timeout),
        ] {
            if timeout.is_zero() {
                faults.push(format!("server.{key}: must be longer than nothing"));
            }
        }
        for (key, cap) in [
            ("max_connections", self.max_connections),
            ("max_connections_per_address", self.max_connections_per_address),
            ("max_requests", self.max_requests),
        ] {
            if cap == 0 {
                faults.push(format!("server.{key}: must be at least 1"));
            }
        }
        for host in
            self.allowed_hosts.iter().filter(|host| host.contains(['/', '*', ' ']) || **host != host.to_ascii_lowercase())
        {
            faults.push(format!("server.allowed_hosts: `{host}` must be a host in lower case, with a port where one is sent"));
        }
        faults
    }

    fn card_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let others = [self.listen, self.operations_listen];
        if self.card_listen.is_some_and(|listen| listen.port() != 0 && others.contains(&listen)) {
            faults.push("server.card_listen: must differ from the other listeners; certificates have one of their own".into());
        }
        match (&self.card_tls_certificate, &self.card_tls_key) {
            (Some(_), None) => {
                faults.push("server.card_tls_key: is missing; name the file of the certificate's private key".into());
            }
            (None, Some(_)) => {
                faults.push("server.card_tls_certificate: is missing; name the file of the key's certificate".into());
            }
            (Some(_), Some(_)) if self.card_listen.is_none() => {
                faults.push("server.card_listen: is missing; name the address that the certificate is for".into());
            }
            _ => {}
        }
        faults
    }

    fn tls_faults(&self) -> Option<String> {
        match (&self.tls_certificate, &self.tls_key) {
            (Some(_), None) => Some("server.tls_key: is missing; name the file of the certificate's private key".into()),
            (None, Some(_)) => Some("server.tls_certificate: is missing; name the file of the key's certificate".into()),
            (Some(_), Some(_)) if !self.issuer.is_https() => Some(format!(
                "server.issuer: `{}` must begin with https://, since the listener speaks TLS",
                self.issuer.as_str()
            )),
            _ => None,
        }
    }
}

/// RFC 9116 §2.5.3
fn is_contact(text: &str) -> bool {
    let of = |scheme| text.strip_prefix(scheme).is_some_and(|rest: &str| !rest.is_empty());
    ["mailto:", "https://", "tel:"].into_iter().any(of) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
