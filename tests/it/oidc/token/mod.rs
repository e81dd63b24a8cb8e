//! POST /connect/token.

mod authorization_code;
mod client_authentication;
mod client_credentials;
mod content;
mod family_model;
mod introspector;
mod private_key_jwt;
mod refresh_token;
mod requests;
mod token_exchange;
