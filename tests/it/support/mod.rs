//! What the tests share.

pub mod person;
//! What tests stand on: a database of their own, and a record of the statements that they run.
pub mod database;
pub mod statements;
