//! Attend to an attempt: ask the provider to prompt the person, then poll under a lease, so that any node can go on where one
//! has died (eid.md §8.3).

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{DRIVER_STATE, EVIDENCE, limits, open_state};
use crate::{
    app::App,
    base::{
        entropy,
        id::{AttemptId, IdentityProviderRowId, PersonId},
    },
    model::{
        audit::{About, AuditEvent, AuditRecord},
        sign_in_attempt::{AttemptState, SignInAttempt},
        subject,
    },
    outbound::eid::{Driver, DriverState, EidError, EidErrorKind, Event, Progress, VerifiedIdentity},
    store::sign_in_attempts::{self, Failure, Proven, Verdict},
    telemetry::metrics,
};

/// Longer than one long poll with its time-out, so that a living task never loses it.
pub(super) const LEASE: Duration = Duration::seconds(45);
const LONG_POLL: std::time::Duration = std::time::Duration::from_secs(10);
const PAUSE_AFTER_FAULT: std::time::Duration = std::time::Duration::from_secs(1);
/// So many polls in a row may fail to reach the provider.
const MOST_FAULTS: u32 = 5;

/// What one look at the provider gave.
pub(super) enum Heard {
    /// no answer yet
    Nothing,
    /// this node stops
    Stop,
    /// the end of the prompt
    Answer(Result<VerifiedIdentity, EidError>),
}

/// Who attends to an attempt: one task, which alone may hold its lease. A provider takes one poll at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attendant {
    pub(super) attempt: AttemptId,
    pub(super) provider: IdentityProviderRowId,
    /// random; in the lease
    pub(super) id: Uuid,
}

impl Attendant {
    pub(super) fn new(attempt: AttemptId, provider: IdentityProviderRowId) -> Self {
        Self { attempt, provider, id: Uuid::from_bytes(entropy::bytes()) }
    }

    /// Sends the prompt once (a second try would be a second prompt), then attends.
    pub(super) async fn start_and_attend(self, app: App, state: DriverState) {
        match self.start(&app, &state).await {
            Ok(Some(state)) => self.attend(app, Some(state)).await,
            Ok(None) => {}
            Err(error) => tracing::error!(attempt = %self.attempt, %error, "an attempt could not be stored"),
        }
    }

    /// Starts the attempt at the provider; gives its state where it is pending now, and nothing where it has ended.
    pub(super) async fn start(self, app: &App, state: &DriverState) -> sqlx::Result<Option<DriverState>> {
        let configuration = app.configuration();
        let driver = configuration.driver(self.provider);
        if !self.pause(app, driver, state).await? {
            return Ok(None);
        }
        let started = match driver {
            Some(driver) => driver.start(state, &app.clock).await,
            None => Err(EidError::from(EidErrorKind::ProviderConfig)),
        };
        match started {
            Ok(state) => {
                let sealed = app.keys().sealing().seal(DRIVER_STATE, &serde_json::to_vec(&state).unwrap_or_default());
                let is_polled = driver.is_some_and(Driver::is_polled);
                let is_pending = sign_in_attempts::mark_pending(&app.pool, self.attempt, &sealed, is_polled).await?;
                if !is_pending && is_polled {
                    self.hear_out(app, &state).await?;
                }
                Ok(is_pending.then_some(state))
            }
            Err(error) => {
                fail(app, self.attempt, AttemptState::Failed, &error, app.clock.now()).await?;
                Ok(None)
            }
        }
    }

    /// Leaves the page its moment before the device asks; whether the attempt is still to be started after it. A node that stops
    /// waits no longer, so that another one can go on.
    async fn pause(self, app: &App, driver: Option<&Driver>, state: &DriverState) -> sqlx::Result<bool> {
        let pause = driver.map_or(std::time::Duration::ZERO, |driver| driver.pause_before_start(state, app.clock.now()));
        if pause.is_zero() {
            return Ok(true);
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = app.stopping.cancelled() => {}
        }
        let attempt = sign_in_attempts::find(&app.pool, self.attempt).await?;
        Ok(attempt.is_some_and(|attempt| attempt.state == AttemptState::Created))
    }

    /// Looks once at what came through the browser, and ends the attempt by it, or verifies the person (EID-05). Nothing happens
    /// where the attempt has ended, or somebody has looked already.
    pub(super) async fn submit(self, app: &App, event: Event, now: OffsetDateTime) -> sqlx::Result<()> {
        let Some(sealed) = sign_in_attempts::take(&app.pool, self.attempt, self.id, now + LEASE, now).await? else {
            return Ok(());
        };
        let configuration = app.configuration();
        let submitted = match (open_state(app, &sealed), configuration.driver(self.provider)) {
            (Some(state), Some(driver)) => driver.submit(&state, event, &app.clock).await,
            _ => Err(EidErrorKind::ProviderConfig.into()),
        };
        let now = app.clock.now();
        match submitted {
            Ok(identity) => self.verified(app, &identity, now).await,
            Err(error) => fail(app, self.attempt, AttemptState::Failed, &error, now).await.map(drop),
        }
    }

