//! What happens next with a valid request: pure, and the only place that decides it.

use time::{Duration, OffsetDateTime};

use crate::{
    base::id::{ConsentId, IdentityProviderRowId},
    flows::authorization_request::Progress,
    model::client::{Client, ClientType},
    protocol::{
        authorize::{AuthorizeRequest, Prompt},
        error::Refusal,
        refusals,
    },
    store::{authorization_codes::CodeConsent, sessions::SessionWithConsent},
};

/// Everything that the next step hangs on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    /// what is asked
    pub(super) request: &'a AuthorizeRequest,
    /// by whom
    pub(super) client: &'a Client,
    /// the identity providers that answer it
    pub(super) providers: &'a [IdentityProviderRowId],
    /// what can be granted
    pub(super) scope: &'a [String],
    /// the subject that the client expects
    pub(super) hint: Option<&'a str>,
    /// the living session that counts for the request
    pub(super) found: Option<&'a SessionWithConsent>,
    /// what the request's pages have established
    pub(super) progress: Option<&'a Progress>,
    /// earlier authentications do not count for the client
    pub(super) not_before: OffsetDateTime,
    /// now
    pub(super) now: OffsetDateTime,
}

/// How the consent of an issued code stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConsentUse {
    /// none was asked for
    NotAsked,
    /// the remembered one
    Remembered(ConsentId),
    /// given for this request
    Given {
        /// and for later ones
        remembered: bool,
    },
}

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NextStep {
    /// choose a way to sign in
    SignIn,
    /// go on as the one who is signed in, or as someone else
    SelectAccount,
    /// ask for consent
    AskConsent,
    /// give out a code
    Issue {
        /// on which consent
        consent: ConsentUse,
        /// for what
        scope: Vec<String>,
    },
    /// tell the client no
    Refuse(&'static Refusal),
}

/// Decides.
pub(super) fn decide(facts: &Facts<'_>) -> NextStep {
    let Facts { request, progress, .. } = *facts;
    if progress.is_some_and(|progress| progress.denied) {
        return NextStep::Refuse(&refusals::CANCELLED);
    }
    let silent = request.prompt.contains(Prompt::None);
    let or_refuse = |step, refusal| if silent { NextStep::Refuse(refusal) } else { step };

    // decision B: met by a sign-in made for this request, whatever the clocks say
    let is_fresh = |found: &SessionWithConsent| {
        progress.is_some_and(|progress| progress.signed_in && progress.session_id == Some(found.session.id))
    };
    let usable = facts.found.filter(|found| is_usable(facts, found));
    let signed_in = usable.filter(|found| is_fresh(found) || !must_sign_in_again(facts, found));
    let Some(found) = signed_in else {
        return or_refuse(NextStep::SignIn, &refusals::LOGIN_REQUIRED);
    };
    if facts.hint.is_some_and(|hint| hint != found.session.sub) {
        // AUT-10: a fresh sign-in as somebody else does not answer the request
        return if is_fresh(found) || silent {
            NextStep::Refuse(&refusals::AUTHORIZE_HINT_OTHER_PERSON)
        } else {
            NextStep::SignIn
        };
    }
    let selected = is_fresh(found) || progress.is_some_and(|progress| progress.account_selected);
    if request.prompt.contains(Prompt::SelectAccount) && !selected {
        return NextStep::SelectAccount;
    }
    consent_step(facts, found).unwrap_or_else(|refusal| or_refuse(NextStep::AskConsent, refusal))
}

/// Whether the client takes this session at all (AUT-11): the identity provider that made it and its assurance are open to the
/// client and asked for, and it began after the client was cut off, where it was.
fn is_usable(facts: &Facts<'_>, found: &SessionWithConsent) -> bool {
    let session = &found.session;
    session.identity_provider_id.is_some_and(|provider| facts.providers.contains(&provider))
        && facts.client.allowed_acr.contains(&session.acr)
        && facts.request.accepts_acr(&session.acr)
        && session.auth_time >= facts.not_before
}

fn must_sign_in_again(facts: &Facts<'_>, found: &SessionWithConsent) -> bool {
    let too_old = facts.request.max_age.is_some_and(|max_age| {
        // max_age=0 asks for a new sign-in, as prompt=login does (OpenID Connect Core §3.1.2.1)
        max_age == 0 || facts.now - found.session.auth_time > Duration::seconds(i64::from(max_age))
    });
    too_old || facts.request.prompt.contains(Prompt::Login)
}

/// The code's consent, or the refusal that a silent request gets where the person would have to be asked.
fn consent_step(facts: &Facts<'_>, found: &SessionWithConsent) -> Result<NextStep, &'static Refusal> {
    let Facts { request, client, scope, .. } = *facts;
    let is_native = client.client_type == ClientType::Native;
    if !client.require_consent && !is_native && !request.prompt.contains(Prompt::Consent) {
        return Ok(NextStep::Issue { consent: ConsentUse::NotAsked, scope: scope.to_vec() });
    }
    let given = facts
        .progress
        .filter(|progress| progress.session_id == Some(found.session.id))
        .and_then(|progress| progress.consent.as_ref());
    if let Some(given) = given {
        // CON-02: the answer can only shrink what is granted
        let scope = scope.iter().filter(|name| given.allows(request, name)).cloned().collect();
        let remembered = given.remembered && client.allow_remember_consent;
        return Ok(NextStep::Issue { consent: ConsentUse::Given { remembered }, scope });
    }
    if is_native {
        // RED-09: another application can claim the scheme, so the person sees a page each time
        return Err(&refusals::INTERACTION_REQUIRED);
    }
    let remembered = found.consent.as_ref().filter(|consent| {
        consent.covers(scope.iter().map(String::as_str), facts.now) && !request.prompt.contains(Prompt::Consent)
    });
    match remembered {
        Some(consent) => Ok(NextStep::Issue { consent: ConsentUse::Remembered(consent.id), scope: scope.to_vec() }),
        None => Err(&refusals::CONSENT_REQUIRED),
    }
}

/// As the statement that inserts the code wants it.
pub(super) fn code_consent(consent: ConsentUse, client: &Client, now: OffsetDateTime) -> CodeConsent {
    match consent {
        ConsentUse::NotAsked => CodeConsent::NotAsked,
        ConsentUse::Remembered(id) => CodeConsent::Remembered(id),
        ConsentUse::Given { remembered } => CodeConsent::New {
            id: ConsentId::new(now),
            remembered,
            expires_at: client.consent_ttl.map(|ttl| now + Duration::seconds(i64::from(ttl))),
        },
    }
}

#[cfg(test)]
mod tests;
