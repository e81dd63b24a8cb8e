//! What `ias demo` shows beside the server. Nothing in here is part of a production build (feature `demo`).

pub mod relying_party;
