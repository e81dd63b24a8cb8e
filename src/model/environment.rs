//! Where the server runs, as the nouns know it; configuration owns the type.

pub use crate::config::environment::Environment;
