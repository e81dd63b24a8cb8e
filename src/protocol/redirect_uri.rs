//! Redirect URIs: RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §2.1 and §4.1 (RED-03…RED-07, D10, D15).
//!
//! Post-logout redirect URIs and `initiate_login_uri` follow the same rules. One reader cuts the string into slices of itself:
//! what was compared is, byte for byte, what a `Location` shows. No URL library normalises anything in between.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest redirect URI in bytes (§0.2).
pub const MAX_LENGTH: usize = 2048;

/// What a response may add; a redirect URI's own query must not hold them (RED-04).
const RESPONSE_PARAMETERS: [&str; 8] = ["code", "state", "iss", "error", "scope", "session_state", "id_token", "access_token"];

/// What the client and the environment allow when a URI is registered.
#[derive(Clone, Copy, Debug)]
pub struct RegistrationRules<'a> {
    /// the organisation's verified domain, in lower case; a wildcard must lie under it
    pub domain: &'a str,
    /// a native client: loopback addresses and private-use schemes
    pub native: bool,
    /// `http://localhost:PORT` (D15: web clients in development)
    pub http_localhost: bool,
    /// `https://*.…` (D2: staging or development)
    pub wildcard: bool,
    /// `https://` followed by an IP address (not in production)
    pub https_ip_literal: bool,
}

/// How the registered strings of a client are compared with what a request presents.
#[derive(Clone, Copy, Debug, Default)]
pub struct MatchRules {
    /// a native client: the port of a loopback address is free (RED-06)
    pub loopback_any_port: bool,
    /// wildcards mean something (RED-07: never in production)
    pub wildcard: bool,
}

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
    /// a name of [`RESPONSE_PARAMETERS`] in the query
    #[error(
        "The query of the address holds a parameter that the response uses (code, state, iss, error, scope, session_state, \
         id_token or access_token). Rename or remove it."
    )]
    ResponseParameter,
}

/// Whether a URI may be registered (RED-04, RED-07).
///
/// # Errors
/// The first fault found, in words for the person who registers it.
pub fn check_registration(uri: &str, rules: &RegistrationRules<'_>) -> Result<(), RedirectUriFault> {
    let parts = Parts::read(uri)?;
    if let Host::Wildcard(suffix) = parts.host {
        return check_wildcard(uri, &parts, suffix, rules);
    }
    if uri.contains('*') {
        return Err(RedirectUriFault::WildcardPlace);
    }
    match parts.kind {
        Kind::Https if matches!(parts.host, Host::Ip) && !rules.https_ip_literal => Err(RedirectUriFault::IpLiteral),
        Kind::Https => Ok(()),
        Kind::Http if rules.native && parts.is_loopback() => Ok(()),
        Kind::Http if rules.http_localhost && parts.host_text == "localhost" => Ok(()), // D15
        Kind::Http => Err(RedirectUriFault::Http),
        Kind::PrivateUse if rules.native => Ok(()), // RFC 8252 §7.1
        Kind::PrivateUse => Err(RedirectUriFault::PrivateSchemeNotNative),
    }
}

