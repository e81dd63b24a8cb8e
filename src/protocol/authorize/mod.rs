//! The authorization request: OpenID Connect Core §3.1.2.1, RFC 6749 §4.1.1, RFC 7636 §4.3.
//!
//! [`AuthorizeRequest`] is what remains of the parameters when every check of [`checks`] has passed: typed, bounded, and small
//! enough to travel sealed in a URL. Whose client it is, and whether it may, is decided elsewhere.

pub mod checks;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{error::Refusal, params::Params, pkce::CodeChallenge, scope::ScopeSet};
use crate::base::text::Language;

/// A validated authorization request. Its serde form has short names and leaves out what is absent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizeRequest {
    /// as sent; known and enabled
    #[serde(rename = "c")]
    pub client_id: String,
    /// as sent; matched to a registered one
    #[serde(rename = "r")]
    pub redirect_uri: String,
    /// how the answer travels
    #[serde(rename = "m", default, skip_serializing_if = "is_default")]
    pub response_mode: ResponseMode,
    /// as sent, without repetitions
    #[serde(rename = "s")]
    pub scope: ScopeSet,
    /// to be returned unchanged
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// for the ID token
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// S256; absent only where D9 exempts the client
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<CodeChallenge>,
    /// what must or must not be shown
    #[serde(rename = "p", default, skip_serializing_if = "is_default")]
    pub prompt: PromptSet,
    /// greatest age of the sign-in in seconds
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u32>,
    /// display data only: it never selects the identity (AUT-12)
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// those of the wishes that the server speaks, best first
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub ui_locales: Vec<Language>,
    /// as sent, best first
    #[serde(rename = "v", default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
    /// those of an essential claim `acr`, of which one must be reached
    #[serde(rename = "e", default, skip_serializing_if = "Vec::is_empty")]
    pub essential_acr: Vec<String>,
    /// the kind of window
    #[serde(rename = "d", default, skip_serializing_if = "is_default")]
    pub display: Display,
    /// not yet verified
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub id_token_hint: Option<String>,
}

impl AuthorizeRequest {
    /// Reads the parameters of a client whose id and redirect URI have been decided, in the order in which faults are told.
    ///
    /// # Errors
    /// The first refusal; it may be sent to the redirect URI.
    pub fn read(params: &Params, client_id: &str, redirect_uri: &str, pkce_required: bool) -> Result<Self, &'static Refusal> {
        checks::parameters(params)?;
        checks::response_type(params)?;
        checks::unsupported(params)?;
        let essential_acr = checks::essential_acr(params)?;
        Ok(Self {
            client_id: client_id.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            response_mode: checks::response_mode(params, redirect_uri)?,
            scope: checks::scope(params)?,
            code_challenge: checks::code_challenge(params, pkce_required)?,
            state: checks::state(params)?,
            nonce: checks::nonce(params)?,
            prompt: checks::prompt(params)?,
            max_age: checks::max_age(params)?,
            display: checks::display(params)?,
            ui_locales: checks::ui_locales(params)?,
            acr_values: checks::acr_values(params)?,
            essential_acr,
            login_hint: checks::login_hint(params)?,
            id_token_hint: checks::id_token_hint(params)?,
        })
    }

    /// Whether the client wants to hear when the person last proved who they are, and may not be answered by somebody's memory of it
    /// (OpenID Connect Core §3.1.2.1).
    pub fn demands_fresh_sign_in(&self) -> bool {
        self.prompt.contains(Prompt::Login) || self.max_age.is_some()
    }

    /// Whether an assurance is one of those that were asked for; where none was, any is.
    pub fn accepts_acr(&self, acr: &str) -> bool {
        [&self.acr_values, &self.essential_acr]
            .into_iter()
            .all(|asked| asked.is_empty() || asked.iter().any(|asked| asked == acr))
    }
}

/// Shows what may stand in a log: hints, state and nonce may hold anything about a person.
impl fmt::Debug for AuthorizeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizeRequest")
            .field("client_id", &self.client_id)
            .field("scope", &self.scope)
            .field("prompt", &self.prompt)
            .finish_non_exhaustive()
    }
}

/// How the answer travels (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResponseMode {
    /// in the query of a redirect
    #[default]
    #[serde(rename = "q")]
    Query,
    /// in the body of a form that posts itself
    #[serde(rename = "f")]
    FormPost,
}

impl ResponseMode {
    /// The modes, as discovery lists them.
    pub const ALL: [Self; 2] = [Self::Query, Self::FormPost];

    /// The value as it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::FormPost => "form_post",
        }
    }
}

