//! The endpoints of OpenID Connect.

pub mod authorize;
//! The endpoints of OAuth and OpenID Connect.
mod discovery;
mod end_session;
mod live_state;
mod token;
mod userinfo;
