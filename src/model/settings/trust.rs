//! Rules of trust profiles: whose certificates an identity provider's driver believes (eid.md §5.4).

use der::oid::ObjectIdentifier;
use x509_parser::pem::Pem;

use super::fields::Faults;
use crate::model::identity_provider::{RevocationCheck, TrustProfile};

/// Whether an entry of a list is what it should be.
type Fits = fn(&str) -> bool;

/// Checks every field of a trust profile that stands at the path `at`.
pub(super) fn check(faults: &mut Faults, at: &str, trust: &TrustProfile) {
    check_certificates(faults, &format!("{at}.anchors_pem"), &trust.anchors_pem);
    if !trust.intermediates_pem.is_empty() {
        check_certificates(faults, &format!("{at}.intermediates_pem"), &trust.intermediates_pem);
    }
    let lists: [(_, _, Fits, _); 8] = [
        ("require_policies", &trust.require_policies, is_oid, "an object identifier"),
        ("forbid_policies", &trust.forbid_policies, is_oid, "an object identifier"),
        ("extended_key_usages", &trust.extended_key_usages, is_oid, "an object identifier"),
        ("countries", &trust.countries, is_country, "a country code such as IS"),
        ("ocsp_hosts", &trust.ocsp_hosts, is_host, "a host such as ocsp.example.is:8080"),
        ("crl_hosts", &trust.crl_hosts, is_host, "a host such as crl.example.is"),
        ("ocsp_fallback_urls", &trust.ocsp_fallback_urls, is_address, "an address that begins with http:// or https://"),
        ("crl_urls", &trust.crl_urls, is_address, "an address that begins with http:// or https://"),
    ];
    for (field, list, fits, what) in lists {
        check_each(faults, &format!("{at}.{field}"), list, fits, what);
    }
    if trust.national_id_formats.is_empty() {
        faults.add(format!("{at}.national_id_formats"), "needs at least one of etsi, bare10, bare");
    }
    if trust.max_chain.is_some_and(|links| !(1..=3).contains(&links)) {
        faults.add(format!("{at}.max_chain"), "is not 1, 2 or 3");
    }
    check_revocation(faults, at, trust);
}

/// Who is asked is said by whatever the choice needs (X5-03).
fn check_revocation(faults: &mut Faults, at: &str, trust: &TrustProfile) {
    if !trust.ocsp_responders_pem.is_empty() {
        check_certificates(faults, &format!("{at}.ocsp_responders_pem"), &trust.ocsp_responders_pem);
    }
    if trust.ocsp_url.as_deref().is_some_and(|address| !is_address(address)) {
        faults.add(format!("{at}.ocsp_url"), "is not an address that begins with http:// or https://");
    }
    // a sign-in waits for all of them in turn
    if trust.ocsp_fallback_urls.len() > 2 || trust.ocsp_url.is_none() && !trust.ocsp_fallback_urls.is_empty() {
        faults.add(format!("{at}.ocsp_fallback_urls"), "are two at most, beside ocsp_url");
    }
    let asks = |check| trust.revocation == check || trust.revocation == RevocationCheck::OcspThenCrl;
    if asks(RevocationCheck::Ocsp) && trust.ocsp_url.is_none() && trust.ocsp_hosts.is_empty() {
        faults.add(format!("{at}.ocsp_url"), "is required, or ocsp_hosts: without a responder nobody signs in");
    }
    if asks(RevocationCheck::Crl) && trust.crl_urls.is_empty() && trust.crl_hosts.is_empty() {
        faults.add(format!("{at}.crl_urls"), "is required, or crl_hosts: without a revocation list nobody signs in");
    }
}

/// The text holds at least one certificate, and nothing that is none.
pub(super) fn check_certificates(faults: &mut Faults, field: &str, pem: &str) {
    match certificates(pem) {
        Some(1..) => {}
        Some(_) => faults.add(field, "holds no certificate; paste them in PEM, from BEGIN CERTIFICATE to END CERTIFICATE"),
        None => faults.add(field, "holds something that is no certificate in PEM"),
    }
}

/// How many certificates there are; none where a block is no certificate.
fn certificates(pem: &str) -> Option<usize> {
    let is_one = |block: Result<Pem, _>| {
        block.is_ok_and(|block: Pem| block.label == "CERTIFICATE" && block.parse_x509().is_ok()).then_some(())
    };
    Pem::iter_from_buffer(pem.as_bytes()).map(is_one).collect::<Option<Vec<()>>>().map(|found| found.len())
}

fn check_each(faults: &mut Faults, field: &str, list: &[String], fits: Fits, what: &str) {
    for (index, entry) in list.iter().enumerate().filter(|(_, entry)| !fits(entry)) {
        faults.add(format!("{field}[{index}]"), format!("`{entry}` is not {what}"));
    }
}

fn is_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn is_oid(text: &str) -> bool {
    ObjectIdentifier::new(text).is_ok()
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

// As `Url` writes a host, so that what a certificate says is compared with the same spelling.
fn is_host(text: &str) -> bool {
    url::Url::parse(&format!("http://{text}/")).is_ok_and(|url| url.as_str() == format!("http://{text}/"))
}
