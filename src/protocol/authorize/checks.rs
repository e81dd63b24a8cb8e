//! The checks of an authorization request, one function for each rule: OpenID Connect Core §3.1.2.1 and §3.1.2.2, RFC 6749
//! §4.1.1, RFC 7636 §4.3 (AUT-02…AUT-15).
//!
//! Each reads its own parameters and says what is wrong in a refusal that may be sent to the client.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Display, Prompt, PromptSet, ResponseMode};
use crate::{
    base::text::Language,
    protocol::{
        error::Refusal,
        params::{ParamFault, Params},
        pkce::CodeChallenge,
        redirect_uri, refusals,
        scope::{ScopeFault, ScopeSet},
    },
};

type Checked<T> = Result<T, &'static Refusal>;

/// Longest `state` in bytes (§0.2).
pub const MAX_STATE: usize = 2048;
const MAX_NONCE: usize = 512;
const MAX_LOGIN_HINT: usize = 256;
const MAX_UI_LOCALES: usize = 256;
const MAX_ACR_VALUES: usize = 512;

/// Every parameter, known or not, was sent once and can be read (HTTP-02, HTTP-05, HTTP-06).
pub fn parameters(params: &Params) -> Checked<()> {
    params.fault().map_or(Ok(()), |(_, fault)| Err(fault.refusal()))
}

/// `response_type` is exactly `code` (AUT-02).
pub fn response_type(params: &Params) -> Checked<()> {
    match value(params, "response_type")? {
        Some("code") => Ok(()),
        Some(_) => Err(&refusals::RESPONSE_TYPE_UNSUPPORTED),
        None => Err(&refusals::RESPONSE_TYPE_MISSING),
    }
}

/// `response_mode` is one that never puts a code into a fragment (AUT-03), and one that reaches `redirect_uri`.
pub fn response_mode(params: &Params, redirect_uri: &str) -> Checked<ResponseMode> {
    let Some(sent) = value(params, "response_mode")? else { return Ok(ResponseMode::default()) };
    match ResponseMode::ALL.into_iter().find(|mode| mode.as_str() == sent) {
        Some(ResponseMode::FormPost) if !redirect_uri::takes_forms(redirect_uri) => Err(&refusals::FORM_POST_TO_APP),
        Some(mode) => Ok(mode),
        None => Err(&refusals::RESPONSE_MODE_UNSUPPORTED),
    }
}

/// Request objects, dynamic registration and rich requests are refused, never ignored (AUT-13…AUT-15; Core §3.1.2.6).
pub fn unsupported(params: &Params) -> Checked<()> {
    for (name, refusal) in [
        ("request", &refusals::REQUEST_NOT_SUPPORTED),
        ("request_uri", &refusals::REQUEST_URI_NOT_SUPPORTED),
        ("registration", &refusals::REGISTRATION_NOT_SUPPORTED),
        ("authorization_details", &refusals::AUTHORIZATION_DETAILS_NOT_SUPPORTED),
    ] {
        if value(params, name)?.is_some() {
            return Err(refusal);
        }
    }
    Ok(())
}

/// `scope` has the grammar of RFC 6749 §3.3 and names `openid` (AUT-04).
pub fn scope(params: &Params) -> Checked<ScopeSet> {
    let sent = value(params, "scope")?.ok_or(&refusals::SCOPE_MISSING)?;
    let scope = sent.parse::<ScopeSet>().map_err(|fault| match fault {
        ScopeFault::Syntax => &refusals::SCOPE_SYNTAX,
        ScopeFault::TooLong => &refusals::SCOPE_TOO_LONG,
    })?;
    if scope.contains("openid") { Ok(scope) } else { Err(&refusals::SCOPE_WITHOUT_OPENID) }
}

