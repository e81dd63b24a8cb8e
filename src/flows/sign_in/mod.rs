//! Signing in with an electronic ID: begin an attempt, attend to it until the provider has answered, complete it in the browser
//! that began it (eid.md §8.3; EID-01 … EID-10).
//!
//! Knows nothing of OAuth but the client that asks. The sign-in pages call it.

use crate::{app::App, model::sign_in_attempt::SignInAttempt};

mod attend;
mod begin;
mod complete;
mod limits;

pub use attend::{cancel, take_over};
pub use begin::{BeginRefusal, SignInRequest, begin};
pub use complete::{CompleteRefusal, Completed, complete};

/// What the driver's state and the evidence are sealed for.
const DRIVER_STATE: &str = "driver state of a sign-in attempt";
const EVIDENCE: &str = "evidence of a sign-in";
const INPUT: &str = "what was typed for a sign-in attempt";

/// What the person typed for an attempt, for a second try (WCAG 2.2, 3.3.7).
pub fn typed(app: &App, attempt: &SignInAttempt) -> Option<String> {
    let plain = app.keys().sealing().open(INPUT, attempt.input.as_deref()?).ok()?;
    String::from_utf8(plain).ok()
}
