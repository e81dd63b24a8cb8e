//! The nouns: what the server is about, with every decision that needs no I/O as a pure function beside its noun.
//!
//! Owns types, rules and verdicts. Does no I/O and reads no clock; the store fills these types, flows and doors use them.

pub mod api_resource;
pub mod client;
pub mod environment;
pub mod identity_provider;
pub mod national_id;
pub mod organisation;
pub mod phone_number;
pub mod scope;
