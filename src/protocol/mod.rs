//! What specifications decide: parse, check and write OAuth and OpenID Connect values, each file opening with its source.
//!
//! Pure: no I/O, no clock (`now` is a parameter), no knowledge of the model. The doors and flows call it; it calls only `base`.

pub mod redirect_uri;
