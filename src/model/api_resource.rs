//! API resources: an API that validates tokens. Its name is the `aud` of tokens that carry its scopes (D11); its secrets
//! authenticate it at introspection.

use serde::Serialize;

use super::secret::SecretHash;
use crate::base::{
    id::{ApiResourceRowId, OrganisationId},
    text::LocalizedText,
};

/// An API resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiResource {
    /// row
    #[serde(skip)]
    pub id: ApiResourceRowId,
    /// owner
    #[serde(skip)]
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

/// An API resource with what authenticates it.
#[derive(Clone, Debug)]
pub struct RegisteredApiResource {
    /// its settings
    pub resource: ApiResource,
    /// its secrets
    pub secrets: Vec<SecretHash>,
}
