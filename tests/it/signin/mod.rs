//! The pages on which people sign in, choose and allow.

mod app;
mod app_faults;
mod assurance;
mod card;
mod choose;
mod consent;
mod evidence;
mod faults;
mod leases;
mod limits;
mod matrix;
mod restriction;
mod secrecy;
mod sessions;
mod start;
mod statements;
mod upstream;
mod upstream_faults;
mod wait;