/// PKCE with S256; `required` unless D9 exempts the client, and then all or nothing (AUT-05).
pub fn code_challenge(params: &Params, required: bool) -> Checked<Option<CodeChallenge>> {
    match (value(params, "code_challenge")?, value(params, "code_challenge_method")?) {
        (None, None) if !required => Ok(None),
        (None, _) => Err(&refusals::CODE_CHALLENGE_MISSING),
        // RFC 7636 §4.3: an absent method means `plain`
        (Some(_), None) => Err(&refusals::CODE_CHALLENGE_METHOD_MISSING),
        (Some(challenge), Some("S256")) => CodeChallenge::parse(challenge).map(Some),
        (Some(_), Some(_)) => Err(&refusals::CODE_CHALLENGE_METHOD_UNSUPPORTED),
    }
}

/// `state`, to be returned unchanged (AUT-07). Where it is refused, the answer carries none.
pub fn state(params: &Params) -> Checked<Option<String>> {
    bounded(params, "state", MAX_STATE, &refusals::STATE_TOO_LONG)
}

/// `nonce`, for the ID token (AUT-07).
pub fn nonce(params: &Params) -> Checked<Option<String>> {
    bounded(params, "nonce", MAX_NONCE, &refusals::NONCE_TOO_LONG)
}

/// `prompt`: unknown values are ignored, and none drops a known one beside it; `none` stands alone (AUT-08).
pub fn prompt(params: &Params) -> Checked<PromptSet> {
    let sent = value(params, "prompt")?.unwrap_or_default();
    let known = |word: &str| Prompt::ALL.into_iter().find(|prompt| prompt.as_str() == word);
    let set = words(sent).filter_map(known).fold(PromptSet::default(), PromptSet::with);
    if set.contains(Prompt::None) && words(sent).any(|word| word != Prompt::None.as_str()) {
        return Err(&refusals::PROMPT_NONE_NOT_ALONE);
    }
    Ok(set)
}

/// `max_age` in seconds: ASCII digits within range, nothing else (HTTP-11).
pub fn max_age(params: &Params) -> Checked<Option<u32>> {
    let number = |sent: &str| sent.bytes().all(|byte| byte.is_ascii_digit()).then(|| sent.parse().ok()).flatten();
    value(params, "max_age")?.map(|sent| number(sent).ok_or(&refusals::MAX_AGE_MALFORMED)).transpose()
}

/// `display` is one of the four of Core §3.1.2.1.
pub fn display(params: &Params) -> Checked<Display> {
    match value(params, "display")? {
        None | Some("page") => Ok(Display::Page),
        Some("popup") => Ok(Display::Popup),
        Some("touch") => Ok(Display::Touch),
        Some("wap") => Ok(Display::Wap),
        Some(_) => Err(&refusals::DISPLAY_UNKNOWN),
    }
}

/// `ui_locales`: those that the server speaks, each once, in the order sent; others are no error (AUT-12; Core §3.1.2.1).
pub fn ui_locales(params: &Params) -> Checked<Vec<Language>> {
    let sent = bounded(params, "ui_locales", MAX_UI_LOCALES, &refusals::UI_LOCALES_TOO_LONG)?.unwrap_or_default();
    let mut languages = Vec::new();
    for language in words(&sent).filter_map(|tag| tag.parse().ok()) {
        if !languages.contains(&language) {
            languages.push(language);
        }
    }
    Ok(languages)
}

/// `acr_values`, in the order sent; whether one can be reached is decided with the client's settings (AUT-11).
pub fn acr_values(params: &Params) -> Checked<Vec<String>> {
    let sent = bounded(params, "acr_values", MAX_ACR_VALUES, &refusals::ACR_VALUES_TOO_LONG)?.unwrap_or_default();
    Ok(words(&sent).map(str::to_owned).collect())
}

/// `login_hint` of any shape; display data only (AUT-12).
pub fn login_hint(params: &Params) -> Checked<Option<String>> {
    bounded(params, "login_hint", MAX_LOGIN_HINT, &refusals::LOGIN_HINT_TOO_LONG)
}

