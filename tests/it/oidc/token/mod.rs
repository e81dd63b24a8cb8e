//! POST /connect/token.

mod authorization_code;
mod client_authentication;
mod client_credentials;
mod content;
mod refresh_token;
mod requests;
