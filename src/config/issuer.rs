//! The issuer URL: the root of every address of ours and the claim `iss`.

use std::{net::IpAddr, str::FromStr};

use serde::Deserialize;
use url::{Host, Url};

/// A valid issuer: `http(s)://host[:port]`, kept exactly as it was written, since clients compare it byte for byte (HTTP-17).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Issuer {
    text: String,
    url: Url,
}

impl Issuer {
    /// The text, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The parsed URL; its path is `/`.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What clients send as `Host`: the host, with the port where it is not the scheme's own.
    pub fn authority(&self) -> &str {
        self.text.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// The host alone, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    /// Whether the scheme is https.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the host can only be this machine: `localhost` or a loopback address.
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// Whether people anywhere could reach the host: a name with a dot outside the reserved domains (eid.md §12 (1)).
    pub fn is_public(&self) -> bool {
        const RESERVED: [&str; 6] = [".local", ".localhost", ".internal", ".test", ".invalid", ".example"];
        match self.url.host() {
            Some(Host::Domain(name)) => name.contains('.') && !RESERVED.iter().any(|domain| name.ends_with(domain)),
            _ => false,
        }
    }
}

impl FromStr for Issuer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("`{text}` is not a URL: {error}"))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(format!("`{text}` must begin with https:// (http:// in development)"));
        }
        // The parser normalises; only what it leaves as it was is compared alike by everybody. A path would not be served,
        // and OIDC Discovery §3 forbids query and fragment.
        if url.as_str().strip_suffix('/') != Some(text) || url.path() != "/" {
            return Err(format!(
                "`{text}` must be scheme and host only, in lower case: no path, no slash at the end, no query, no fragment, \
                 no user name and no port that the scheme implies"
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not contain a user name or password".into());
        }
        if matches!(url.host(), Some(Host::Domain(name)) if name.parse::<IpAddr>().is_ok() || name.ends_with('.')) {
            return Err(format!("`{text}` must not end its host with a dot"));
        }
        Ok(Self { text: text.to_owned(), url })
    }
}

impl TryFrom<String> for Issuer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_scheme_and_host_exactly_as_written() {
        for right in ["https://innskra.example.is", "http://localhost:8080", "https://127.0.0.1:8443", "http://[::1]:8080"] {
            let issuer: Issuer = right.parse().expect(right);
            assert_eq!(issuer.as_str(), right);
        }
        for wrong in [
            "",
            "innskra.example.is",
            "ftp://innskra.example.is",
            "https://innskra.example.is/",
            "https://innskra.example.is/ids",
            "https://innskra.example.is?x=1",
            "https://innskra.example.is#x",
            "https://user@innskra.example.is",
            "https://Innskra.example.is",
            "https://innskra.example.is:443",
            "https://innskra.example.is.",
            "https://innskra.example.is\\x",
            " https://innskra.example.is",
        ] {
            assert!(wrong.parse::<Issuer>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_authority_is_what_clients_send_as_host() {
        let authority = |text: &str| text.parse::<Issuer>().expect(text).authority().to_owned();
        assert_eq!(authority("https://innskra.example.is"), "innskra.example.is");
        assert_eq!(authority("http://localhost:8080"), "localhost:8080");
    }

    #[test]
    fn a_public_issuer_has_a_name_that_others_can_resolve() {
        let public = |text: &str| text.parse::<Issuer>().expect(text).is_public();
        assert!(public("https://innskra.island.is"));
        for inside in [
            "https://ias",
            "https://ias.local",
            "https://ias.test",
            "https://10.0.0.1",
            "https://[fd00::1]",
            "https://localhost",
        ] {
            assert!(!public(inside), "{inside}");
        }
    }
}
