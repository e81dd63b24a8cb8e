//! Who may use the phone page: browsers that opened it by one of our own names, and their forms only from the page itself.
//!
//! The page has no sign-in, because whoever sits at the machine plays the phones. So other sites must not reach it: neither by a
//! form of theirs nor by a name of theirs that leads to the loopback.

use axum::http::{HeaderMap, Uri, header};

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Whether the Host header names the loopback or the host of `base_url`.
pub fn host_is_ours(headers: &HeaderMap, base_url: &str) -> bool {
    let Some(host) = text(headers, &header::HOST).and_then(|host| host.parse::<Uri>().ok()?.host().map(str::to_owned)) else {
        return false;
    };
    let ours = base_url.parse::<Uri>().ok().and_then(|url| url.host().map(str::to_owned));
    LOOPBACK.contains(&host.as_str()) || ours.as_ref() == Some(&host)
}

/// Whether a form was sent from a page of ours: by what the browser says of the site or, where it says nothing, by the origin.
pub fn form_is_ours(headers: &HeaderMap) -> bool {
    match text(headers, "sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => match (text(headers, &header::ORIGIN), text(headers, &header::HOST)) {
            (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, sender)| sender == host),
            _ => false,
        },
    }
}

fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_name_of_somebody_else_that_leads_to_the_loopback_is_refused() {
        let base = "http://simulator.test:8090";
        for host in ["localhost:8090", "127.0.0.1:8090", "[::1]:8090", "simulator.test:8090"] {
            assert!(host_is_ours(&headers(&[("host", host)]), base), "{host}");
        }
        for host in ["evil.example:8090", "localhost.evil.example", ""] {
            assert!(!host_is_ours(&headers(&[("host", host)]), base), "{host}");
        }
        assert!(!host_is_ours(&headers(&[]), base));
    }

    #[test]
    fn a_form_of_another_site_is_refused() {
        let sent = |pairs: &[(&'static str, &'static str)]| form_is_ours(&headers(pairs));
        assert!(sent(&[("sec-fetch-site", "same-origin")]));
        assert!(sent(&[("origin", "http://localhost:8090"), ("host", "localhost:8090")]));
        for site in ["cross-site", "same-site", "none"] {
            assert!(!sent(&[("sec-fetch-site", site), ("origin", "http://localhost:8090"), ("host", "localhost:8090")]));
        }
        assert!(!sent(&[("origin", "http://localhost:8080"), ("host", "localhost:8090")]));
        assert!(!sent(&[("origin", "null"), ("host", "localhost:8090")]));
        assert!(!sent(&[("host", "localhost:8090")]));
    }
}
