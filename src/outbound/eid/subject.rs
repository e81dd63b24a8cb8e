//! Who a certificate is for: the national id from the subject's serialNumber, and the name (eid.md §5.2).

use unicode_normalization::UnicodeNormalization as _;
use x509_parser::{
    asn1_rs::{Oid, Tag},
    oid_registry::{OID_X509_COMMON_NAME, OID_X509_COUNTRY_NAME, OID_X509_GIVEN_NAME, OID_X509_SERIALNUMBER, OID_X509_SURNAME},
    x509::X509Name,
};

use super::certificate::CertificateFault;
use crate::model::identity_provider::NationalIdFormat;

/// A name is cut there.
pub(super) const MOST_NAME_CHARACTERS: usize = 200;

/// The person that a subject names. No `Debug`: it is all personal.
pub(super) struct Subject {
    /// the national id as the country writes it, without prefix
    pub(super) number: String,
    /// whose number it is (ISO 3166-1)
    pub(super) country: String,
    /// for display alone, never compared
    pub(super) name: Option<String>,
}

impl Subject {
    /// Reads a subject by the forms of national id and the countries that a trust profile accepts.
    pub(super) fn read(
        name: &X509Name<'_>,
        formats: &[NationalIdFormat],
        countries: &[String],
    ) -> Result<Self, CertificateFault> {
        // X5-06: exactly one, of the string types that a serialNumber may have.
        let serial_number = sole(name, &OID_X509_SERIALNUMBER).ok_or(CertificateFault::SerialNumber)?;
        let (country, number) = formats
            .iter()
            .find_map(|format| number_in(*format, serial_number))
            .ok_or(CertificateFault::NationalIdFormat)
            .and_then(|(country, number)| {
                // A bare number says nothing of its country; the subject's does, and without one nobody knows whose it is.
                let country = country.or_else(|| sole(name, &OID_X509_COUNTRY_NAME)).ok_or(CertificateFault::Country)?;
                let accepted = countries.iter().any(|known| known == country);
                accepted.then(|| (country.to_owned(), number.to_owned())).ok_or(CertificateFault::Country)
            })?;
        Ok(Self { number, country, name: display_name(name) })
    }
}

/// Country, where the form has one, and national id.
fn number_in(format: NationalIdFormat, text: &str) -> Option<(Option<&str>, &str)> {
    let digits =
        |text: &str, longest: usize| (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    match format {
        NationalIdFormat::Bare10 => (text.len() == 10 && digits(text, 10)).then_some((None, text)),
        NationalIdFormat::Bare => digits(text, 20).then_some((None, text)),
        NationalIdFormat::Etsi => {
            // ETSI EN 319 412-1 §5.1.3; the number begins after the first hyphen and may hold others.
            let rest = text.strip_prefix("PNO").or_else(|| text.strip_prefix("IDC"))?;
            let (country, number) = rest.split_once('-')?;
            let country_code = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
            let printable = number.bytes().all(|byte| byte.is_ascii_graphic());
            (country_code && printable && (1..=64).contains(&number.len())).then_some((Some(country), number))
        }
    }
}

/// Given name and surname where there are both, else the common name.
fn display_name(name: &X509Name<'_>) -> Option<String> {
    let part = |oid| sole(name, oid).map(str::trim).filter(|text| !text.is_empty());
    let full = match (part(&OID_X509_GIVEN_NAME), part(&OID_X509_SURNAME)) {
        (Some(given), Some(surname)) => format!("{given} {surname}"),
        _ => part(&OID_X509_COMMON_NAME)?.to_owned(),
    };
    let full: String = full.nfc().filter(|character| !character.is_control()).take(MOST_NAME_CHARACTERS).collect();
    (!full.is_empty()).then_some(full)
}

/// The value of the attribute that occurs exactly once, as a PrintableString or a UTF8String.
fn sole<'a>(name: &'a X509Name<'_>, oid: &Oid<'_>) -> Option<&'a str> {
    let mut values = name.iter_attributes().filter(|attribute| attribute.attr_type() == oid);
    let value = values.next().filter(|_| values.next().is_none())?;
    matches!(value.attr_value().tag(), Tag::PrintableString | Tag::Utf8String).then(|| value.as_str().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn national_ids_are_read_in_the_accepted_form_alone() {
        use NationalIdFormat::{Bare, Bare10, Etsi};
        for (format, text, expected) in [
            (Bare10, "0101302989", Some((None, "0101302989"))),
            (Bare10, "60001019906", None),
            (Bare10, "PNOIS-0101302989", None),
            (Bare, "60001019906", Some((None, "60001019906"))),
            (Bare, "", None),
            (Bare, "6000101990a", None),
            (Bare, "123456789012345678901", None),
            (Etsi, "PNOIS-0101302989", Some((Some("IS"), "0101302989"))),
            (Etsi, "IDCIS-0101302989", Some((Some("IS"), "0101302989"))),
            (Etsi, "PNOLV-010117-21234", Some((Some("LV"), "010117-21234"))),
            (Etsi, "PASIS-0101302989", None),
            (Etsi, "PNOis-0101302989", None),
            (Etsi, "PNOIS-", None),
            (Etsi, "PNOIS0101302989", None),
            (Etsi, "PNOIS-010130 2989", None),
            (Etsi, "PNOIS-0101302989\0", None),
            (Etsi, "0101302989", None),
        ] {
            assert_eq!(number_in(format, text), expected, "X5-06: {format:?} {text:?}");
        }
    }
}
