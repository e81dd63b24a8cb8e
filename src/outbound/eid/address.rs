//! Addresses in a driver's settings, and which of them production accepts (eid.md §12.2).

use url::{Host, Url};

use super::error::DriverFault;
use crate::model::environment::Environment;

/// Reads an http(s) address without user, query and fragment; `setting` names it in the fault.
pub(super) fn parse(setting: &'static str, text: &str, environment: Environment) -> Result<Url, DriverFault> {
    let url = Url::parse(text).map_err(|_| DriverFault::Address(setting))?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if !plain || !matches!(url.scheme(), "http" | "https") {
        return Err(DriverFault::Address(setting));
    }
    if environment == Environment::Production && !is_public(&url) {
        return Err(DriverFault::TestAddress(setting));
    }
    Ok(url)
}

/// Whether the host can be one on the internet: a name with a dot, or an address outside the private ranges.
pub(super) fn is_public(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let local = [".local", ".localhost", ".test", ".example", ".invalid", ".internal"];
            name.contains('.') && !local.iter().any(|ending| name.ends_with(ending))
        }
        Some(Host::Ipv4(ip)) => {
            !(ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified() || ip.is_documentation())
        }
        Some(Host::Ipv6(ip)) => {
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.to_ipv4_mapped().is_some())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_accepts_public_hosts_alone() {
        let parse = |text| parse("base_url", text, Environment::Production);
        assert!(parse("https://mid.example.is/mid-api").is_ok());
        for text in [
            "https://simulator/mid-api",
            "https://localhost:8090/",
            "https://10.0.0.1/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://[fd00::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://mid.test/",
            "https://169.254.169.254/",
        ] {
            assert!(matches!(parse(text), Err(DriverFault::TestAddress("base_url"))), "{text}");
        }
    }

    #[test]
    fn an_address_is_http_and_nothing_but_an_address() {
        let parse = |text| parse("base_url", text, Environment::Development);
        assert!(parse("http://localhost:8090/mid-api").is_ok());
        for text in ["", "mid-api", "file:///etc/passwd", "https://a:b@host/", "https://host/?a", "https://host/#a"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
