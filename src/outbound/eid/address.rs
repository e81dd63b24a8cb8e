//! Addresses in a driver's settings, and which of them production accepts (eid.md §12.2).

use url::Url;

use super::error::DriverFault;
use crate::model::environment::Environment;
pub(super) use crate::model::settings::production::hosts::is_public;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_accepts_public_hosts_alone() {
        let parse = |text| parse("base_url", text, Environment::Production);
        assert!(parse("https://mid.example.is/mid-api").is_ok());
        assert!(matches!(parse("https://simulator/mid-api"), Err(DriverFault::TestAddress("base_url"))));
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
