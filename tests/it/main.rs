//! One integration binary; folders mirror http/, files mirror endpoints.
#![cfg(test)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that fails must say so; clippy.toml knows only the functions marked as tests"
)]

mod clients;
mod demo;
mod house;
mod store;
mod support;
