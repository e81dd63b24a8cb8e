//! The doors of signing in: choose a way, give a number, wait for the phone or read a card,
//! consent. Every page works without script, with tabs,
//! back button and reload, and ends by handing its result to authorize (architecture.md, decision B).

pub mod app_return;
pub mod card;
pub mod card_host;
pub mod choose;
pub mod consent;
pub mod start;
mod step;
pub mod wait;
pub mod way_back;
