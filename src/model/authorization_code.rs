//! Authorization codes: what a browser carries from us to the client, for at most 60 seconds and one use (RSP-06).

use time::OffsetDateTime;

use super::identity_provider::IdentityProviderKind;
use crate::base::id::{ClientRowId, ConsentId, FamilyId, PersonId, SessionId, SubjectId};

/// The prefix of a code's text (COD-10).
pub const PREFIX: &str = "ac_";

/// After so many failed attempts the code is burnt (COD-07).
pub const MOST_FAILED_ATTEMPTS: i32 = 5;

/// How a person is authenticated: the part of a session that codes and families keep as it was.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Authentication {
    /// the session; the claim `sid`
    pub session_id: SessionId,
    /// who signed in
    pub actor_id: PersonId,
    /// for whom; themself where nobody else is chosen
    pub subject_id: SubjectId,
    /// the claim `sub` of subject, actor and identity provider
    pub sub: String,
    /// the claim `idp`
    pub identity_provider: IdentityProviderKind,
    /// the claim `acr`
    pub acr: String,
    /// the claim `amr`
    pub amr: Vec<String>,
    /// the claim `auth_time`
    pub auth_time: OffsetDateTime,
}

/// A code that is about to be given out; everything that its redemption must find again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAuthorizationCode {
    /// id of the code, and of the family that its exchange makes
    pub id: FamilyId,
    /// SHA-256 of its secret
    pub secret_hash: [u8; 32],
    /// to whom
    pub client_id: ClientRowId,
    /// where it is sent
    pub redirect_uri: String,
    /// PKCE S256
    pub code_challenge: Option<String>,
    /// for the ID token
    pub nonce: Option<String>,
    /// what is granted
    pub scope: Vec<String>,
    /// of whom
    pub authentication: Authentication,
    /// consent that allowed it
    pub consent_id: Option<ConsentId>,
    /// made
    pub created_at: OffsetDateTime,
    /// ends
    pub expires_at: OffsetDateTime,
}
