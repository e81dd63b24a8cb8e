//! The load generator behind `ias bench`: operations against a server that is a process of its own, and what each costs.
//!
//! It owns the operations, the rounds and the report; the command line starts the processes and says where they are. Nothing here
//! knows a person: all who sign in are made up.

pub mod families;
pub mod figures;
pub mod http;
pub mod limits;
pub mod load;
pub mod operations;
pub mod process;
pub mod report;
pub mod rounds;
pub mod target;
