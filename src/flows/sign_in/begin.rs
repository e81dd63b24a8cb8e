//! Begin an attempt: the limits of who asks, then the row with the limit of the number, and only then the prompt on the phone.

use std::net::IpAddr;

use time::{Duration, OffsetDateTime};

use super::{
    DRIVER_STATE, INPUT,
    attend::{Attendant, LEASE},
    limits,
};
use crate::{
    app::App,
    base::{digest, id::AttemptId, text::Language},
    model::{
        audit::Origin,
        client::RegisteredClient,
        identity_provider::IdentityProvider,
        urls::{Urls, path},
    },
    outbound::eid::{BeginInput, EidError, LoginContext, Step},
    store::{
        finished_requests,
        sign_in_attempts::{self, NewAttempt},
    },
    telemetry::metrics,
};

/// For which request, browser and client a person signs in.
#[derive(Clone, Debug)]
pub struct SignInRequest<'a> {
    /// id of the authorization request
    pub request_id: &'a [u8; 16],
    /// the request as pages carry it
    pub sealed: &'a str,
    /// the client demands that the person proves anew who they are
    pub fresh: bool,
    /// levels of assurance that answer it
    pub accepted_acr: &'a [String],
    /// SHA-256 of the browser's binding cookie
    pub binding_hash: &'a [u8; 32],
    /// the service that asks; its name is shown on the phone
    pub client: &'a RegisteredClient,
    /// of the reader
    pub language: Language,
    /// for the audit
    pub origin: &'a Origin,
    /// for the limits
    pub address: IpAddr,
}

/// An attempt that has begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// row
    pub attempt: AttemptId,
    /// what comes next in this browser, where that is known already: none while a provider is asked
    pub step: Option<Step>,
}

/// Why no prompt is sent.
#[derive(Debug, thiserror::Error)]
pub enum BeginRefusal {
    /// this node attends to as many attempts as it may (eid.md §8.3)
    #[error("the node attends to as many attempts as it may")]
    Full,
    /// another attempt for this number is open (EID-06)
    #[error("another attempt for the number is open")]
    Busy,
    /// the authorization request has had its answer (INT-03)
    #[error("the request has ended")]
    Ended,
    /// over a limit
    #[error("over a limit; again in {0}")]
    Limited(Duration),
    /// the provider is disabled, or not for this client (EID-10)
    #[error("the identity provider is not available to the client")]
    NotAvailable,
    /// the driver refuses the input
    #[error(transparent)]
    Driver(#[from] EidError),
    /// the database
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Stores an attempt for `input` and has it attended to; the prompt leaves after the row is there. `typed` is the number as the
/// person wrote it, kept for a second try.
pub async fn begin(
    app: &App,
    request: &SignInRequest<'_>,
    provider: &IdentityProvider,
    input: BeginInput,
    typed: &str,
    now: OffsetDateTime,
) -> Result<Begun, BeginRefusal> {
    let configuration = app.configuration();
    let driver = configuration.driver(provider.id).ok_or(BeginRefusal::NotAvailable)?;
    if !request.client.client.accepts(provider) {
        return Err(BeginRefusal::NotAvailable);
    }
    if app.tasks.len() >= app.settings.sign_in.max_open_attempts {
        metrics::RATE_LIMITED.increment(&["open_attempts"]);
        return Err(BeginRefusal::Full);
    }
    let subject_key = subject_key(app, &input);
    let subject_key = subject_key.as_ref().map(<[u8; 32]>::as_slice);
    let asker = limits::Asker { subject_key, binding_hash: request.binding_hash, address: request.address };
    limits::count_start(app, &asker, now).await?.map_err(|pause| limited(request, pause))?;
    let id = AttemptId::new(now);
    let return_url = app.urls.absolute(&Urls::with_parameters(path::APP_RETURN, &[("attempt", &id.to_string())]));
    let context = LoginContext {
        language: request.language,
        service_name: request.client.client.display_name.get(request.language),
        server_name: app.urls.issuer(),
        client_id: &request.client.client.client_id,
        attempt: id,
        fresh: request.fresh,
        accepted_acr: request.accepted_acr,
        return_url: &return_url,
    };
    let prepared = driver.prepare(&context, input, now)?;
    // a prompt on a device has its time; a page of somebody else is read in the reader's own
    let latest = if driver.is_polled() { now + app.settings.sign_in.attempt_ttl } else { prepared.expires_at };
    let attendant = Attendant::new(id, provider.id);
    let sealed = app.keys().sealing().seal(DRIVER_STATE, &serde_json::to_vec(&prepared.state).unwrap_or_default());
    let mut transaction = app.pool.begin().await?;
    let stored = sign_in_attempts::insert(
        &mut *transaction,
        &NewAttempt {
            id,
            request_id: request.request_id,
            binding_hash: request.binding_hash,
            client_id: request.client.client.id,
            identity_provider_id: provider.id,
            identity_provider: provider.kind,
            subject_key,
            closed_key: subject_key.map(|key| limits::closed_key(app, key)).as_deref(),
            driver_state: &sealed,
            input: &app.keys().sealing().seal(INPUT, typed.as_bytes()),
            lease_owner: attendant.id,
            lease_until: now + LEASE,
            created_at: now,
            expires_at: prepared.expires_at.min(latest),
            origin: request.origin,
            request: driver.leaves_our_pages().then_some(request.sealed),
            prompts_counted_until: limits::prompts_counted_until(app, now),
        },
    )
    .await?;
    let Some(stored) = stored else {
        let has_ended = finished_requests::is_taken(&mut *transaction, request.request_id).await?;
        return Err(if has_ended { BeginRefusal::Ended } else { BeginRefusal::Busy });
    };
    // over the limit nothing of it stays
    stored
        .prompts
        .map_or(Ok(()), |prompts| limits::judge_prompt(app, &prompts, now))
        .map_err(|pause| limited(request, pause))?;
    transaction.commit().await?;
    metrics::SIGN_IN_ATTEMPTS.increment(&["started"]);
    if let Some(person) = stored.restricted_by {
        app.tasks.spawn(attendant.refuse_as_usual(app.clone(), person));
        return Ok(Begun { attempt: id, step: None });
    }
    if driver.is_polled() {
        app.tasks.spawn(attendant.start_and_attend(app.clone(), prepared.state));
        return Ok(Begun { attempt: id, step: None });
    }
    let state = attendant.start(app, &prepared.state).await?;
    Ok(Begun { attempt: id, step: state.and_then(|state| driver.step(&state, now)) })
}

/// Keyed hash of what names the person's device; none where nobody is named.
fn subject_key(app: &App, input: &BeginInput) -> Option<[u8; 32]> {
    let keys = app.keys();
    match input {
        BeginInput::PhoneNumber(number) => Some(number.key(keys.pseudonyms())),
        BeginInput::NationalId(national_id) => {
            Some(digest::hmac_sha256(keys.pseudonyms().expose(), &[b"national id", national_id.expose().as_bytes()]))
        }
        BeginInput::DeviceLink { .. } | BeginInput::Nothing => None,
    }
}

fn limited(request: &SignInRequest<'_>, pause: Duration) -> BeginRefusal {
    let client_id = &request.client.client.client_id;
    tracing::warn!(security_event = "sign_in_limit", client_id, seconds = pause.whole_seconds(), "a prompt was not sent");
    metrics::RATE_LIMITED.increment(&["sign_in"]);
    BeginRefusal::Limited(pause)
}
