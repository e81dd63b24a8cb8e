//! One integration binary; folders mirror http/, files mirror endpoints.
#![cfg(test)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails must say so; clippy.toml knows only the functions marked as tests"
)]

#[cfg(feature = "demo")]
mod electronic_id;
