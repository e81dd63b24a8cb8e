//! Cookies: their attributes (COO-01), and one that comes twice (COO-02).

use std::collections::BTreeMap;

use ias::model::urls::path;

use super::{HTML, authorize, send};
use crate::support::{
    person::Person,
    server::{PHONE, TestServer},
};

/// The cookies of an answer: name, value, attributes in lower case.
fn set_cookies(headers: impl IntoIterator<Item = String>) -> BTreeMap<String, (String, Vec<String>)> {
    headers
        .into_iter()
        .map(|cookie| {
            assert!(cookie.len() <= 4096, "{cookie}");
            let (pair, attributes) = cookie.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let attributes = attributes.to_ascii_lowercase().split("; ").map(ToOwned::to_owned).collect();
            (name.to_owned(), (value.to_owned(), attributes))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn coo_01_cookies_are_host_only_secure_opaque_and_out_of_reach_of_scripts() {
    for https in [false, true] {
        let server = TestServer::start_with(|settings| {
            if https {
                settings.server.issuer = "https://ias.example.is".parse().unwrap();
            }
        })
        .await;
        let mut person = Person::new().stopping_at("https://app.myorg.is/");
        person.sign_in(format!("{}{}", server.address, authorize("&lang=is")), PHONE).await;
        let prefix = if https { "__Host-" } else { "" };
        let mut opaque = Vec::new();
        for name in ["ias_session", "ias_browser"] {
            let value = person.cookie("localhost", &format!("{prefix}{name}")).unwrap_or_else(|| panic!("no {name}"));
            let (_, random) = value.split_once('_').unwrap();
            assert!(random.len() >= 43 && random.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            opaque.push(random.to_owned());
        }
        assert_ne!(opaque[0], opaque[1]);
        let first = send(&server, "GET", &authorize(""), &[HTML], b"").await;
        let chosen = send(&server, "GET", &format!("{}?lang=en", path::END_SESSION), &[HTML], b"").await;
        let headers = [first, chosen].into_iter().flat_map(|answer| answer.headers).filter(|(name, _)| name == "set-cookie");
        let cookies = set_cookies(headers.map(|(_, value)| value));
        assert!(cookies.contains_key(&format!("{prefix}ias_browser")), "{cookies:?}");
        for (name, (_, attributes)) in cookies {
            assert_eq!(name.starts_with("__Host-"), https, "{name}");
            for expected in ["path=/", "httponly", "samesite=lax"] {
                assert!(attributes.iter().any(|attribute| attribute == expected), "{name}: {attributes:?}");
            }
            assert_eq!(attributes.iter().any(|attribute| attribute == "secure"), https, "{name}: {attributes:?}");
            assert!(!attributes.iter().any(|attribute| attribute.starts_with("domain")), "{name}: {attributes:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn coo_02_a_cookie_that_comes_twice_was_planted() {
    let server = TestServer::start().await;
    for name in ["ias_session", "ias_browser", "ias_language"] {
        let twice = format!("{name}=a; other=1; {name}=a");
        for target in [&*authorize(""), path::CHOOSE, path::CONSENT, path::END_SESSION] {
            send(&server, "GET", target, &[HTML, ("cookie", &twice)], b"").await.is_page(400);
            let (one, two) = (format!("{name}=a"), format!("{name}=b"));
            send(&server, "GET", target, &[HTML, ("cookie", &one), ("cookie", &two)], b"").await.is_page(400);
        }
    }
    // somebody else's cookie is not our business
    assert_eq!(send(&server, "GET", &authorize(""), &[HTML, ("cookie", "a=1; a=2")], b"").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn coo_02_a_form_of_a_sibling_site_is_refused() {
    let server = TestServer::start().await;
    let sibling = [
        vec![("sec-fetch-site", "same-site"), ("origin", "https://other.example.is")],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "none")],
        vec![("origin", "https://other.example.is")],
        vec![("origin", "null")],
        vec![("referer", "https://other.example.is/")],
        vec![],
    ];
    for from in sibling {
        for target in [path::CHOOSE, path::START, path::WAIT, path::CONSENT] {
            let headers = [&from[..], &[super::FORM, HTML]].concat();
            let answer = send(&server, "POST", target, &headers, b"request=x&decision=allow").await;
            assert_eq!(answer.status, 403, "{target} {from:?}: {answer:?}");
        }
    }
}
