//! The nouns: what the server is about, with every decision that needs no I/O as a pure function beside its noun.
//!
//! Owns types, rules and verdicts. Does no I/O and reads no clock; the store fills these types, flows and doors use them.

pub mod api_resource;
pub mod audit;
pub mod authorization_code;
pub mod client;
pub mod consent;
pub mod environment;
pub mod family;
pub mod identity_provider;
pub mod national_id;
pub mod organisation;
pub mod person;
pub mod phone_number;
pub mod refresh_token;
pub mod scope;
pub mod secret;
pub mod session;
pub mod settings;
pub mod sign_in_attempt;
pub mod signing_key;
pub mod simulator_mark;
pub mod subject;
pub mod token_id;
pub mod urls;
