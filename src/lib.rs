//! ias: an OpenID Connect identity provider for a nation.
//!
//! People sign in with electronic IDs, organisations own clients and scopes. The floors of the house and where each change belongs
//! stand in ARCHITECTURE.md.

pub mod app;
pub mod base;
pub mod cli;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
pub mod flows;
pub mod http;
pub mod jobs;
pub mod keys;
pub mod model;
pub mod outbound;
pub mod protocol;
pub mod store;
pub mod telemetry;
