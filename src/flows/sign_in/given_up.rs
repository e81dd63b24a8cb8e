//! A prompt whose attempt was cancelled in the browser stands on the phone until it ends, and somebody may answer it.

use time::OffsetDateTime;

use super::{
    attend::{Attendant, Heard, audit_late_result},
    limits,
};
use crate::{
    app::App,
    outbound::eid::{DriverState, EidError, EidErrorKind, VerifiedIdentity},
    store::sign_in_attempts,
};

impl Attendant {
    /// Goes on with the prompt of an attempt that was cancelled in the browser until it has been answered or this node stops:
    /// whoever asks somebody else and cancels would evade the pause after refusals (EID-06).
    pub(super) async fn hear_out(self, app: &App, state: &DriverState) -> sqlx::Result<()> {
        let Some(prompt) = sign_in_attempts::find_given_up(&app.pool, self.attempt, self.id).await? else { return Ok(()) };
        let mut faults = 0;
        loop {
            let left = prompt.expires_at - app.clock.now();
            if !left.is_positive() {
                return Ok(());
            }
            match self.listen(app, state, left, &mut faults).await {
                Heard::Nothing => {}
                Heard::Stop => return Ok(()),
                Heard::Answer(answer) => return self.answered_after_cancel(app, &answer, app.clock.now()).await,
            }
        }
    }

    /// An approval is dropped (EID-05), a refusal counts as any other. Nothing happens where the attempt ended in another way.
    pub(super) async fn answered_after_cancel(
        self,
        app: &App,
        answer: &Result<VerifiedIdentity, EidError>,
        now: OffsetDateTime,
    ) -> sqlx::Result<()> {
        match answer {
            Ok(_) => audit_late_result(app, self.attempt, now).await,
            Err(error) if error.kind == EidErrorKind::UserCancelled => {
                match sign_in_attempts::find_given_up(&app.pool, self.attempt, self.id).await? {
                    Some(prompt) => limits::count_refusal(app, &prompt.subject_key, now).await,
                    None => Ok(()),
                }
            }
            Err(_) => Ok(()),
        }
    }
}
