//! The ground floor: what any program needs and none of it knows OAuth.
//!
//! Owns the clock, randomness, identifiers, digests, sealing, texts, limits and the list of what is no address of the internet.
//! Everybody calls it; it calls nobody.

pub mod clock;
pub mod digest;
pub mod entropy;
pub mod handle;
pub mod id;
pub mod internet;
pub mod limiter;
pub mod recent;
pub mod seal;
pub mod secret;
pub mod text;
