//! What specifications decide: parse, check and write OAuth and OpenID Connect values, each file opening with its source.
//!
//! Pure: no I/O, no clock (`now` is a parameter), no knowledge of the model. The doors and flows call it; it calls only `base`.

pub mod authorize;
pub mod claims;
pub mod client_assertion;
pub mod client_keys;
pub mod error;
pub mod id_token;
pub mod introspection;
pub mod jwk;
pub mod jws;
pub mod jwt;
pub mod logout;
pub mod metadata;
pub mod params;
pub mod pkce;
pub mod redirect_uri;
pub mod refusals;
pub mod scope;
pub mod token;
pub mod token_exchange;
