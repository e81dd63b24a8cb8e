mod faults;
mod leases;
mod limits;
mod start;
mod wait;
