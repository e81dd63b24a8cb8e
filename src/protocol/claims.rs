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
mod tests {
    use serde_json::json;

    use super::*;

    fn person() -> AccessTokenClaims {
        AccessTokenClaims {
            nbf: 1,
            exp: 301,
            iat: 1,
            auth_time: Some(0),
            iss: "https://innskra.island.is".into(),
            aud: None,
            client_id: "@myorg.is/webapp".into(),
            sub: Some("s".into()),
            idp: Some("sim".into()),
            jti: "j".into(),
            sid: Some("d".into()),
            scope: "openid profile".parse().unwrap(),
            amr: vec!["pop".into()],
            acr: Some("eidas-loa-high".into()),
            user: UserClaims { national_id: Some("0101302129".into()), ..UserClaims::default() },
            client: ClientClaims::default(),
        }
    }

    #[test]
    fn tok_01_an_access_token_says_exactly_what_the_seed_shows() {
        let written = serde_json::to_value(person()).unwrap();
        assert_eq!(
            written,
            json!({
                "nbf": 1, "exp": 301, "iat": 1, "auth_time": 0, "iss": "https://innskra.island.is",
                "client_id": "@myorg.is/webapp", "sub": "s", "idp": "sim", "nationalId": "0101302129", "jti": "j",
                "sid": "d", "scope": "openid profile", "amr": ["pop"], "acr": "eidas-loa-high",
            })
        );
        assert_eq!(serde_json::from_value::<AccessTokenClaims>(written).unwrap(), person());
    }

    #[test]
    fn cc_02_a_machines_token_says_nothing_of_a_person() {
        let client = ClientClaims::from_iter([
            ("delegation_provider".to_owned(), "x".to_owned()),
            ("id".to_owned(), "@evil.is/other".to_owned()),
        ]);
        let machine = AccessTokenClaims {
            auth_time: None,
            sub: None,
            idp: None,
            sid: None,
            amr: vec![],
            acr: None,
            aud: Audience::new(vec!["@a.is/api".into(), "@b.is/api".into()]),
            user: UserClaims::default(),
            client,
            ..person()
        };
        let written = serde_json::to_value(&machine).unwrap();
        assert_eq!(
            written,
            json!({
                "nbf": 1, "exp": 301, "iat": 1, "iss": "https://innskra.island.is", "aud": ["@a.is/api", "@b.is/api"],
                "client_id": "@myorg.is/webapp", "jti": "j", "scope": "openid profile", "client_delegation_provider": "x",
            })
        );
        let read = serde_json::from_value::<AccessTokenClaims>(written).unwrap();
        assert_eq!(read, machine);
        assert_eq!(read.client.get("delegation_provider"), Some("x"));
        assert_eq!(read.client.get("id"), None);
    }

    #[test]
    fn key_07_wrong_types_and_duplicates_are_refused() {
        let good = serde_json::to_string(&person()).unwrap();
        assert!(serde_json::from_str::<AccessTokenClaims>(&good).is_ok());
        for (from, to) in [
            (r#""nbf":1"#, r#""nbf":"1""#),
            (r#""exp":301"#, r#""exp":301.5"#),
            (r#""exp":301"#, r#""exp":null"#),
            (r#""exp":301,"#, ""),
            (r#""iat":1"#, r#""iat":true"#),
            (r#""auth_time":0"#, r#""auth_time":"0""#),
            (r#""scope":"openid profile""#, r#""scope":["openid"]"#),
            (r#""scope":"openid profile""#, r#""scope":"openid  profile""#),
            (r#""amr":["pop"]"#, r#""amr":"pop""#),
            (r#""iss":"#, r#""iss":"https://evil.is","iss":"#),
            (r#""nationalId":"#, r#""nationalId":"1","nationalId":"#),
            (r#""nationalId":"0101302129""#, r#""nationalId":101302129"#),
        ] {
            assert!(good.contains(from), "{from}");
            assert!(serde_json::from_str::<AccessTokenClaims>(&good.replacen(from, to, 1)).is_err(), "{to}");
        }
    }

    #[test]
    fn a_claim_of_a_later_version_is_left_alone() {
        let mut written = serde_json::to_value(person()).unwrap();
        written["act"] = json!({ "client_id": "@a.is/b" });
        assert_eq!(serde_json::from_value::<AccessTokenClaims>(written).unwrap(), person());
    }

    #[test]
    fn an_id_token_holds_the_delegation() {
        let claims = IdTokenClaims {
            iss: "https://innskra.island.is".into(),
            sub: "s".into(),
            aud: "@myorg.is/webapp".into(),
            exp: 301,
            iat: 1,
            auth_time: 0,
            nonce: Some("n".into()),
            acr: "eidas-loa-high".into(),
            amr: vec!["pop".into()],
            sid: "d".into(),
            at_hash: Some("h".into()),
            user: UserClaims {
                national_id: Some("0101302129".into()),
                subject_type: Some(SubjectType::LegalEntity),
                name: Some("Gervimaður Noregur".into()),
                delegation_type: vec!["Custom".into()],
                actor: Some(Actor { national_id: "0101302209".into(), name: "Gervimaður Finnland".into() }),
            },
        };
        let written = serde_json::to_value(&claims).unwrap();
        assert_eq!(
            written,
            json!({
                "iss": "https://innskra.island.is", "sub": "s", "aud": "@myorg.is/webapp", "exp": 301, "iat": 1,
                "auth_time": 0, "nonce": "n", "acr": "eidas-loa-high", "amr": ["pop"], "sid": "d", "at_hash": "h",
                "nationalId": "0101302129", "subjectType": "legalEntity", "name": "Gervimaður Noregur",
                "delegationType": ["Custom"], "actor": { "nationalId": "0101302209", "name": "Gervimaður Finnland" },
            })
        );
        assert_eq!(serde_json::from_value::<IdTokenClaims>(written).unwrap(), claims);
        let shown = format!("{claims:?}");
        assert!(!shown.contains("0101302129") && !shown.contains("Gervimaður Finnland"), "{shown}");
    }

    #[test]
    fn userinfo_leaves_out_what_is_absent() {
        let user = UserClaims { subject_type: Some(SubjectType::Person), ..UserClaims::default() };
        let claims = UserinfoClaims { sub: "s".into(), user };
        assert_eq!(serde_json::to_string(&claims).unwrap(), r#"{"sub":"s","subjectType":"person"}"#);
    }

    #[test]
    fn an_audience_is_a_string_or_an_array() {
        assert_eq!(Audience::new(vec![]), None);
        let one = Audience::new(vec!["a".into()]).unwrap();
        assert_eq!(serde_json::to_value(&one).unwrap(), json!("a"));
        assert!(one.contains("a") && !one.contains("b"));
        assert!(Audience::new(vec!["a".into(), "b".into()]).unwrap().contains("b"));
    }

    #[test]
    fn at_hash_is_the_left_half_of_the_digest() {
        // OpenID Connect Core, the example of §A.4
        assert_eq!(at_hash(Algorithm::Rs256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
    }
}
