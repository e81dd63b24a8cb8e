//! One integration binary; folders mirror http/, files mirror endpoints.
#![cfg(test)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that fails must say so; clippy.toml knows only the functions marked as tests"
)]

mod apply;
mod browser;
mod clients;
mod demo;
mod electronic_id;
mod house;
mod http;
mod keys;
mod oidc;
mod signin;
mod spine;
mod store;
mod support;
