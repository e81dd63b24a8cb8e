//! The logout request: OpenID Connect RP-Initiated Logout §2 (OUT-01…OUT-05).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    authorize::checks,
    error::Refusal,
    params::{ParamFault, Params},
    refusals,
};
use crate::base::text::Language;

/// A logout request, read but not believed: hint, client and address are verified by the door. It survives the confirmation
/// page in its serde form.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutRequest {
    /// an ID token of ours, perhaps expired
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_hint: Option<String>,
    /// must be the hint's audience, where there is one (OUT-03)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// where to go; only a registered one counts (OUT-04)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_logout_redirect_uri: Option<String>,
    /// to be returned unchanged, with the redirect alone (OUT-05)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// those of the wishes that the server speaks, best first
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ui_locales: Vec<Language>,
}

impl LogoutRequest {
    /// Reads the parameters; all are optional and unknown ones are ignored.
    ///
    /// # Errors
    /// The first refusal, for a page.
    pub fn read(params: &Params) -> Result<Self, &'static Refusal> {
        checks::parameters(params)?;
        let value = |name| params.get(name).map(|sent| sent.map(str::to_owned)).map_err(ParamFault::refusal);
        let state = value("state")?;
        if state.as_ref().is_some_and(|state| state.len() > checks::MAX_STATE) {
            return Err(&refusals::LOGOUT_STATE_TOO_LONG);
        }
        Ok(Self {
            id_token_hint: value("id_token_hint")?,
            client_id: value("client_id")?,
            post_logout_redirect_uri: value("post_logout_redirect_uri")?,
            state,
            ui_locales: checks::ui_locales(params)?,
        })
    }
}

/// Shows what may stand in a log.
impl fmt::Debug for LogoutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutRequest").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<LogoutRequest, &'static Refusal> {
        LogoutRequest::read(&Params::parse(query.as_bytes()).unwrap())
    }

    #[test]
    fn every_parameter_is_optional() {
        assert_eq!(read(""), Ok(LogoutRequest::default()));
        let request = read(
            "id_token_hint=a.b.c&client_id=@a.is/b&post_logout_redirect_uri=https://a.is/out&state=%2B%26&ui_locales=en&logout_hint=x",
        )
        .unwrap();
        assert_eq!(request.id_token_hint.as_deref(), Some("a.b.c"));
        assert_eq!(request.client_id.as_deref(), Some("@a.is/b"));
        assert_eq!(request.post_logout_redirect_uri.as_deref(), Some("https://a.is/out"));
        assert_eq!(request.state.as_deref(), Some("+&"));
        assert_eq!(request.ui_locales, [Language::En]);
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<LogoutRequest>(&json).unwrap(), request);
        assert_eq!(format!("{request:?}"), r#"LogoutRequest { client_id: Some("@a.is/b"), .. }"#);
    }

    #[test]
    fn faults_are_told_on_a_page() {
        assert_eq!(read("state=a&state=a"), Err(&refusals::PARAMETER_REPEATED));
        assert_eq!(read("client_id=%00"), Err(&refusals::PARAMETER_CONTROL));
        assert!(read(&format!("state={}", "a".repeat(2048))).is_ok());
        assert_eq!(read(&format!("state={}", "a".repeat(2049))), Err(&refusals::LOGOUT_STATE_TOO_LONG));
    }
}
