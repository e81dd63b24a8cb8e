//! The HTTP side: the toolkit (pages, assets and what else every door needs), the doors, and the router above them.

pub mod assets;
pub mod page;
