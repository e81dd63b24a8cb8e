//! Complete an attempt: the browser that began it claims the result once, and gets a session (EID-05, EID-09).

use std::sync::Arc;

use time::OffsetDateTime;

use super::{begin::SignInRequest, limits};
use crate::{
    app::App,
    base::{
        handle::Handle,
        id::{AttemptId, SessionId},
    },
    model::{
        audit::{About, AuditEvent, AuditRecord},
        identity_provider::IdentityProvider,
        session::{Session, SessionLifetimes},
    },
    store::{
        sessions::{self, NewSession},
        sign_in_attempts,
    },
    telemetry::metrics,
};

/// A completed sign-in.
#[derive(Debug)]
pub struct Completed {
    /// the session that this request goes on with
    pub session_id: SessionId,
    /// the new value of the session cookie; none for a client with single sign-on off
    pub cookie: Option<Handle>,
    /// with what
    pub identity_provider: Arc<IdentityProvider>,
}

/// Why nothing was completed.
#[derive(Debug, thiserror::Error)]
pub enum CompleteRefusal {
    /// not verified, too old, claimed already, or of another browser or request, or the request has ended
    #[error("there is no result to claim")]
    NothingToClaim,
    /// the identity provider was disabled meanwhile (EID-10)
    #[error("the identity provider is not available to the client")]
    NotAvailable,
    /// the database
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Claims the result of attempt `id` and begins or renews the session, in one transaction.
///
/// `cookie` is the session cookie that the browser sent. The same person with the same identity provider keeps the session row
/// and its `sid`; anybody else ends that session (decision B, AUT-10).
pub async fn complete(
    app: &App,
    request: &SignInRequest<'_>,
    id: AttemptId,
    cookie: Option<&Handle>,
    now: OffsetDateTime,
) -> Result<Completed, CompleteRefusal> {
    let verified_after = now - app.settings.sign_in.verified_ttl;
    let mut transaction = app.pool.begin().await?;
    let counted = limits::forgivable(app, request.binding_hash, request.address);
    let claimed = sign_in_attempts::consume(
        &mut transaction,
        id,
        request.request_id,
        request.binding_hash,
        verified_after,
        &counted,
        now,
    )
    .await?
    .ok_or(CompleteRefusal::NothingToClaim)?;
    let configuration = app.configuration();
    let provider = configuration
        .snapshot()
        .identity_providers()
        .iter()
        .find(|provider| provider.id == claimed.identity_provider_id && request.client.client.accepts(provider))
        .ok_or(CompleteRefusal::NotAvailable)?;

    let shared = request.client.client.sso;
    let lifetimes = app.session_lifetimes();
    let before = match cookie.filter(|_| shared) {
        Some(cookie) => living_session(&mut transaction, cookie, lifetimes, now).await?,
        None => None,
    };
    let same =
        before.as_ref().filter(|before| before.person.id == claimed.person_id && before.identity_provider == provider.kind);
    let session_id = same.map_or_else(|| SessionId::new(now), |before| before.id);
    let handle = Handle::new(session_id.0);
    let new = NewSession {
        id: session_id,
        cookie_hash: handle.hash(),
        person_id: claimed.person_id,
        identity_provider: provider.kind,
        identity_provider_id: provider.id,
        acr: claimed.acr.unwrap_or_else(|| provider.acr.clone()),
        amr: claimed.amr.unwrap_or_else(|| provider.amr.clone()),
        // ID tokens tell whole seconds; the moment itself is kept
        auth_time: claimed.verified_at,
        shared,
        expires_at: claimed.verified_at + lifetimes.absolute,
    };
    let about = About {
        organisation_id: Some(request.client.organisation.id),
        client_id: Some(request.client.client.id),
        actor_id: Some(claimed.person_id),
        subject_id: Some(claimed.person_id.into()),
        session_id: Some(session_id),
        origin: request.origin.clone(),
        ..About::default()
    };
    let event = AuditEvent::SignedIn { identity_provider: provider.kind.as_str() };
    let audit = AuditRecord::new(now, about, event);
    if same.is_some() {
        if !sessions::renew(&mut transaction, &new, &audit).await? {
            return Err(CompleteRefusal::NothingToClaim);
        }
    } else {
        if let Some(before) = &before {
            let about = About { actor_id: Some(before.person.id), session_id: Some(before.id), ..About::default() };
            let ended = AuditRecord::new(now, about, AuditEvent::SessionEnded { reason: "another_sign_in" });
            sessions::end(&mut transaction, before.id, "another_sign_in", &ended, now).await?;
        }
        sessions::insert(&mut transaction, &new, &audit).await?;
    }

    transaction.commit().await?;
    metrics::SIGN_IN_ATTEMPTS.increment(&["signed_in"]);
    let cookie = shared.then_some(handle);
    Ok(Completed { session_id, cookie, identity_provider: Arc::clone(provider) })
}

async fn living_session(
    connection: &mut sqlx::PgConnection,
    cookie: &Handle,
    lifetimes: SessionLifetimes,
    now: OffsetDateTime,
) -> sqlx::Result<Option<Session>> {
    let found = sessions::find(connection, SessionId(cookie.id), None).await?;
    Ok(found.map(|found| found.session).filter(|session| session.was_given_to(cookie) && session.is_alive(lifetimes, now)))
}
