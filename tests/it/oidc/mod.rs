//! The endpoints of OAuth and OpenID Connect.

mod authorize;
mod discovery;
mod end_session;
mod introspect;
mod live_state;
mod revocation;
mod token;
mod userinfo;
