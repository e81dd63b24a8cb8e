//! Attend to an attempt: ask the provider to prompt the person, then poll under a lease, so that any node can go on where one
//! has died (eid.md §8.3).

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{DRIVER_STATE, EVIDENCE, limits};
use crate::{
    app::App,
    base::id::{AttemptId, IdentityProviderRowId, PersonId},
    model::{
        audit::{About, AuditEvent, AuditRecord},
        sign_in_attempt::{AttemptState, SignInAttempt},
    },
    outbound::eid::{DriverState, EidError, EidErrorKind, Progress, VerifiedIdentity},
    store::sign_in_attempts::{self, Failure, Proven},
};

/// Longer than one long poll with its time-out, so that a living node never loses it.
pub(super) const LEASE: Duration = Duration::seconds(45);
const LONG_POLL: std::time::Duration = std::time::Duration::from_secs(30);
const PAUSE_AFTER_FAULT: std::time::Duration = std::time::Duration::from_secs(1);
/// So many polls in a row may fail to reach the provider.
const MOST_FAULTS: u32 = 5;

/// Sends the prompt once (a second try would be a second prompt), then attends.
pub(super) async fn start_and_attend(app: App, id: AttemptId, provider: IdentityProviderRowId, state: DriverState) {
    let started = match app.configuration().driver(provider) {
        Some(driver) => driver.start(&state).await,
        None => Err(EidError::from(EidErrorKind::ProviderConfig)),
    };
    let outcome = match started {
        Ok(state) => {
            let sealed = app.keys().sealing().seal(DRIVER_STATE, &serde_json::to_vec(&state).unwrap_or_default());
            sign_in_attempts::mark_pending(&app.pool, id, &sealed).await
        }
        Err(error) => fail(&app, id, &error, app.clock.now()).await.map(|()| false),
    };
    match outcome {
        Ok(true) => attend(app, id, provider).await,
        Ok(false) => {}
        Err(error) => tracing::error!(attempt = %id, %error, "an attempt could not be stored"),
    }
}

/// Goes on with an attempt whose node has let its lease run out; one that was never sent fails, since nobody knows whether the
/// prompt has left.
pub async fn take_over(app: &App, attempt: &SignInAttempt, now: OffsetDateTime) -> sqlx::Result<()> {
    if !attempt.is_unattended(now) {
        return Ok(());
    }
    if attempt.state == AttemptState::Created {
        return fail(app, attempt.id, &EidError::from(EidErrorKind::ProviderUnavailable), now).await;
    }
    app.tasks.spawn(attend(app.clone(), attempt.id, attempt.identity_provider_id));
    Ok(())
}

/// Polls the provider until the attempt has ended, another node holds the lease, or this node stops.
pub async fn attend(app: App, id: AttemptId, provider: IdentityProviderRowId) {
    let mut faults = 0;
    loop {
        let now = app.clock.now();
        let leased = sign_in_attempts::lease(&app.pool, id, app.node_id, now + LEASE, now).await;
        let Ok(Some(sealed)) = leased else {
            if let Err(error) = leased {
                tracing::error!(attempt = %id, %error, "the lease of an attempt could not be renewed");
            }
            return;
        };
        let polled = tokio::select! {
            polled = poll(&app, provider, &sealed) => polled,
            () = app.stopping.cancelled() => {
                // another node goes on at once
                drop(sign_in_attempts::lease(&app.pool, id, app.node_id, now, now).await);
                return;
            }
        };
        let now = app.clock.now();
        let stored = match polled {
            Ok(Progress::Pending) => {
                faults = 0;
                continue;
            }
            Ok(Progress::Verified(identity)) => verified(&app, id, &identity, now).await,
            Err(error) if error.kind == EidErrorKind::ProviderUnavailable && faults < MOST_FAULTS => {
                faults += 1;
                tokio::time::sleep(PAUSE_AFTER_FAULT).await;
                continue;
            }
            Err(error) => fail(&app, id, &error, now).await,
        };
        if let Err(error) = stored {
            tracing::error!(attempt = %id, %error, "the result of an attempt could not be stored");
        }
        return;
    }
}

async fn poll(app: &App, provider: IdentityProviderRowId, sealed: &[u8]) -> Result<Progress, EidError> {
    let plain = app.keys().sealing().open(DRIVER_STATE, sealed).map_err(|_| EidErrorKind::ProviderConfig)?;
    let state: DriverState = serde_json::from_slice(&plain).map_err(|_| EidErrorKind::ProviderConfig)?;
    let configuration = app.configuration();
    let driver = configuration.driver(provider).ok_or(EidErrorKind::ProviderConfig)?;
    driver.advance(&state, &app.clock, LONG_POLL).await
}

async fn verified(app: &App, id: AttemptId, identity: &VerifiedIdentity, now: OffsetDateTime) -> sqlx::Result<()> {
    let evidence = serde_json::to_vec(identity.evidence()).unwrap_or_default();
    let proven = Proven {
        person_id: PersonId::new(now),
        national_id: identity.national_id().expose(),
        name: identity.name(),
        evidence: &app.keys().sealing().seal(EVIDENCE, &evidence),
    };
    let blocked_kind = EidErrorKind::NotAvailableForUser.as_str();
    sign_in_attempts::mark_verified(&app.pool, id, app.node_id, &proven, blocked_kind, now).await?;
    Ok(())
}

async fn fail(app: &App, id: AttemptId, error: &EidError, now: OffsetDateTime) -> sqlx::Result<()> {
    let incident = Uuid::from_bytes(crate::base::entropy::bytes());
    let kind = error.kind.as_str();
    tracing::warn!(attempt = %id, %incident, kind, provider_code = error.provider_code.as_deref(), "a sign-in failed");
    let audit = AuditRecord::new(
        now,
        About::default(),
        AuditEvent::SignInFailed { kind: kind.to_owned(), provider_code: error.provider_code.clone() },
    );
    let failure = Failure { state: AttemptState::Failed, kind, provider_code: error.provider_code.as_deref(), incident };
    let subject_key = sign_in_attempts::mark_failed(&app.pool, id, &failure, &audit, now).await?;
    match (error.kind, subject_key) {
        (EidErrorKind::UserCancelled, Some(key)) => limits::count_refusal(app, &key, now).await,
        _ => Ok(()),
    }
}
