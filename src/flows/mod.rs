//! Use cases with more than one door, or of more than one step: they hold what a door should not know and a noun cannot do.
//!
//! Called by doors, jobs and the command line; they know no HTTP.

pub mod admin;
pub mod apply;
pub mod authenticate_client;
pub mod authorization_request;
pub mod await_nodes;
pub mod consent;
pub mod end_session;
pub mod issue_tokens;
pub mod sign_in;
pub mod verify_access_token;
