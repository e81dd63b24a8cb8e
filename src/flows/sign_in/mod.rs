//! Signing in with an electronic ID: begin an attempt, attend to it until the provider has answered, complete it in the browser
//! that began it (eid.md §8.3; EID-01 … EID-10).
//!
//! Knows nothing of OAuth but the client that asks. The sign-in pages call it.

use time::OffsetDateTime;

use crate::{
    app::App,
    model::sign_in_attempt::SignInAttempt,
    outbound::eid::{DriverState, Event, Step},
};

mod app_return;
mod attend;
mod begin;
mod certificate_pass;
mod complete;
mod given_up;
mod limits;
mod restriction;

use attend::Attendant;

pub use app_return::app_returned;
pub use attend::{cancel, take_over};
pub use begin::{BeginRefusal, Begun, SignInRequest, begin};
pub use certificate_pass::{CertificatePass, MOST_CERTIFICATE_BYTES};
pub use complete::{CompleteRefusal, Completed, complete};

/// What the driver's state and the evidence are sealed for.
const DRIVER_STATE: &str = "driver state of a sign-in attempt";
pub(super) const EVIDENCE: &str = "evidence of a sign-in";
const INPUT: &str = "what was typed for a sign-in attempt";

/// What the person typed for an attempt, for a second try (WCAG 2.2, 3.3.7).
pub fn typed(app: &App, attempt: &SignInAttempt) -> Option<String> {
    let plain = app.keys().sealing().open(INPUT, attempt.input.as_deref()?).ok()?;
    String::from_utf8(plain).ok()
}

/// What the page of an open attempt shows at `now`; nothing while an answer is being looked at.
pub fn step(app: &App, attempt: &SignInAttempt, now: OffsetDateTime) -> Option<Step> {
    let state = open_state(app, attempt.driver_state.as_deref()?)?;
    app.configuration().driver(attempt.identity_provider_id)?.step(&state, now)
}

/// Looks at what came back through the browser that began the attempt; afterwards the attempt tells what came of it. What is no
/// answer to what was asked changes nothing.
pub async fn submit(app: &App, attempt: &SignInAttempt, event: Event, now: OffsetDateTime) -> sqlx::Result<()> {
    let configuration = app.configuration();
    let state = attempt.driver_state.as_deref().and_then(|sealed| open_state(app, sealed));
    let (Some(state), Some(driver)) = (state, configuration.driver(attempt.identity_provider_id)) else { return Ok(()) };
    if !driver.expects(&state, &event) {
        return Ok(());
    }
    let (attendant, node) = (Attendant::new(attempt.id, attempt.identity_provider_id), app.clone());
    // a task of its own: a browser that goes away leaves nothing half done
    let task = app.tasks.spawn(async move { attendant.submit(&node, event, now).await });
    task.await.unwrap_or(Ok(()))
}

fn open_state(app: &App, sealed: &[u8]) -> Option<DriverState> {
    let plain = app.keys().sealing().open(DRIVER_STATE, sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}