/// The values of an essential `acr` among the `claims` of the ID token: one of them must be reached (OpenID Connect Core §5.5.1.1,
/// AUT-11). Discovery says that single claims are not given on demand, so nothing else of a JSON object counts; anything but an
/// object is malformed (AUT-12).
pub fn essential_acr(params: &Params) -> Checked<Vec<String>> {
    let Some(sent) = value(params, "claims")? else { return Ok(Vec::new()) };
    let wanted = serde_json::from_str::<Map<String, Value>>(sent)
        .and_then(|object| serde_json::from_value::<RequestedClaims>(Value::Object(object)))
        .map_err(|_| &refusals::CLAIMS_MALFORMED)?;
    let acr = wanted.id_token.and_then(|claims| claims.acr).filter(|acr| acr.essential).unwrap_or_default();
    let values: Vec<String> = acr.value.into_iter().chain(acr.values.into_iter().flatten()).collect();
    let length: usize = values.iter().map(String::len).sum();
    if length > MAX_ACR_VALUES { Err(&refusals::CLAIMS_MALFORMED) } else { Ok(values) }
}

#[derive(Deserialize)]
struct RequestedClaims {
    id_token: Option<RequestedOfIdToken>,
}

#[derive(Deserialize)]
struct RequestedOfIdToken {
    acr: Option<RequestedAcr>,
}

#[derive(Default, Deserialize)]
struct RequestedAcr {
    #[serde(default)]
    essential: bool,
    value: Option<String>,
    values: Option<Vec<String>>,
}

/// `id_token_hint`, not yet verified.
pub fn id_token_hint(params: &Params) -> Checked<Option<String>> {
    Ok(value(params, "id_token_hint")?.map(str::to_owned))
}

fn value<'a>(params: &'a Params, name: &str) -> Checked<Option<&'a str>> {
    params.get(name).map_err(ParamFault::refusal)
}

