//! Scopes: permissions of an API (seed 003), and the identity scopes that are built in (seed 002).

use serde::{Deserialize, Serialize};

use super::client::DelegationType;
use crate::base::{
    id::{OrganisationId, ScopeRowId},
    text::LocalizedText,
};

/// The identity scopes of seed 002.
pub const OPENID: &str = "openid";
/// Asks for `name`.
pub const PROFILE: &str = "profile";
/// Asks for a refresh token.
pub const OFFLINE_ACCESS: &str = "offline_access";

/// A claim that a scope may put into access tokens: those that the server can fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "camelCase")]
#[sqlx(type_name = "text", rename_all = "camelCase")]
pub enum ScopeClaim {
    /// national id of the subject
    NationalId,
    /// full name of the subject
    Name,
    /// `person` or `legalEntity`
    SubjectType,
    /// who signed in, where a delegation is active
    Actor,
    /// kinds of the active delegation
    DelegationType,
}

/// A scope with every field of seed 003 and those of IAS that decide something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scope {
    /// row
    #[serde(skip)]
    pub id: ScopeRowId,
    /// owner
    #[serde(skip)]
    pub organisation_id: OrganisationId,
    /// `@domain/name`
    pub name: String,
    /// shown on the consent page
    pub display_name: LocalizedText,
    /// shown on the consent page
    pub description: LocalizedText,
    /// kinds of delegation that can use the scope
    pub supported_delegations: Vec<DelegationType>,
    /// rights of a personal representative that open the scope
    pub personal_representative_permissions: Vec<String>,
    /// claims that the API needs in the access token
    pub claims: Vec<ScopeClaim>,
    /// a disabled scope is as if absent
    pub enabled: bool,
    /// listed in `scopes_supported`
    pub show_in_discovery: bool,
    /// cannot be unticked on the consent page
    pub required: bool,
    /// highlighted on the consent page
    pub emphasize: bool,
    /// whether a person acting as themself may have it
    pub grant_to_authenticated_user: bool,
    /// every delegation has it without a grant
    pub automatic_delegation_grant: bool,
    /// given to the actor although a delegation is active
    pub also_for_delegated_user: bool,
    /// place on the consent page, 0–999
    pub display_order: i16,
}
