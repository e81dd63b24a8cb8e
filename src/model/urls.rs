//! Every address of ours, made from the configured issuer and never from a request (DISC-01).

use crate::protocol::metadata::Endpoints;

/// The issuer, and what is made from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urls {
    issuer: String,
}

/// Paths that routes and links share.
pub mod path {
    #![expect(missing_docs, reason = "each constant is its own description")]
    pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
    pub const OAUTH_AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
    pub const JWKS: &str = "/.well-known/openid-configuration/jwks";
    pub const SECURITY_TXT: &str = "/.well-known/security.txt";
    pub const AUTHORIZE: &str = "/connect/authorize";
    pub const TOKEN: &str = "/connect/token";
    pub const USERINFO: &str = "/connect/userinfo";
    pub const REVOCATION: &str = "/connect/revocation";
    pub const INTROSPECT: &str = "/connect/introspect";
    pub const END_SESSION: &str = "/connect/endsession";
    pub const CHOOSE: &str = "/signin/choose";
    pub const START: &str = "/signin/start";
    pub const WAIT: &str = "/signin/wait";
    pub const STATUS: &str = "/signin/status";
    pub const RETURN: &str = "/signin/return/{provider}";
    pub const APP_RETURN: &str = "/signin/app/return";
    pub const CONSENT: &str = "/signin/consent";
    pub const CARD: &str = "/signin/card";
    pub const CARD_RETURN: &str = "/signin/card/return";
    /// On the card host alone.
    pub const CARD_TICKET: &str = "/signin/card/{ticket}";

    /// [`RETURN`] of an identity provider, whose name is of letters, digits, `-` and `_`.
    pub fn return_of(provider: &str) -> String {
        RETURN.replace("{provider}", provider)
    }

    /// [`CARD_TICKET`] with a ticket, which is base64url.
    pub fn card_ticket(ticket: &str) -> String {
        CARD_TICKET.replace("{ticket}", ticket)
    }
}

impl Urls {
    /// `issuer` has no trailing slash, query or fragment; the configuration has checked that.
    pub fn new(issuer: &str) -> Self {
        Self { issuer: issuer.to_owned() }
    }

    /// The issuer, byte for byte as tokens and discovery carry it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The absolute address of one of our paths.
    pub fn absolute(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// The addresses that discovery tells.
    pub fn endpoints(&self) -> Endpoints {
        Endpoints {
            issuer: self.issuer.clone(),
            authorization: self.absolute(path::AUTHORIZE),
            token: self.absolute(path::TOKEN),
            userinfo: self.absolute(path::USERINFO),
            revocation: self.absolute(path::REVOCATION),
            introspection: self.absolute(path::INTROSPECT),
            end_session: self.absolute(path::END_SESSION),
            jwks: self.absolute(path::JWKS),
        }
    }

    /// An address of ours with one more parameter.
    pub fn and_parameter(url: &str, name: &str, value: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        format!("{url}{}{query}", if url.contains('?') { '&' } else { '?' })
    }

    /// A path of ours with parameters, percent-encoded.
    pub fn with_parameters(path: &str, parameters: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in parameters {
            query.append_pair(name, value);
        }
        format!("{path}?{}", query.finish())
    }
}