fn bounded(params: &Params, name: &str, limit: usize, too_long: &'static Refusal) -> Checked<Option<String>> {
    match value(params, name)? {
        Some(sent) if sent.len() > limit => Err(too_long),
        sent => Ok(sent.map(str::to_owned)),
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn params(query: &str) -> Params {
        Params::parse(query.as_bytes()).unwrap()
    }

    #[test]
    fn aut_02_only_the_code_flow() {
        assert_eq!(response_type(&params("response_type=code")), Ok(()));
        assert_eq!(response_type(&params("")), Err(&refusals::RESPONSE_TYPE_MISSING));
        assert_eq!(response_type(&params("response_type=code&response_type=code")), Err(&refusals::PARAMETER_REPEATED));
        for sent in
            ["token", "id_token", "code+id_token", "id_token+code", "none", "Code", "CODE", "code+", "+code", "code+code"]
        {
            let sent = params(&format!("response_type={sent}"));
            assert_eq!(response_type(&sent), Err(&refusals::RESPONSE_TYPE_UNSUPPORTED));
        }
    }

    #[test]
    fn aut_03_no_mode_that_shows_the_code_to_scripts() {
        let (web, app) = ("https://app.myorg.is/callback", "is.myorg.app:/callback");
        assert_eq!(response_mode(&params(""), web), Ok(ResponseMode::Query));
        assert_eq!(response_mode(&params("response_mode=query"), app), Ok(ResponseMode::Query));
        assert_eq!(response_mode(&params("response_mode=form_post"), web), Ok(ResponseMode::FormPost));
        assert_eq!(response_mode(&params("response_mode=form_post"), app), Err(&refusals::FORM_POST_TO_APP));
        for sent in ["fragment", "jwt", "query.jwt", "form_post.jwt", "web_message", "Query"] {
            let sent = params(&format!("response_mode={sent}"));
            assert_eq!(response_mode(&sent, web), Err(&refusals::RESPONSE_MODE_UNSUPPORTED));
        }
    }

    #[test]
    fn aut_13_aut_14_aut_15_what_is_not_supported_is_never_ignored() {
        for (sent, refusal) in [
            ("request=a.b.c", &refusals::REQUEST_NOT_SUPPORTED),
            ("request_uri=https://169.254.169.254/", &refusals::REQUEST_URI_NOT_SUPPORTED),
            ("registration=%7B%7D", &refusals::REGISTRATION_NOT_SUPPORTED),
            ("authorization_details=%5B%5D", &refusals::AUTHORIZATION_DETAILS_NOT_SUPPORTED),
        ] {
            assert_eq!(unsupported(&params(sent)), Err(refusal));
        }
        assert_eq!(unsupported(&params("request=&registration=")), Ok(()), "HTTP-03");
    }

    #[test]
    fn aut_04_scope_is_required_with_openid() {
        assert_eq!(scope(&params("scope=openid+a")).unwrap().to_string(), "openid a");
        for (sent, refusal) in [
            ("", &refusals::SCOPE_MISSING),
            ("scope=a", &refusals::SCOPE_WITHOUT_OPENID),
            ("scope=OpenID", &refusals::SCOPE_WITHOUT_OPENID),
            ("scope=openid++a", &refusals::SCOPE_SYNTAX),
            ("scope=openid+%C3%B0", &refusals::SCOPE_SYNTAX),
            (&format!("scope=openid{}", "+a".repeat(100)), &refusals::SCOPE_TOO_LONG),
        ] {
            assert_eq!(scope(&params(sent)), Err(refusal), "{sent}");
        }
    }

    #[test]
    fn aut_05_pkce_is_s256_or_nothing() {
        let with = |method: &str| params(&format!("code_challenge={CHALLENGE}{method}"));
        for required in [true, false] {
            assert!(code_challenge(&with("&code_challenge_method=S256"), required).unwrap().is_some());
            assert_eq!(code_challenge(&with(""), required), Err(&refusals::CODE_CHALLENGE_METHOD_MISSING));
            for method in ["plain", "s256", "S512", "none"] {
                let sent = with(&format!("&code_challenge_method={method}"));
                assert_eq!(code_challenge(&sent, required), Err(&refusals::CODE_CHALLENGE_METHOD_UNSUPPORTED));
            }
            let alone = params("code_challenge_method=S256");
            assert_eq!(code_challenge(&alone, required), Err(&refusals::CODE_CHALLENGE_MISSING));
            let short = params("code_challenge=abc&code_challenge_method=S256");
            assert_eq!(code_challenge(&short, required), Err(&refusals::CODE_CHALLENGE_MALFORMED));
        }
        assert_eq!(code_challenge(&params(""), true), Err(&refusals::CODE_CHALLENGE_MISSING));
        assert_eq!(code_challenge(&params(""), false), Ok(None), "D9");
    }

    #[test]
    fn aut_07_and_aut_12_lengths_hold_at_their_boundary() {
        type Check = fn(&Params) -> Checked<Option<String>>;
        let cases: [(&str, usize, &Refusal, Check); 3] = [
            ("state", 2048, &refusals::STATE_TOO_LONG, state),
            ("nonce", 512, &refusals::NONCE_TOO_LONG, nonce),
            ("login_hint", 256, &refusals::LOGIN_HINT_TOO_LONG, login_hint),
        ];
        for (name, limit, refusal, check) in cases {
            let sent = |length| params(&format!("{name}={}", "a".repeat(length)));
            assert_eq!(check(&sent(limit)).unwrap().unwrap().len(), limit);
            assert_eq!(check(&sent(limit + 1)), Err(refusal));
            assert_eq!(check(&params("")), Ok(None));
        }
        assert_eq!(state(&params("state=-._~%25%2B%22%3C%3E%26")).unwrap().unwrap(), "-._~%+\"<>&");
    }

    #[test]
    fn aut_08_unknown_prompts_are_ignored_and_none_stands_alone() {
        let sent = |words: &str| prompt(&params(&format!("prompt={words}")));
        assert_eq!(sent("login+create+consent"), Ok(PromptSet::default().with(Prompt::Login).with(Prompt::Consent)));
        assert_eq!(sent("select_account"), Ok(PromptSet::default().with(Prompt::SelectAccount)));
        assert_eq!(sent("none+none"), Ok(PromptSet::default().with(Prompt::None)));
        assert_eq!(sent("rubbish"), Ok(PromptSet::default()));
        assert_eq!(prompt(&params("")), Ok(PromptSet::default()));
        for words in ["none+login", "consent+none", "none+rubbish"] {
            assert_eq!(sent(words), Err(&refusals::PROMPT_NONE_NOT_ALONE), "{words}");
        }
    }

    #[test]
    fn http_11_max_age_is_digits_within_range() {
        assert_eq!(max_age(&params("")), Ok(None));
        for (sent, seconds) in [("0", 0), ("007", 7), ("4294967295", u32::MAX)] {
            assert_eq!(max_age(&params(&format!("max_age={sent}"))), Ok(Some(seconds)));
        }
        for sent in ["-1", "%2B1", "1.0", "1e3", "+1", "0x1", "4294967296", "99999999999999999999", "%D9%A1"] {
            assert_eq!(max_age(&params(&format!("max_age={sent}"))), Err(&refusals::MAX_AGE_MALFORMED), "{sent}");
        }
    }

    #[test]
    fn aut_12_display_is_known_and_locales_are_ours() {
        assert_eq!(display(&params("display=touch")), Ok(Display::Touch));
        assert_eq!(display(&params("display=%3Cscript%3E")), Err(&refusals::DISPLAY_UNKNOWN));
        assert_eq!(ui_locales(&params("ui_locales=se+en-GB+is+en+../../etc")), Ok(vec![Language::En, Language::Is]));
        assert_eq!(ui_locales(&params(&format!("ui_locales={}", "a".repeat(257)))), Err(&refusals::UI_LOCALES_TOO_LONG));
        assert_eq!(acr_values(&params("acr_values=eidas-loa-high++x")).unwrap(), ["eidas-loa-high", "x"]);
        assert_eq!(acr_values(&params(&format!("acr_values={}", "a".repeat(513)))), Err(&refusals::ACR_VALUES_TOO_LONG));
    }

    #[test]
    fn aut_11_and_aut_12_of_claims_an_essential_acr_counts_and_nothing_else() {
        let essential = |claims: &str| {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("claims", claims).finish();
            essential_acr(&params(&query))
        };
        assert_eq!(essential_acr(&params("")), Ok(vec![]));
        for (claims, values) in [
            ("{}", &[][..]),
            (r#"{"userinfo":{"name":null,"acr":{"essential":true,"value":"a"}}}"#, &[]),
            (r#"{"id_token":null}"#, &[]),
            (r#"{"id_token":{"acr":null,"auth_time":{"essential":true}}}"#, &[]),
            (r#"{"id_token":{"acr":{"essential":true}}}"#, &[]),
            (r#"{"id_token":{"acr":{"values":["a","b"]}}}"#, &[]),
            (r#"{"id_token":{"acr":{"essential":false,"value":"a"}}}"#, &[]),
            (r#"{"id_token":{"acr":{"essential":true,"value":"a"}}}"#, &["a"]),
            (r#"{"id_token":{"acr":{"essential":true,"value":"a","values":null}}}"#, &["a"]),
            (r#"{"id_token":{"acr":{"essential":true,"values":["a","b"]},"x":1},"y":[]}"#, &["a", "b"]),
        ] {
            assert_eq!(essential(claims).unwrap(), values, "{claims}");
        }
        let long = format!(r#"{{"id_token":{{"acr":{{"essential":true,"value":"{}"}}}}}}"#, "a".repeat(513));
        for malformed in ["x", "{", "[]", "null", "1", r#"{"id_token":{"acr":{"essential":true,"value":1}}}"#, &long] {
            assert_eq!(essential(malformed), Err(&refusals::CLAIMS_MALFORMED), "{malformed}");
        }
    }

    proptest! {
        #[test]
        fn any_query_is_checked_without_a_panic(query in "((scope|prompt|max_age|display|claims|ui_locales|state)=[ -~]{0,12}&){0,4}") {
            if let Ok(params) = Params::parse(query.as_bytes()) {
                let _ = super::super::AuthorizeRequest::read(&params, "c", "https://a.is/", false);
            }
        }

        #[test]
        fn a_known_prompt_is_never_dropped(words in proptest::collection::vec("(login|consent|select_account|x|create)", 1..6)) {
            let set = prompt(&params(&format!("prompt={}", words.join("+")))).unwrap();
            for known in Prompt::ALL {
                prop_assert_eq!(set.contains(known), words.iter().any(|word| word == known.as_str()));
            }
        }
    }
}
