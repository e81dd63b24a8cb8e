//! Redirect URIs: RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §2.1 and §4.1 (RED-03…RED-07, D10, D15).
//!
//! Post-logout redirect URIs and `initiate_login_uri` follow the same rules. One reader cuts the string into slices of itself:
//! what was compared is, byte for byte, what a `Location` shows. No URL library normalises anything in between.

mod syntax;

use syntax::{Host, Kind, Parts};
pub use syntax::{MAX_LENGTH, RedirectUriFault};

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
/// CSP has no notation for IPv6 addresses, and browsers ignore what is none: there too the scheme alone is named.
pub fn origin(uri: &str) -> Option<String> {
    let parts = Parts::read(uri).ok().filter(|_| presentable(uri))?;
    let scheme = parts.scheme.to_ascii_lowercase();
    if parts.kind == Kind::PrivateUse || parts.host_text.starts_with('[') {
        return Some(format!("{scheme}:"));
    }
    let port = parts.port.map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{scheme}://{}{port}", parts.host_text.to_ascii_lowercase()))
}

/// What a person is shown of the place that a URI leads to: its host, or its private-use scheme (CON-03).
pub fn shown(uri: &str) -> Option<&str> {
    let parts = Parts::read(uri).ok()?;
    Some(if parts.kind == Kind::PrivateUse { parts.scheme } else { parts.host_text })
}

/// Whether a form can be posted to a URI: to an application's private-use scheme a browser posts none.
pub fn takes_forms(uri: &str) -> bool {
    Parts::read(uri).is_ok_and(|parts| parts.kind != Kind::PrivateUse)
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

#[cfg(test)]
mod tests;
