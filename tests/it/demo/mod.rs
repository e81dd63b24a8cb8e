//! The feature `demo`: its database, and the program itself as people and tools start it.

mod bench;
pub mod command;
mod crash;
pub mod directory;
mod postgres;
mod start;
mod tls;
