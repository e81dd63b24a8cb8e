//! API resources: an API that validates tokens. Its name is the `aud` of tokens that carry its scopes (D11); its secrets
//! authenticate it at introspection.

use crate::base::{
    id::{ApiResourceRowId, OrganisationId},
    text::LocalizedText,
};

/// An API resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiResource {
    /// row
    pub id: ApiResourceRowId,
    /// owner
    pub organisation_id: OrganisationId,
    /// `@domain/name`; the `aud` of its tokens
    pub name: String,
    /// for administrators
    pub display_name: LocalizedText,
    /// names of its scopes
    pub scopes: Vec<String>,
    /// a disabled resource is as if absent
    pub enabled: bool,
}
