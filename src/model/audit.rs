//! Audit events: one variant for each thing worth remembering (LOG-02). They name rows by id and hold no national id, number,
//! name or secret.

use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::base::id::{ClientRowId, FamilyId, OrganisationId, PersonId, SessionId, SubjectId};

/// Who and what an event is about; what does not apply is left out.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// organisation whose object it is
    pub organisation_id: Option<OrganisationId>,
    /// client
    pub client_id: Option<ClientRowId>,
    /// person who acts
    pub actor_id: Option<PersonId>,
    /// acted for
    pub subject_id: Option<SubjectId>,
    /// session
    pub session_id: Option<SessionId>,
    /// family of tokens
    pub family_id: Option<FamilyId>,
    /// from where
    pub origin: Origin,
}

/// From where a request came, as far as it is kept: the network, not the address (PRV-03).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// `192.0.2.0/24`, `2001:db8:1::/48`
    pub network: Option<String>,
    /// user agent, cut to 200 characters
    pub user_agent: Option<String>,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum AuditEvent {
    /// a person signed in
    SignedIn {
        /// claim `idp`
        identity_provider: &'static str,
    },
    /// a sign-in ended without a person
    SignInFailed {
        /// error kind
        kind: String,
        /// the provider's own word
        provider_code: Option<String>,
    },
    /// a session ended
    SessionEnded {
        /// `sign_out` or `another_sign_in`
        reason: &'static str,
    },
    /// a code was given to a client
    CodeIssued {
        /// granted
        scope: Vec<String>,
    },
    /// the person or a rule refused
    AuthorizationRefused {
        /// OAuth error
        error: &'static str,
    },
    /// a code became tokens
    CodeRedeemed,
    /// a code was used a second time and what the first use gave is revoked (COD-06)
    CodeReused,
    /// a refresh token was shown that is not the family's newest, and the family is revoked (RT-05, decision E)
    RefreshTokenReused {
        /// how many refreshes came before the token
        generation: u32,
        /// whether the family had not come so far: a lost commit
        ahead: bool,
        /// the redemption that came first, as far as it is remembered
        first: Option<Value>,
    },
    /// the answer to a refresh was given again (RT-08)
    RefreshRetried {
        /// how many refreshes came before the token
        generation: u32,
    },
    /// a client revoked what it was given (RFC 7009)
    TokenRevoked {
        /// `refresh_token`: the family; `access_token`: that token alone
        token: &'static str,
    },
    /// every key is sealed under another master key
    KeysRewrapped {
        /// id of the master key
        master_key_id: u32,
    },
    /// a person may not sign in any more, and what they were given is void
    PersonBlocked,
    /// a person may sign in again
    PersonUnblocked,
    /// a person's telephone number is closed to browsers that they have not signed in with
    LoginRestricted {
        /// until when
        until: OffsetDateTime,
    },
    /// a person's telephone number is open to every browser again
    LoginRestrictionLifted,
    /// somebody opened what is kept of a sign-in
    EvidenceOpened {
        /// attempt
        attempt: Uuid,
        /// why, in the operator's words
        reason: String,
    },
    /// authentications before a moment are void
    NotBeforeSet {
        /// whose: `everybody`, `client`, `person`
        whose: &'static str,
        /// the moment
        not_before: OffsetDateTime,
    },
    /// a configuration object changed
    ConfigurationChanged {
        /// `client`, `scope`, …
        noun: &'static str,
        /// its name
        name: String,
        /// fields with before and after, without secrets
        changes: Value,
    },
    /// a signing key was made
    SigningKeyMade {
        /// its kid
        kid: String,
    },
    /// a signing key that may be in wrong hands was taken out of service
    SigningKeyRevoked {
        /// its kid
        kid: String,
    },
}

impl AuditEvent {
    /// The stable word of the column `kind`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SignedIn { .. } => "signed_in",
            Self::SignInFailed { .. } => "sign_in_failed",
            Self::SessionEnded { .. } => "session_ended",
            Self::CodeIssued { .. } => "code_issued",
            Self::AuthorizationRefused { .. } => "authorization_refused",
            Self::CodeRedeemed => "code_redeemed",
            Self::CodeReused => "code_reused",
            Self::RefreshTokenReused { .. } => "refresh_token_reused",
            Self::RefreshRetried { .. } => "refresh_retried",
            Self::TokenRevoked { .. } => "token_revoked",
            Self::KeysRewrapped { .. } => "keys_rewrapped",
            Self::PersonBlocked => "person_blocked",
            Self::PersonUnblocked => "person_unblocked",
            Self::LoginRestricted { .. } => "login_restricted",
            Self::LoginRestrictionLifted => "login_restriction_lifted",
            Self::EvidenceOpened { .. } => "evidence_opened",
            Self::NotBeforeSet { .. } => "not_before_set",
            Self::ConfigurationChanged { .. } => "configuration_changed",
            Self::SigningKeyMade { .. } => "signing_key_made",
            Self::SigningKeyRevoked { .. } => "signing_key_revoked",
        }
    }

    /// The column `detail`.
    pub fn detail(&self) -> Value {
        match self {
            Self::SignedIn { identity_provider } => json!({ "identity_provider": identity_provider }),
            Self::SignInFailed { kind, provider_code } => json!({ "kind": kind, "provider_code": provider_code }),
            Self::SessionEnded { reason } => json!({ "reason": reason }),
            Self::CodeIssued { scope } => json!({ "scope": scope }),
            Self::AuthorizationRefused { error } => json!({ "error": error }),
            Self::CodeRedeemed
            | Self::CodeReused
            | Self::PersonBlocked
            | Self::PersonUnblocked
            | Self::LoginRestrictionLifted => json!({}),
            Self::LoginRestricted { until } => json!({ "until": until.unix_timestamp() }),
            Self::EvidenceOpened { attempt, reason } => json!({ "attempt": attempt, "reason": reason }),
            Self::KeysRewrapped { master_key_id } => json!({ "master_key_id": master_key_id }),
            Self::NotBeforeSet { whose, not_before } => json!({ "whose": whose, "not_before": not_before.unix_timestamp() }),
            Self::RefreshTokenReused { generation, ahead, first } => {
                json!({ "generation": generation, "ahead": ahead, "first": first })
            }
            Self::RefreshRetried { generation } => json!({ "generation": generation }),
            Self::TokenRevoked { token } => json!({ "token": token }),
            Self::ConfigurationChanged { noun, name, changes } => json!({ "noun": noun, "name": name, "changes": changes }),
            Self::SigningKeyMade { kid } | Self::SigningKeyRevoked { kid } => json!({ "kid": kid }),
        }
    }
}

/// An event with its row's id and time, ready to be stored.
#[derive(Clone, Debug)]
pub struct AuditRecord {
    /// UUIDv7
    pub id: Uuid,
    /// when
    pub at: OffsetDateTime,
    /// who and what
    pub about: About,
    /// what happened
    pub event: AuditEvent,
}

impl AuditRecord {
    /// A record made at `now`.
    pub fn new(now: OffsetDateTime, about: About, event: AuditEvent) -> Self {
        Self { id: crate::base::id::uuid_v7(now), at: now, about, event }
    }
}
