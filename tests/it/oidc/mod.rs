//! The endpoints of OpenID Connect.

pub mod authorize;
