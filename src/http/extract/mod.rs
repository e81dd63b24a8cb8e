//! What handlers receive: each extractor checks what its name says, so that forgetting a check does not compile.

pub mod bearer;
pub mod browser;
pub mod caller;
pub mod client_call;
pub mod client_certificate;
pub mod form;
pub mod introspection_call;
