//! The endpoints of OAuth and OpenID Connect.

mod authorize;
mod discovery;
mod end_session;
mod live_state;
mod revocation;
mod token;
mod userinfo;
