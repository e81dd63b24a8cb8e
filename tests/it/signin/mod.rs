//! The pages on which people sign in, choose and allow.

mod choose;
mod consent;
mod evidence;
mod faults;
mod leases;
mod limits;
mod restriction;
mod secrecy;
mod sessions;
mod start;
mod statements;
mod wait;
