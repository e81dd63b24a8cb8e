//! The demo over https: an authority of its own, a certificate for this machine's names, and listeners for the demo's parts.

mod authority;
mod listener;

pub use self::{
    authority::{FILES, LocalAuthority},
    listener::{Listener, with_host},
};
