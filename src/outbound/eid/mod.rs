//! Electronic-ID drivers: they ask a provider to prompt a person and verify what comes back (eid.md).
//!
//! Owns the wire protocols and the checks of certificate, signature and revocation; a verified identity is made here and nowhere
//! else. Knows nothing of OAuth, rows or pages. Called by flows/sign_in.

pub mod marker;