/// The kind of window that a client opened; every kind gets the same pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Display {
    /// a full page
    #[default]
    #[serde(rename = "g")]
    Page,
    /// a small window
    #[serde(rename = "p")]
    Popup,
    /// a touch screen
    #[serde(rename = "t")]
    Touch,
    /// an old telephone
    #[serde(rename = "w")]
    Wap,
}

/// A value of `prompt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// show nothing
    None,
    /// sign in again
    Login,
    /// ask for consent again
    Consent,
    /// choose again for whom to act
    SelectAccount,
}

impl Prompt {
    /// The values, as discovery lists them.
    pub const ALL: [Self; 4] = [Self::None, Self::Login, Self::Consent, Self::SelectAccount];

    /// The value as it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The values of `prompt` that were sent.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PromptSet(u8);

impl PromptSet {
    /// Whether a value was sent.
    pub const fn contains(self, prompt: Prompt) -> bool {
        self.0 & prompt.bit() != 0
    }

    /// Adds a value.
    #[must_use]
    pub const fn with(self, prompt: Prompt) -> Self {
        Self(self.0 | prompt.bit())
    }
}

/// As it is sent.
impl fmt::Display for PromptSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = Prompt::ALL.into_iter().filter(|&prompt| self.contains(prompt)).map(Prompt::as_str).collect();
        f.write_str(&words.join(" "))
    }
}

impl fmt::Debug for PromptSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Prompt::ALL.into_iter().filter(|&prompt| self.contains(prompt))).finish()
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::refusals;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn read(query: &str) -> Result<AuthorizeRequest, &'static Refusal> {
        let params = Params::parse(query.as_bytes()).unwrap();
        AuthorizeRequest::read(&params, "@myorg.is/webapp", "https://app.myorg.is/oauth/callback", true)
    }

    fn pkce(rest: &str) -> String {
        format!("response_type=code&scope=openid&code_challenge={CHALLENGE}&code_challenge_method=S256&{rest}")
    }

    #[test]
    fn the_request_of_the_seed_is_read() {
        let request = read(&format!(
            "client_id=@myorg.is/webapp&redirect_uri=https://app.myorg.is/oauth/callback&response_type=code\
             &scope=openid%20profile%20offline_access%20@myorg.is/documents:read&state=SOME_STATE\
             &code_challenge={CHALLENGE}&code_challenge_method=S256&response_mode=query"
        ))
        .unwrap();
        assert_eq!(request.client_id, "@myorg.is/webapp");
        assert_eq!(request.scope.to_string(), "openid profile offline_access @myorg.is/documents:read");
        assert_eq!(request.state.as_deref(), Some("SOME_STATE"));
        assert_eq!(request.code_challenge.unwrap().to_string(), CHALLENGE);
        assert_eq!(request.response_mode, ResponseMode::Query);
        assert_eq!(request.nonce, None);
    }

    #[test]
    fn unknown_parameters_are_ignored_and_faulty_ones_refused() {
        assert!(read(&pkce("colour=blue&claims_locales=se&resource=a&resource=b")).is_ok());
        assert_eq!(read(&pkce("colour=blue&colour=blue")), Err(&refusals::PARAMETER_REPEATED));
        assert_eq!(read(&pkce("colour=%ff")), Err(&refusals::PARAMETER_NOT_UTF8));
        assert_eq!(read(&pkce("colour=%00")), Err(&refusals::PARAMETER_CONTROL));
    }

    #[test]
    fn what_is_sealed_is_short_and_read_back() {
        let request = read(&pkce("state=s")).unwrap();
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(
            json,
            format!(
                r#"{{"c":"@myorg.is/webapp","r":"https://app.myorg.is/oauth/callback","s":"openid","t":"s","k":"{CHALLENGE}"}}"#
            )
        );
        let full = read(&pkce(
            "response_mode=form_post&prompt=login%20consent&max_age=0&login_hint=x&ui_locales=en%20is&acr_values=a%20b\
             &display=popup&id_token_hint=a.b.c&nonce=n",
        ))
        .unwrap();
        for request in [request, full] {
            let json = serde_json::to_string(&request).unwrap();
            assert_eq!(serde_json::from_str::<AuthorizeRequest>(&json).unwrap(), request);
        }
    }

    #[test]
    fn debug_shows_no_hint_and_no_state() {
        let shown =
            format!("{:?}", read(&pkce("state=hush&nonce=hush&login_hint=hush&id_token_hint=hush&prompt=login")).unwrap());
        assert!(!shown.contains("hush") && shown.contains("Login"), "{shown}");
    }
}
