//! What the server says about itself: logs, metrics, trace ids.
//!
//! Owns how records look, every metric's declaration and the `traceparent` header. It holds no business rule and never sees a
//! token, a code or a national id; whoever records something passes words of our own, not of a request.

pub mod logging;
pub mod metrics;
pub mod trace_context;
