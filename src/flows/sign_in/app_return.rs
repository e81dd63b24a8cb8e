//! The return of an app to the browser that opened it: the second half of signing in on the same device (eid.md §3.4, EID-04).

use time::OffsetDateTime;

use super::{DRIVER_STATE, attend::fail, open_state};
use crate::{
    app::App,
    model::sign_in_attempt::{AttemptState, SignInAttempt},
    outbound::eid::{EidErrorKind, smart_id::AppReturn},
    store::sign_in_attempts,
};

/// Keeps what the app sent back in the state of the attempt, where the task that polls finds it with its next look: nothing is
/// verified here, and without this nothing is verified there. A lie ends the attempt; an attempt that has ended stays as it is.
pub async fn app_returned(app: &App, attempt: &SignInAttempt, came_back: &AppReturn, now: OffsetDateTime) -> sqlx::Result<()> {
    let Some(sealed) = attempt.driver_state.as_deref().filter(|_| attempt.state == AttemptState::Pending) else {
        return Ok(());
    };
    let configuration = app.configuration();
    let returned = match (open_state(app, sealed), configuration.driver(attempt.identity_provider_id)) {
        (Some(state), Some(driver)) => driver.returned(&state, came_back),
        _ => Err(EidErrorKind::ProviderConfig.into()),
    };
    match returned {
        Ok(state) => {
            let new = app.keys().sealing().seal(DRIVER_STATE, &serde_json::to_vec(&state).unwrap_or_default());
            // two returns at once: the first one counts (EID-05)
            sign_in_attempts::replace_state(&app.pool, attempt.id, sealed, &new).await
        }
        Err(error) => fail(app, attempt.id, AttemptState::Failed, &error, now).await.map(drop),
    }
}
