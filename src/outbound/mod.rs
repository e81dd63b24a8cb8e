//! Everything that we ask of other systems over HTTP.
//!
//! Owns the outbound client and one room for each kind of system. Does not know the store; flows and jobs call it.

pub mod client;
pub mod client_jwks;
pub mod eid;
pub mod guard;
pub mod kept;
