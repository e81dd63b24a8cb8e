//! The feature `demo`: its database, and the program itself as people and tools start it.

mod bench;
mod command;
mod crash;
mod directory;
mod postgres;
mod start;
