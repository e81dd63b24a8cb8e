mod faults;
mod leases;
mod limits;
mod start;
mod wait;
//! The pages on which people choose and allow.

mod choose;
mod consent;
