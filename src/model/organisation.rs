//! Organisations: the containers of clients and scopes (seed 003). An organisation's domain prefixes their names.

use serde::Serialize;

use crate::base::{id::OrganisationId, text::LocalizedText};

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Organisation {
    /// row
    #[serde(skip)]
    pub id: OrganisationId,
    /// primary domain, `myorg.is`; client ids and scope names begin with `@myorg.is/`
    pub domain: String,
    /// kennitala of the organisation, ten digits
    pub national_id: String,
    /// shown on consent and sign-in pages
    pub display_name: LocalizedText,
    /// e-mail address for service notifications
    pub contact_email: Option<String>,
    /// a disabled organisation's clients and scopes are as if absent
    pub enabled: bool,
}
