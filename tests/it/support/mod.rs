//! What tests stand on: a database of their own, a record of the statements that they run, a server with its simulator, and a
//! person with a small browser.

pub mod app;
pub mod authorize;
pub mod broker;
pub mod card;
pub mod database;
pub mod example_application;
pub mod mortal;
pub mod person;
pub mod phone;
pub mod server;
pub mod statements;
pub mod tls;
pub mod tokens;
