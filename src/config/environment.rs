//! Where the server runs. There is no default: it is always said (eid.md §12).

use serde::{Deserialize, Serialize};

/// The deployment environment; production refuses what the others may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Environment {
    /// real people
    Production,
    /// as production, with test people and wildcard redirect URIs
    Staging,
    /// a developer's machine, tests and the demo
    Development,
}

impl Environment {
    /// Every environment, the strictest first.
    pub const ALL: [Self; 3] = [Self::Production, Self::Staging, Self::Development];

    /// The word that stands in configuration and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Development => "development",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|environment| environment.as_str() == text)
    }
}
