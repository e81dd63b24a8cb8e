//! The protocol's doors: /connect/* and /.well-known/*. Each turns a request into one call and its result into an answer.

pub mod authorize;
pub mod discovery;
pub mod end_session;
pub mod introspect;
pub mod revocation;
pub mod token;
pub mod userinfo;
