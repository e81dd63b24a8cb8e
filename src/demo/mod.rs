//! What makes one command show everything: a database, electronic IDs and an example application, all on the loopback.
//!
//! Only in the feature `demo`, which the production build leaves out; nothing below the command line calls it.
//! What `ias demo` shows beside the server. Nothing in here is part of a production build (feature `demo`).

pub mod relying_party;
pub mod postgres;
pub mod eid_simulator;
