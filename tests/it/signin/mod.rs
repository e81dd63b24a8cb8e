//! The pages on which people sign in, choose and allow.

mod app;
mod app_faults;
mod choose;
mod consent;
mod faults;
mod leases;
mod limits;
mod secrecy;
mod sessions;
mod start;
mod statements;
mod wait;