    /// Polls the provider until the attempt has ended, another task holds the lease, or this node stops. `state` is that of the
    /// attempt, where it is known already.
    async fn attend(self, app: App, mut state: Option<DriverState>) {
        let mut faults = 0;
        loop {
            match self.poll_once(&app, &mut state, &mut faults).await {
                Ok(true) => {}
                Ok(false) => return,
                // the lease runs out, and whoever looks at the attempt then goes on with it
                Err(error) => return tracing::error!(attempt = %self.attempt, %error, "an attempt could not be stored"),
            }
        }
    }

    /// One round; whether there is another.
    async fn poll_once(self, app: &App, state: &mut Option<DriverState>, faults: &mut u32) -> sqlx::Result<bool> {
        let now = app.clock.now();
        let Some(leased) = sign_in_attempts::lease(&app.pool, self.attempt, self.id, now + LEASE, now).await? else {
            if let Some(state) = state {
                self.hear_out(app, state).await?;
            }
            return Ok(false);
        };
        let left = leased.expires_at - now;
        if !left.is_positive() {
            fail(app, self.attempt, AttemptState::Expired, &EidErrorKind::Timeout.into(), now).await?;
            return Ok(false);
        }
        *state = open_state(app, &leased.driver_state);
        let heard = match state {
            Some(state) => self.listen(app, state, left, faults).await,
            None => Heard::Answer(Err(EidErrorKind::ProviderConfig.into())),
        };
        let now = app.clock.now();
        match heard {
            Heard::Nothing => return Ok(true),
            // another node goes on at once
            Heard::Stop => drop(sign_in_attempts::lease(&app.pool, self.attempt, self.id, now, now).await?),
            Heard::Answer(Ok(identity)) => self.verified(app, &identity, now).await?,
            Heard::Answer(Err(error)) => {
                if !fail(app, self.attempt, AttemptState::Failed, &error, now).await? {
                    self.answered_after_cancel(app, &Err(error), now).await?;
                }
            }
        }
        Ok(false)
    }

    /// One look at the provider, for no longer than there is `left` of the prompt. So many `faults` in a row are waited out.
    pub(super) async fn listen(self, app: &App, state: &DriverState, left: Duration, faults: &mut u32) -> Heard {
        let configuration = app.configuration();
        let Some(driver) = configuration.driver(self.provider) else {
            return Heard::Answer(Err(EidErrorKind::ProviderConfig.into()));
        };
        let asked = tokio::select! {
            asked = driver.advance(state, &app.clock, left.unsigned_abs().min(LONG_POLL)) => asked,
            () = app.stopping.cancelled() => return Heard::Stop,
        };
        match asked {
            Ok(Progress::Pending) => {
                *faults = 0;
                Heard::Nothing
            }
            Ok(Progress::Verified(identity)) => Heard::Answer(Ok(identity)),
            Err(error) if error.kind == EidErrorKind::ProviderUnavailable && *faults < MOST_FAULTS => {
                *faults += 1;
                tokio::time::sleep(PAUSE_AFTER_FAULT).await;
                Heard::Nothing
            }
            Err(error) => Heard::Answer(Err(error)),
        }
    }

    async fn verified(self, app: &App, identity: &VerifiedIdentity, now: OffsetDateTime) -> sqlx::Result<()> {
        let configuration = app.configuration();
        let mut providers = configuration.snapshot().identity_providers().iter();
        let Some(provider) = providers.find(|provider| provider.id == self.provider) else {
            return fail(app, self.attempt, AttemptState::Failed, &EidErrorKind::ProviderConfig.into(), now).await.map(drop);
        };
        let number = identity.national_id().expose();
        let evidence = serde_json::to_vec(identity.evidence()).unwrap_or_default();
        let proven = Proven {
            person_id: PersonId::new(now),
            national_id: number,
            name: identity.name(),
            renames: provider.is_everybodys_authority(),
            evidence: &app.keys().sealing().seal(EVIDENCE, &evidence),
            acr: identity.assurance().map(|assurance| assurance.acr.as_str()),
            amr: identity.assurance().map(|assurance| assurance.amr.as_slice()),
            sub: &subject::sub(app.keys().sub(), number, number, provider.kind),
            identity_provider: provider.kind,
        };
        match sign_in_attempts::mark_verified(&app.pool, self.attempt, self.id, &proven, now).await? {
            Verdict::Verified => Ok(()),
            // to be told apart from a number without an electronic ID by the database alone (EID-07)
            Verdict::Blocked(person) => {
                end(app, self.attempt, &EidErrorKind::NotAvailableForUser.into(), Some(person), now).await
            }
            Verdict::Restricted(person) => self.refuse_restricted(app, person, now).await,
            Verdict::Late => audit_late_result(app, self.attempt, now).await,
        }
    }
}

