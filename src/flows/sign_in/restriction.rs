//! A telephone number that its person has closed to browsers that they have not signed in with (ias-domain.md §6.4).

use std::time::Duration;

use time::OffsetDateTime;

use super::attend::{Attendant, end};
use crate::{app::App, base::entropy, base::id::PersonId, outbound::eid::EidErrorKind};

/// A provider's refusal takes about a second on its way; a random time of this class hides that nobody was asked.
const SHORTEST_REFUSAL: Duration = Duration::from_millis(500);

impl Attendant {
    /// Ends an attempt that no prompt leaves for, when a number without an electronic ID would have been refused: the page is the
    /// same before and after, with its code (EID-07).
    pub(super) async fn refuse_as_usual(self, app: App, person: PersonId) {
        let [first, second] = entropy::bytes();
        let more = Duration::from_millis(u64::from(u16::from_be_bytes([first, second]) % 1_000));
        tokio::select! {
            () = tokio::time::sleep(SHORTEST_REFUSAL + more) => {}
            () = app.stopping.cancelled() => {}
        }
        if let Err(error) = self.refuse_restricted(&app, person, app.clock.now()).await {
            tracing::error!(attempt = %self.attempt, %error, "an attempt could not be stored");
        }
    }

    /// Ends an attempt because its number is closed; the page says no more than of a number without an electronic ID (EID-07).
    pub(super) async fn refuse_restricted(self, app: &App, person: PersonId, now: OffsetDateTime) -> sqlx::Result<()> {
        end(app, self.attempt, &EidErrorKind::Restricted.into(), Some(person), now).await
    }
}
