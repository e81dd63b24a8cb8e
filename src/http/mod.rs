//! The HTTP side: the toolkit (pages, assets and what else every door needs), the doors, and the router above them.

pub mod assets;
pub mod cookies;
pub mod error;
pub mod extract;
pub mod html;
pub mod language;
pub mod layers;
pub mod oidc;
pub mod ops;
pub mod page;
pub mod router;
pub mod server;
pub mod signin;
