//! Certificates that production believes (eid.md §12.3): none of a test authority, and those that settings and stored
//! configuration both name.

use x509_parser::{certificate::X509Certificate, pem::Pem, utils::format_serial};

use crate::{base::digest::sha256, model::simulator_mark::SIMULATOR_MARKER_OID_DER};

/// Words in the names of authorities that only test systems have.
const TEST_WORDS: [&str; 4] = ["HERMIR", "TEST OF", "TEST ", "DEMO"];

/// SHA-256 of test authorities that are public, whatever their names say.
const TEST_AUTHORITIES: [&str; 3] = [
    // TEST of ESTEID-SK 2015, TEST of ESTEID2018, TEST of SK ID Solutions EID-Q 2024E
    "06:3a:4e:90:87:85:a2:b4:5f:ba:27:a2:2d:45:d9:f2:bb:aa:9a:38:2e:5b:10:3e:1d:10:36:83:2c:ee:6a:c2",
    "22:91:c1:67:b5:27:51:52:b5:3f:1e:fa:2c:18:05:c9:a1:5e:c8:de:f7:12:0e:56:a3:72:6a:29:59:b3:10:49",
    "2a:44:12:0f:27:cb:fe:8d:ca:1b:06:24:56:e6:2e:35:aa:e0:e2:2c:77:ca:34:4f:ca:26:66:c4:6c:0a:b6:84",
];

/// Whether a certificate, or who issued it, is of a test system; `der` is the same certificate.
pub fn is_test(certificate: &X509Certificate<'_>, der: &[u8]) -> bool {
    let named = |name: String| TEST_WORDS.iter().any(|word| name.to_uppercase().contains(word));
    is_marked(certificate)
        || named(certificate.subject().to_string())
        || named(certificate.issuer().to_string())
        || TEST_AUTHORITIES.contains(&format_serial(&sha256(&[der])).as_str())
}

/// Whether the certificate carries the simulator's mark (eid.md §12.4).
pub fn is_marked(certificate: &X509Certificate<'_>) -> bool {
    certificate.extensions().iter().any(|extension| extension.oid.as_bytes() == SIMULATOR_MARKER_OID_DER)
}

/// The names of certificates in a PEM text that are of test systems.
pub(super) fn tests_in(pem: &str) -> Vec<String> {
    each(pem, |certificate, der| is_test(certificate, der).then(|| certificate.subject().to_string()))
}

/// The names and fingerprints of certificates in a PEM text that are not among `pinned`.
pub(super) fn unpinned_in(pem: &str, pinned: &[[u8; 32]]) -> Vec<String> {
    each(pem, |certificate, der| {
        let fingerprint = sha256(&[der]);
        let known = pinned.contains(&fingerprint);
        (!known).then(|| format!("{} ({})", certificate.subject(), format_serial(&fingerprint)))
    })
}

/// What is no certificate is found elsewhere.
fn each(pem: &str, judge: impl Fn(&X509Certificate<'_>, &[u8]) -> Option<String>) -> Vec<String> {
    let blocks = Pem::iter_from_buffer(pem.as_bytes()).filter_map(Result::ok);
    blocks.filter_map(|block| judge(&block.parse_x509().ok()?, &block.contents)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_authorities_are_known_by_name_and_by_fingerprint() {
        let public = include_str!("../../../../tests/vectors/third_party/mid-rest-java-client/TEST_of_ESTEID-SK_2015.pem.crt");
        assert_eq!(tests_in(public).len(), 1);
        let block = Pem::iter_from_buffer(public.as_bytes()).next().expect("a block").expect("PEM");
        assert!(TEST_AUTHORITIES.contains(&format_serial(&sha256(&[&block.contents])).as_str()));
        assert_eq!(tests_in(include_str!("../../../../tests/data/anchor.pem")), [""; 0]);
        assert_eq!(tests_in(include_str!("../../../../tests/data/simulator_anchor.pem")).len(), 1);
    }
}
