//! The pages on which people choose and allow.

mod choose;
mod consent;
