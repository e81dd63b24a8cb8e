//! What organisations may configure: input of files, pages and the API is parsed here into the nouns, or into field errors
//! that help (parse, don't validate).
//!
//! Owns defaults, limits and the rules of names, texts and addresses. Does no I/O; flows/admin and flows/apply call it, and
//! `serve` asks [`production::violations`] before it starts.

pub mod api_resource;
pub(crate) mod brokers;
mod card;
pub mod client;
pub mod client_input;
mod client_keys;
pub mod fields;
pub mod identity_provider;
mod oidc;
pub mod organisation;
pub mod production;
pub mod scope;
pub mod secret;
mod smart_id;
pub mod trust;
