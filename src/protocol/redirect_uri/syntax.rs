//! How a redirect URI is read: RFC 3986 §2 and §3, RFC 8252 §7.1 (RED-04, RED-05).

use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest redirect URI in bytes (§0.2).
pub const MAX_LENGTH: usize = 2048;

/// What a response may add; a redirect URI's own query must not hold them (RED-04).
const RESPONSE_PARAMETERS: [&str; 8] = ["code", "state", "iss", "error", "scope", "session_state", "id_token", "access_token"];

/// Why a URI cannot be registered, in words for the person who registers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriFault {
    /// over [`MAX_LENGTH`]
    #[error("The address is too long. Use at most 2048 characters.")]
    TooLong,
    /// a character outside RFC 3986
    #[error(
        "The address contains a space, a backslash, a control character or another character that cannot stand in a URI. \
         Percent-encode it, and write international host names in their xn-- form."
    )]
    Character,
    /// `%` without two hexadecimal digits
    #[error("A percent sign must be followed by two hexadecimal digits. Write %25 for a percent sign.")]
    PercentEncoding,
    /// no scheme, or nothing after it
    #[error("The address is not absolute. Write it in full, beginning with https://.")]
    NotAbsolute,
    /// `#…`
    #[error("The address has a fragment (#). Remove it; nothing after # reaches the application.")]
    Fragment,
    /// `user@host`
    #[error("The address has a user name or password before the host (@). Remove it.")]
    UserInfo,
    /// the host is empty or not a host
    #[error("The host is not a valid host name. Write a full host name, such as app.example.is.")]
    Host,
    /// the port is not 1–65535 in plain decimal
    #[error("The port is not valid. Write a number from 1 to 65535 without leading zeros, or leave it out.")]
    Port,
    /// a scheme that no client may use
    #[error(
        "The scheme is not allowed. Use https; a native application may also use a private scheme with a dot, such as is.example.app."
    )]
    Scheme,
    /// a private-use scheme for a web client
    #[error("Only native applications may use a private scheme. Use https.")]
    PrivateSchemeNotNative,
    /// `http` where it is not allowed
    #[error(
        "Plain http is not allowed here. Use https; native applications may use http://127.0.0.1 or http://[::1], and web \
         applications http://localhost in development."
    )]
    Http,
    /// an IP address after `https://`
    #[error("An IP address is not allowed in production. Use a host name.")]
    IpLiteral,
    /// a wildcard in production
    #[error("A wildcard (*) is not allowed in this environment. Register each address in full.")]
    WildcardNotAllowed,
    /// a wildcard in a wrong place
    #[error(
        "A wildcard (*) may only be the first label of the host of an https address, once, such as https://*.dev.example.is/callback."
    )]
    WildcardPlace,
    /// a wildcard outside the organisation's domain, or too close to its top
    #[error(
        "A wildcard (*) must be followed by at least three lower-case labels that end with the organisation's own domain, such \
         as *.dev.example.is for example.is."
    )]
    WildcardDomain,
    /// a parameter of the response in the query
    #[error(
        "The query of the address holds a parameter that the response uses (code, state, iss, error, scope, session_state, \
         id_token or access_token). Rename or remove it."
    )]
    ResponseParameter,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Https,
    Http,
    PrivateUse,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Host<'a> {
    /// a private-use scheme may have none
    None,
    Name,
    Ip,
    /// what follows `*.`
    Wildcard(&'a str),
}

