//! What introspection answers: RFC 7662 §2.2, with the claims of our access tokens (INS-02).

use serde::Serialize;

use super::{claims::AccessTokenClaims, scope::ScopeSet, token::TokenType};

/// The answer. A token that is not active has no other member: nobody learns why (INS-02).
#[derive(Serialize)]
pub struct Introspection {
    active: bool,
    #[serde(flatten)]
    token: Option<ActiveToken>,
}

impl From<Option<ActiveToken>> for Introspection {
    fn from(token: Option<ActiveToken>) -> Self {
        Self { active: token.is_some(), token }
    }
}

/// A token that holds, as far as the caller may know it.
#[derive(Serialize)]
#[serde(untagged)]
pub enum ActiveToken {
    /// what it says, as it still holds
    Access {
        /// how it is used
        token_type: TokenType,
        /// its claims
        #[serde(flatten)]
        claims: Box<AccessTokenClaims>,
    },
    /// the current one of a chain, to its own client
    Refresh(Box<RefreshTokenClaims>),
}

/// What is told about a refresh token. It has no `token_type`: that is how access tokens are used (RFC 6749 §5.1).
#[derive(Serialize)]
pub struct RefreshTokenClaims {
    /// what a refresh would give
    pub scope: ScopeSet,
    /// whose it is
    pub client_id: String,
    /// when the chain ends if it is not used
    pub exp: i64,
    /// when the token was given
    pub iat: i64,
    /// our issuer
    pub iss: String,
    /// as in the access tokens
    pub sub: String,
    /// the SSO session
    pub sid: String,
    /// when the person signed in
    pub auth_time: i64,
    /// how the person signed in
    pub idp: String,
    /// level of assurance
    pub acr: String,
    /// authentication methods (RFC 8176)
    pub amr: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ins_02_what_is_not_active_has_no_other_member() {
        assert_eq!(serde_json::to_string(&Introspection::from(None)).unwrap(), r#"{"active":false}"#);
    }

    #[test]
    fn what_is_active_has_its_claims_beside_it() {
        let token = RefreshTokenClaims {
            scope: "openid".parse().unwrap(),
            client_id: "@myorg.is/webapp".into(),
            exp: 2,
            iat: 1,
            iss: "https://innskra.island.is".into(),
            sub: "s".into(),
            sid: "d".into(),
            auth_time: 0,
            idp: "sim".into(),
            acr: "eidas-loa-high".into(),
            amr: vec!["pop".into()],
        };
        assert_eq!(
            serde_json::to_value(Introspection::from(Some(ActiveToken::Refresh(Box::new(token))))).unwrap(),
            serde_json::json!({
                "active": true, "scope": "openid", "client_id": "@myorg.is/webapp", "exp": 2, "iat": 1,
                "iss": "https://innskra.island.is", "sub": "s", "sid": "d", "auth_time": 0, "idp": "sim",
                "acr": "eidas-loa-high", "amr": ["pop"],
            })
        );
    }
}
