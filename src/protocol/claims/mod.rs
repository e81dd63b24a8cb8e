//! What the tokens and userinfo say: RFC 9068 §2.2, OpenID Connect Core §2, §3.1.3.6 and §5.3.2, and the claims of IAS
//! (TOK-01…TOK-03, UI-04, D11).
//!
//! Absent claims are left out, never null; times are whole seconds. `Debug` shows nothing about a person.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    jwt::{Algorithm, Claims},
    scope::ScopeSet,
};
use crate::base::digest::{base64url, sha256};

/// Most clients that an access token has come through before the one that holds it (TEX-04).
pub const MOST_EARLIER_CLIENTS: usize = 3;

/// An access token's claims: those of IAS exactly, and what a scope asks for. A machine's token has none about a sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// from when on
    pub nbf: i64,
    /// until when
    pub exp: i64,
    /// when made
    pub iat: i64,
    /// when the person signed in
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// our issuer
    pub iss: String,
    /// the API resources of the scopes, where there are any (D11)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<Audience>,
    /// who asked
    pub client_id: String,
    /// the clients that it came through, after an exchange (RFC 8693 §4.1, in the form of IAS)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<EarlierClient>,
    /// pairwise by subject, actor and identity provider; a machine has none (CC-02)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// how the person signed in
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idp: Option<String>,
    /// begins with the family's id (TOK-06)
    pub jti: String,
    /// the SSO session
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// what was granted
    pub scope: ScopeSet,
    /// authentication methods (RFC 8176)
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// level of assurance
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// what a scope asks for about the person
    #[serde(flatten)]
    pub user: UserClaims,
    /// what is fixed for the client
    #[serde(flatten)]
    pub client: ClientClaims,
}

impl AccessTokenClaims {
    /// Whether a name is in the token's audience; where it has none, who owns its scopes decides (D11).
    pub fn may_be_for(&self, name: &str) -> bool {
        self.aud.as_ref().is_none_or(|audience| audience.contains(name))
    }

    /// The clients that the token came through, by `client_id`: the one that holds it first, the one to which a person signed in
    /// last.
    pub fn clients(&self) -> impl Iterator<Item = &str> {
        let earlier = std::iter::successors(self.act.as_ref(), |client| client.act.as_deref());
        std::iter::once(self.client_id.as_str()).chain(earlier.map(|client| client.client_id.as_str()))
    }
}

/// A client that an exchanged token came through: `act` of IAS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierClient {
    /// who held the token that was exchanged
    pub client_id: String,
    /// the client before that one
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<EarlierClient>>,
}

/// An ID token's claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdTokenClaims {
    /// our issuer
    pub iss: String,
    /// as in the access token
    pub sub: String,
    /// the client, alone (TOK-03)
    pub aud: String,
    /// until when
    pub exp: i64,
    /// when made
    pub iat: i64,
    /// when the person signed in
    pub auth_time: i64,
    /// of the authorization request, unchanged
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// level of assurance
    pub acr: String,
    /// authentication methods (RFC 8176)
    pub amr: Vec<String>,
    /// the SSO session
    pub sid: String,
    /// binds the access token ([`at_hash`])
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
    /// what the granted scopes give about the person
    #[serde(flatten)]
    pub user: UserClaims,
}

/// The answer of userinfo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserinfoClaims {
    /// that of the ID token (UI-04)
    pub sub: String,
    /// what the granted scopes give about the person
    #[serde(flatten)]
    pub user: UserClaims,
}

/// What may be said about a person; each only where the granted scopes give it (TOK-05).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserClaims {
    /// of the subject
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub national_id: Option<String>,
    /// person or company
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_type: Option<SubjectType>,
    /// of the subject
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// kinds of the active delegation
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delegation_type: Vec<String>,
    /// who signed in, while a delegation is active
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
}

impl fmt::Debug for UserClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The person who signed in, acting for the subject.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// of the person
    pub national_id: String,
    /// full name
    pub name: String,
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What the subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SubjectType {
    /// a natural person
    Person,
    /// a company or another body
    LegalEntity,
}

/// `aud`: one name, or several (RFC 7519 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// written as a string
    One(String),
    /// written as an array
    Several(Vec<String>),
}

impl Audience {
    /// One name or several; none is no audience.
    pub fn new(mut names: Vec<String>) -> Option<Self> {
        match names.len() {
            0 => None,
            1 => names.pop().map(Self::One),
            _ => Some(Self::Several(names)),
        }
    }

    /// What is left of it where only some names stand; none where none do.
    #[must_use]
    pub fn retain(self, mut stands: impl FnMut(&str) -> bool) -> Option<Self> {
        let names = match self {
            Self::One(name) => vec![name],
            Self::Several(names) => names,
        };
        Self::new(names.into_iter().filter(|name| stands(name)).collect())
    }

    /// Whether a name is among them.
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Several(names) => names.iter().any(|one| one == name),
        }
    }
}

/// Fixed claims of a client, written as `client_<name>`. `id` is no such name: `client_id` is the client's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ClientClaims(BTreeMap<String, String>);

impl ClientClaims {
    const PREFIX: &'static str = "client_";

    /// The value of a claim, by its name without the prefix.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(&format!("{}{name}", Self::PREFIX)).map(String::as_str)
    }
}

/// Takes names without the prefix.
impl FromIterator<(String, String)> for ClientClaims {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(claims: I) -> Self {
        let own = claims.into_iter().filter(|(name, _)| name != "id");
        Self(own.map(|(name, value)| (format!("{}{name}", Self::PREFIX), value)).collect())
    }
}

// It is flattened, so it is handed every member that nobody else took: what is not ours is left alone.
impl<'de> Deserialize<'de> for ClientClaims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rest = BTreeMap::<String, serde_json::Value>::deserialize(deserializer)?;
        let own = rest.into_iter().filter(|(name, _)| name.starts_with(Self::PREFIX));
        Ok(Self(own.filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect()))
    }
}

impl Claims for AccessTokenClaims {
    const TYP: &'static str = "at+jwt"; // RFC 9068 §2.1

    fn issuer(&self) -> &str {
        &self.iss
    }

    fn issued_at(&self) -> i64 {
        self.iat
    }

    fn not_before(&self) -> Option<i64> {
        Some(self.nbf)
    }

    fn expires_at(&self) -> i64 {
        self.exp
    }
}

impl Claims for IdTokenClaims {
    const TYP: &'static str = "JWT";

    fn issuer(&self) -> &str {
        &self.iss
    }

    fn issued_at(&self) -> i64 {
        self.iat
    }

    fn not_before(&self) -> Option<i64> {
        None
    }

    fn expires_at(&self) -> i64 {
        self.exp
    }
}

/// `at_hash`: the left half of the access token's digest, by the hash of the ID token's algorithm (Core §3.1.3.6).
pub fn at_hash(algorithm: Algorithm, access_token: &str) -> String {
    let digest = match algorithm {
        Algorithm::Rs256 => sha256(&[access_token.as_bytes()]),
    };
    base64url(&digest[..digest.len() / 2])
}

#[cfg(test)]
mod tests;
