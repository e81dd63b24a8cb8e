//! The mark that every simulated certificate carries, and by which production refuses it (eid.md §11.2, §12).
//!
//! The object identifier is made from one UUID, so that it needs no registration and is nobody else's. It takes the form in which
//! each arc is short (Microsoft's arc for GUIDs): a UUID as a single arc below 2.25 is 128 bits, which neither the libraries that
//! issue certificates nor those that read OCSP answers can hold.

/// The UUID from which the arcs are made.
pub const SIMULATOR_UUID: &str = "f18c335c-d15c-4e01-8f5e-647705ba64ae";

/// The extension that marks a simulated certificate, authority or OCSP responder; never critical, its content the UTF8String
/// [`SIMULATOR_MARKER_TEXT`].
pub const SIMULATOR_MARKER_OID: &[u64] =
    &[1, 2, 840, 113_556, 1, 8000, 2554, 61836, 13148, 53596, 19969, 36702, 6_584_069, 12_215_470];

/// [`SIMULATOR_MARKER_OID`] with dots.
pub const SIMULATOR_MARKER_OID_TEXT: &str = "1.2.840.113556.1.8000.2554.61836.13148.53596.19969.36702.6584069.12215470";

/// [`SIMULATOR_MARKER_OID`] as DER content, without tag and length.
pub const SIMULATOR_MARKER_OID_DER: &[u8] = &[
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x14, 0x01, 0xbe, 0x40, 0x93, 0x7a, 0x83, 0xe3, 0x0c, 0xe6, 0x5c, 0x83, 0xa2, 0x5c, 0x81,
    0x9c, 0x01, 0x82, 0x9e, 0x5e, 0x83, 0x91, 0xee, 0x05, 0x85, 0xe9, 0xc9, 0x2e,
];

/// The certificate policy of simulated persons: the marker with one arc more.
pub const SIMULATOR_POLICY_OID: &[u64] =
    &[1, 2, 840, 113_556, 1, 8000, 2554, 61836, 13148, 53596, 19969, 36702, 6_584_069, 12_215_470, 1];

/// [`SIMULATOR_POLICY_OID`] with dots.
pub const SIMULATOR_POLICY_OID_TEXT: &str = "1.2.840.113556.1.8000.2554.61836.13148.53596.19969.36702.6584069.12215470.1";

/// What the extension says.
pub const SIMULATOR_MARKER_TEXT: &str = "SIMULATOR";

/// The organisation in the names of the simulator's authorities.
pub const SIMULATOR_ORGANISATION: &str = "HERMIR – ekki raunveruleg skilríki";

#[cfg(test)]
mod tests {
    use super::*;

    fn dotted(arcs: &[u64]) -> String {
        arcs.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
    }

    #[test]
    fn the_arcs_are_those_of_the_uuid() {
        let hex = SIMULATOR_UUID.replace('-', "");
        let pieces = [0..4, 4..8, 8..12, 12..16, 16..20, 20..26, 26..32];
        let arcs: Vec<u64> = pieces.into_iter().map(|piece| u64::from_str_radix(&hex[piece], 16).expect("hex")).collect();
        assert_eq!(SIMULATOR_MARKER_OID[7..], arcs);
    }

    #[test]
    fn every_form_says_the_same() {
        assert_eq!(dotted(SIMULATOR_MARKER_OID), SIMULATOR_MARKER_OID_TEXT);
        assert_eq!(dotted(SIMULATOR_POLICY_OID), SIMULATOR_POLICY_OID_TEXT);
        assert_eq!(SIMULATOR_POLICY_OID.split_last(), Some((&1, SIMULATOR_MARKER_OID)));
        let oid = der::oid::ObjectIdentifier::new_unwrap(SIMULATOR_MARKER_OID_TEXT);
        assert_eq!(oid.as_bytes(), SIMULATOR_MARKER_OID_DER);
    }
}
