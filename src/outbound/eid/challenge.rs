//! What people sign where the method lets us choose it (EID-02).

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::LoginContext;

/// What is hashed and signed: 32 fresh bytes, our name, the client id and the time, the last three on lines of their own so that
/// no two challenges run together (EID-02).
pub(super) fn challenge(fresh: &[u8; 32], context: &LoginContext<'_>, now: OffsetDateTime) -> Vec<u8> {
    let time = now.format(&Rfc3339).unwrap_or_else(|_| now.unix_timestamp().to_string());
    [fresh, context.server_name.as_bytes(), b"\n", context.client_id.as_bytes(), b"\n", time.as_bytes()].concat()
}