/// Goes on with an attempt that nobody attends to any more; whether it has ended by that. One that was never sent fails, since
/// nobody knows whether the prompt has left.
pub async fn take_over(app: &App, attempt: &SignInAttempt, now: OffsetDateTime) -> sqlx::Result<bool> {
    if !attempt.is_unattended(now) {
        return Ok(false);
    }
    let (state, kind) = if now >= attempt.expires_at {
        (AttemptState::Expired, EidErrorKind::Timeout)
    } else if attempt.state == AttemptState::Created {
        (AttemptState::Failed, EidErrorKind::ProviderUnavailable)
    } else if !app.configuration().driver(attempt.identity_provider_id).is_some_and(Driver::is_polled) {
        if attempt.driver_state.is_some() {
            // it waits for the browser
            return Ok(false);
        }
        // whoever looked at what came back is gone
        (AttemptState::Failed, EidErrorKind::ProviderUnavailable)
    } else {
        let attendant = Attendant::new(attempt.id, attempt.identity_provider_id);
        app.tasks.spawn(attendant.attend(app.clone(), None));
        return Ok(false);
    };
    fail(app, attempt.id, state, &kind.into(), now).await.map(|_| true)
}

/// Ends an attempt because the person gave it up in the browser; an approval that comes later is dropped.
pub async fn cancel(app: &App, id: AttemptId, now: OffsetDateTime) -> sqlx::Result<()> {
    sign_in_attempts::cancel(&app.pool, id, now + SAME_BROWSER_PAUSE, &audit(now, "cancelled", None)).await?;
    metrics::SIGN_IN_ATTEMPTS.increment(&["cancelled"]);
    Ok(())
}

/// How long the same browser waits after a cancel before it may ask for another prompt (eid.md §10.4).
const SAME_BROWSER_PAUSE: Duration = Duration::seconds(5);

pub(super) async fn end(
    app: &App,
    id: AttemptId,
    error: &EidError,
    person: Option<PersonId>,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let ended = Ended { state: AttemptState::Failed, error, person };
    note(app, id, &ended, now).await.map(drop)
}

/// Ends an attempt that is open; whether it was.
pub(super) async fn fail(
    app: &App,
    id: AttemptId,
    state: AttemptState,
    error: &EidError,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    note(app, id, &Ended { state, error, person: None }, now).await
}

/// How an attempt ended without a sign-in.
struct Ended<'a> {
    state: AttemptState,
    error: &'a EidError,
    /// who it would have been, where that is known
    person: Option<PersonId>,
}

async fn note(app: &App, id: AttemptId, ended: &Ended<'_>, now: OffsetDateTime) -> sqlx::Result<bool> {
    let Ended { state, error, person } = *ended;
    let incident = Uuid::from_bytes(entropy::bytes());
    let (kind, provider_code) = (error.kind.as_str(), error.provider_code.as_deref());
    let failure = Failure { state, kind, provider_code, incident };
    let mut audit = audit(now, kind, provider_code);
    audit.about.actor_id = person;
    let Some(subject_key) = sign_in_attempts::mark_failed(&app.pool, id, &failure, &audit).await? else {
        return Ok(false);
    };
    metrics::SIGN_IN_ATTEMPTS.increment(&[kind]);
    // neither the reason nor the provider's word holds anything personal
    let cause = error.source.as_deref().map(tracing::field::display);
    let security_event = error.kind.is_security_event().then_some(kind);
    tracing::warn!(security_event, attempt = %id, %incident, kind, provider_code, cause, "a sign-in failed");
    if let Some(subject_key) = subject_key.filter(|_| error.kind == EidErrorKind::UserCancelled) {
        limits::count_refusal(app, &subject_key, now).await?;
    }
    Ok(true)
}

pub(super) async fn audit_late_result(app: &App, id: AttemptId, now: OffsetDateTime) -> sqlx::Result<()> {
    sign_in_attempts::audit_late_result(&app.pool, id, &audit(now, "late_result", None)).await
}

fn audit(now: OffsetDateTime, kind: &str, provider_code: Option<&str>) -> AuditRecord {
    let event = AuditEvent::SignInFailed { kind: kind.to_owned(), provider_code: provider_code.map(ToOwned::to_owned) };
    // the statements take client and place from the attempt
    AuditRecord::new(now, About::default(), event)
}