fn check_wildcard(uri: &str, parts: &Parts<'_>, suffix: &str, rules: &RegistrationRules<'_>) -> Result<(), RedirectUriFault> {
    if !rules.wildcard {
        return Err(RedirectUriFault::WildcardNotAllowed);
    }
    if parts.kind != Kind::Https || uri.matches('*').count() != 1 {
        return Err(RedirectUriFault::WildcardPlace);
    }
    // RED-07: at least three labels of the organisation's own follow; a public suffix is never an organisation's domain.
    let own = suffix.strip_suffix(rules.domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let lower = !suffix.bytes().any(|byte| byte.is_ascii_uppercase());
    if own && lower && !rules.domain.is_empty() && suffix.split('.').count() >= 3 {
        Ok(())
    } else {
        Err(RedirectUriFault::WildcardDomain)
    }
}

/// Whether a request's URI is the registered one (RED-03), or is covered by it where `rules` say so (RED-06, RED-07).
///
/// What is not [`presentable`] never matches.
pub fn matches(registered: &str, presented: &str, rules: MatchRules) -> bool {
    let (Ok(ours), Ok(theirs)) = (Parts::read(registered), Parts::read(presented)) else { return false };
    if !presentable(presented) {
        return false;
    }
    if let Host::Wildcard(suffix) = ours.host {
        return rules.wildcard && ours.kind == Kind::Https && covers(&ours, suffix, &theirs);
    }
    registered == presented || rules.loopback_any_port && same_loopback(&ours, &theirs)
}

// RED-06: scheme, host literal, path and query exact; only the number after the colon is free.
fn same_loopback(ours: &Parts<'_>, theirs: &Parts<'_>) -> bool {
    ours.kind == Kind::Http
        && ours.is_loopback()
        && theirs.port.is_some()
        && (ours.scheme, ours.host_text, ours.rest) == (theirs.scheme, theirs.host_text, theirs.rest)
}

// RED-07: one label of `[a-z0-9-]{1,63}` in the place of the star, all else exact.
fn covers(ours: &Parts<'_>, suffix: &str, theirs: &Parts<'_>) -> bool {
    let Some((label, rest)) = theirs.host_text.split_once('.') else { return false };
    rest == suffix
        && !label.bytes().any(|byte| byte.is_ascii_uppercase())
        && (ours.scheme, ours.port, ours.rest) == (theirs.scheme, theirs.port, theirs.rest)
}

/// Whether a URI that a request presents has the syntax of one that could be registered somewhere (RED-05).
pub fn presentable(uri: &str) -> bool {
    Parts::read(uri).is_ok_and(|parts| match (parts.kind, parts.host) {
        (_, Host::Wildcard(_)) => false,
        (Kind::Http, _) => parts.is_loopback() || parts.host_text == "localhost",
        _ => true,
    })
}

/// The source expression of a URI for the `form-action` of a content security policy: `https://host[:port]`, or `scheme:` for
/// a private-use scheme; `None` where the URI is not [`presentable`].
///
/// CSP has no notation for IPv6 addresses: `[::1]` becomes `*` with the same scheme and port.
pub fn origin(uri: &str) -> Option<String> {
    let parts = Parts::read(uri).ok().filter(|_| presentable(uri))?;
    let scheme = parts.scheme.to_ascii_lowercase();
    if parts.kind == Kind::PrivateUse {
        return Some(format!("{scheme}:"));
    }
    let host = if parts.host_text.starts_with('[') { "*" } else { parts.host_text };
    let port = parts.port.map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{scheme}://{}{port}", host.to_ascii_lowercase()))
}

/// Adds parameters to a URI's query, form-encoded; what stands there is kept byte for byte (RFC 6749 §3.1.2, RSP-01).
pub fn with_query(uri: &str, parameters: &[(&str, &str)]) -> String {
    let mut encoder = form_urlencoded::Serializer::new(String::new());
    let added = encoder.extend_pairs(parameters).finish();
    if added.is_empty() {
        return uri.to_owned();
    }
    let separator = match uri.as_bytes() {
        [.., b'?' | b'&'] => "",
        bytes if bytes.contains(&b'?') => "&",
        _ => "?",
    };
    format!("{uri}{separator}{added}")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Https,
    Http,
    PrivateUse,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Host<'a> {
    /// a private-use scheme may have none
    None,
    Name,
    Ip,
    /// what follows `*.`
    Wildcard(&'a str),
}

/// A URI cut into slices of itself.
struct Parts<'a> {
    kind: Kind,
    scheme: &'a str,
    host: Host<'a>,
    host_text: &'a str,
    port: Option<&'a str>,
    /// path and query
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn read(uri: &'a str) -> Result<Self, RedirectUriFault> {
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

    fn is_loopback(&self) -> bool {
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

#[cfg(test)]
#[path = "redirect_uri_tests.rs"]
mod tests;
