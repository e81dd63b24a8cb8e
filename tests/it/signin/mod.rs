mod faults;
mod leases;
mod limits;
mod secrecy;
mod sessions;
mod start;
mod statements;
mod wait;
//! The pages on which people choose and allow.

mod choose;
mod consent;
