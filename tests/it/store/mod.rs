//! The store against a real server.

mod migrations;
mod pool;
