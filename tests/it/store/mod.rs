//! The store against a real server.

mod bench;
mod migrations;
mod pool;
