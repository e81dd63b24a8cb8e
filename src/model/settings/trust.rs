//! Rules of trust profiles: whose certificates an identity provider's driver believes (eid.md §5.4).

use std::collections::BTreeSet;

use der::oid::ObjectIdentifier;
use x509_parser::pem::Pem;

use super::fields::Faults;
use crate::model::identity_provider::TrustProfile;

/// Words in the names of authorities that only test systems have (eid.md §12.3).
const TEST_WORDS: [&str; 4] = ["HERMIR", "TEST OF", "TEST ", "DEMO"];

/// Checks every field of a trust profile that stands at the path `at`.
pub(super) fn check(faults: &mut Faults, at: &str, trust: &TrustProfile) {
    check_certificates(faults, &format!("{at}.anchors_pem"), &trust.anchors_pem);
    if !trust.intermediates_pem.is_empty() {
        check_certificates(faults, &format!("{at}.intermediates_pem"), &trust.intermediates_pem);
    }
    check_each(faults, &format!("{at}.require_policies"), &trust.require_policies, is_oid, "an object identifier");
    check_each(faults, &format!("{at}.forbid_policies"), &trust.forbid_policies, is_oid, "an object identifier");
    check_each(faults, &format!("{at}.extended_key_usages"), &trust.extended_key_usages, is_oid, "an object identifier");
    check_each(faults, &format!("{at}.countries"), &trust.countries, is_country, "a country code such as IS");
    check_each(faults, &format!("{at}.ocsp_hosts"), &trust.ocsp_hosts, is_host, "a host such as ocsp.example.is:8080");
    if trust.national_id_formats.is_empty() {
        faults.add(format!("{at}.national_id_formats"), "needs at least one of etsi, bare10, bare");
    }
    let fits = |address: &String| url::Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if trust.ocsp_url.as_ref().is_some_and(|address| !fits(address)) {
        faults.add(format!("{at}.ocsp_url"), "is not an address that begins with http:// or https://");
    }
}

/// The text holds at least one certificate, and nothing that is none.
pub(super) fn check_certificates(faults: &mut Faults, field: &str, pem: &str) {
    match authorities(pem) {
        Some(names) if !names.is_empty() => {}
        Some(_) => faults.add(field, "holds no certificate; paste them in PEM, from BEGIN CERTIFICATE to END CERTIFICATE"),
        None => faults.add(field, "holds something that is no certificate in PEM"),
    }
}

/// The names of authorities in a PEM text that only test systems have.
pub(super) fn test_authorities(pem: &str) -> BTreeSet<String> {
    let is_test = |name: &String| TEST_WORDS.iter().any(|word| name.to_uppercase().contains(word));
    authorities(pem).unwrap_or_default().into_iter().flatten().filter(is_test).collect()
}

/// Subject and issuer of each certificate; none where a block is no certificate.
fn authorities(pem: &str) -> Option<Vec<[String; 2]>> {
    Pem::iter_from_buffer(pem.as_bytes())
        .map(|block| {
            let block = block.ok().filter(|block| block.label == "CERTIFICATE")?;
            let certificate = block.parse_x509().ok()?;
            Some([certificate.subject().to_string(), certificate.issuer().to_string()])
        })
        .collect()
}

fn check_each(faults: &mut Faults, field: &str, list: &[String], fits: fn(&str) -> bool, what: &str) {
    for (index, entry) in list.iter().enumerate().filter(|(_, entry)| !fits(entry)) {
        faults.add(format!("{field}[{index}]"), format!("`{entry}` is not {what}"));
    }
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