/// A URI cut into slices of itself.
pub(super) struct Parts<'a> {
    pub(super) kind: Kind,
    pub(super) scheme: &'a str,
    pub(super) host: Host<'a>,
    pub(super) host_text: &'a str,
    pub(super) port: Option<&'a str>,
    /// path and query
    pub(super) rest: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn read(uri: &'a str) -> Result<Self, RedirectUriFault> {
        check_characters(uri)?;
        let (scheme, after) = uri.split_once(':').ok_or(RedirectUriFault::NotAbsolute)?;
        let kind = kind_of(scheme)?;
        if after.is_empty() {
            return Err(RedirectUriFault::NotAbsolute);
        }
        // Browsers read `https:host` and `https:///host` as `https://host`; here the two slashes and the host must stand.
        let authority_and_rest = after.strip_prefix("//");
        if kind != Kind::PrivateUse && authority_and_rest.is_none() {
            return Err(RedirectUriFault::NotAbsolute);
        }
        let (authority, rest) = match authority_and_rest {
            Some(text) => text.split_at(text.find(['/', '?']).unwrap_or(text.len())),
            None => ("", after),
        };
        if authority.contains('@') {
            return Err(RedirectUriFault::UserInfo);
        }
        if rest.contains(['[', ']']) {
            return Err(RedirectUriFault::Character);
        }
        let (host_text, port) = split_port(authority)?;
        let host = match host_text {
            "" if kind == Kind::PrivateUse && port.is_none() => Host::None,
            _ => host_of(host_text)?,
        };
        check_query(rest)?;
        Ok(Self { kind, scheme, host, host_text, port, rest })
    }

    pub(super) fn is_loopback(&self) -> bool {
        // D10: these two spellings and no other.
        matches!(self.host_text, "127.0.0.1" | "[::1]")
    }
}

// RFC 3986 §2: unreserved, reserved and percent-encoded; nothing else, so that no two readers see different things.
fn check_characters(uri: &str) -> Result<(), RedirectUriFault> {
    if uri.len() > MAX_LENGTH {
        return Err(RedirectUriFault::TooLong);
    }
    if uri.contains('#') {
        return Err(RedirectUriFault::Fragment);
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte);
    if !uri.bytes().all(allowed) {
        return Err(RedirectUriFault::Character);
    }
    let hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let bytes = uri.as_bytes();
    let broken = |(at, &byte): (usize, &u8)| byte == b'%' && !(hex(bytes.get(at + 1)) && hex(bytes.get(at + 2)));
    if bytes.iter().enumerate().any(broken) {
        return Err(RedirectUriFault::PercentEncoding);
    }
    Ok(())
}

// RED-04: an allow-list, decided in lower case. `javascript:`, `data:`, `file:` and their like have no dot.
fn kind_of(scheme: &str) -> Result<Kind, RedirectUriFault> {
    let letters = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !letters || !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return Err(RedirectUriFault::NotAbsolute);
    }
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Ok(Kind::Https),
        "http" => Ok(Kind::Http),
        private if private.split('.').count() >= 2 && private.split('.').all(|label| !label.is_empty()) => Ok(Kind::PrivateUse),
        _ => Err(RedirectUriFault::Scheme),
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), RedirectUriFault> {
    // The colons of an IPv6 address stand before its bracket.
    let after_brackets = authority.rfind(']').map_or(0, |at| at + 1);
    let Some(colon) = authority[after_brackets..].find(':').map(|at| after_brackets + at) else {
        return Ok((authority, None));
    };
    let (host, port) = (&authority[..colon], &authority[colon + 1..]);
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    if digits && port.parse::<u16>().is_ok() { Ok((host, Some(port))) } else { Err(RedirectUriFault::Port) }
}

fn host_of(text: &str) -> Result<Host<'_>, RedirectUriFault> {
    if let Some(inside) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return inside.parse::<Ipv6Addr>().map(|_| Host::Ip).map_err(|_| RedirectUriFault::Host);
    }
    if text.parse::<Ipv4Addr>().is_ok() {
        return Ok(Host::Ip);
    }
    let (name, wildcard) = text.strip_prefix("*.").map_or((text, false), |suffix| (suffix, true));
    if name.contains('*') {
        return Err(RedirectUriFault::WildcardPlace);
    }
    let label =
        |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    // Browsers read `127.1`, `0x7f.1` and `2130706433` as addresses: a last label that is a number makes no name.
    let last = name.rsplit('.').next().unwrap_or_default();
    let number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") || last.starts_with("0X");
    if name.len() > 253 || number || !name.split('.').all(label) {
        return Err(RedirectUriFault::Host);
    }
    Ok(if wildcard { Host::Wildcard(name) } else { Host::Name })
}

fn check_query(rest: &str) -> Result<(), RedirectUriFault> {
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let taken = form_urlencoded::parse(query.as_bytes()).any(|(name, _)| RESPONSE_PARAMETERS.contains(&name.as_ref()));
    if taken { Err(RedirectUriFault::ResponseParameter) } else { Ok(()) }
}
