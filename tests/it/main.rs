//! One integration binary; folders mirror http/, files mirror endpoints.
#![cfg(test)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::large_futures,
    clippy::large_stack_arrays,
    clippy::format_push_string,
    clippy::wrong_self_convention,
    clippy::needless_for_each,
    reason = "a test that fails must say so; clippy.toml knows only the functions marked as tests"
)]

mod apply;
mod browser;
mod cli;
mod clients;
mod configuration;
mod demo;
mod electronic_id;
mod growth;
mod house;
mod http;
mod keys;
mod oidc;
mod signin;
mod store;
mod support;
