mod faults;
mod leases;
mod limits;
mod secrecy;
mod sessions;
mod start;
mod statements;
mod wait;
