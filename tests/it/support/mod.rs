//! What the tests share.

pub mod person;
