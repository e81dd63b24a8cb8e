//! What makes one command show everything: a database, electronic IDs and an example application, all on the loopback; and the
//! bench that measures the server.
//!
//! Only in the feature `demo`, which the production build leaves out; nothing below the command line calls it.

pub mod bench;
pub mod eid_simulator;
pub mod postgres;
pub mod relying_party;
pub mod tls;
