//! The store against a real server.

mod bench;
mod configuration;
mod migrations;
mod pool;
