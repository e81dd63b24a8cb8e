//! What the token endpoint answers, and credentials in an `Authorization` header: RFC 6749 §2.3.1 and §5.1, RFC 7617 §2,
//! RFC 6750 §2.1, OpenID Connect Core §3.1.3.3 (CAU-05, COD-12, UI-01).

use serde::Serialize;
use zeroize::Zeroizing;

use super::{error::Refusal, params::form_decode, refusals, scope::ScopeSet};
use crate::base::{digest::from_base64, secret::Secret};

/// A successful answer. It holds tokens: it has no `Debug`.
#[derive(Serialize)]
pub struct TokenResponse {
    /// a JWT
    pub access_token: String,
    /// how it is used
    pub token_type: TokenType,
    /// seconds that the access token lives
    pub expires_in: u32,
    /// what was granted
    pub scope: ScopeSet,
    /// opaque, where the client may refresh
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// a JWT, where a person signed in
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// after an exchange (RFC 8693 §2.2.1)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_token_type: Option<&'static str>,
}

/// How an access token is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum TokenType {
    /// RFC 6750
    Bearer,
}

/// Reads the value of an `Authorization` header that authenticates a client: client id and secret, each form-decoded, so
/// that `@domain/name` may be written encoded or not.
///
/// # Errors
/// [`refusals::AUTHORIZATION_MALFORMED`] for another scheme, [`refusals::BASIC_MALFORMED`] for credentials that cannot be read.
pub fn parse_basic(header: &str) -> Result<(String, Secret<String>), &'static Refusal> {
    let encoded = credentials(header, "Basic").ok_or(&refusals::AUTHORIZATION_MALFORMED)?;
    let pair = Zeroizing::new(from_base64(encoded).ok_or(&refusals::BASIC_MALFORMED)?);
    // RFC 7617 §2: the first colon divides
    let colon = pair.iter().position(|&byte| byte == b':').ok_or(&refusals::BASIC_MALFORMED)?;
    let decode = |half: &[u8]| form_decode(half).map_err(|_| &refusals::BASIC_MALFORMED);
    let client_id = decode(&pair[..colon])?;
    if client_id.is_empty() {
        return Err(&refusals::BASIC_MALFORMED);
    }
    Ok((client_id, Secret::new(decode(&pair[colon + 1..])?)))
}

/// Reads the value of an `Authorization` header that carries an access token.
///
/// # Errors
/// [`refusals::TOKEN_MISSING`] for another scheme (RFC 6750 §3.1), [`refusals::BEARER_MALFORMED`] for what is no token.
pub fn parse_bearer(header: &str) -> Result<&str, &'static Refusal> {
    let token = credentials(header, "Bearer").ok_or(&refusals::TOKEN_MISSING)?;
    // RFC 6750 §2.1, b64token
    let body = token.trim_end_matches('=');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    if body.is_empty() || !body.bytes().all(allowed) { Err(&refusals::BEARER_MALFORMED) } else { Ok(token) }
}

// RFC 9110 §11.1 and §11.4: the scheme in any case, then spaces
fn credentials<'a>(header: &'a str, scheme: &str) -> Option<&'a str> {
    let (sent, rest) = header.split_once(' ')?;
    sent.eq_ignore_ascii_case(scheme).then(|| rest.trim_start_matches(' '))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::digest::base64;

    fn basic(pair: impl AsRef<[u8]>) -> Result<(String, String), &'static Refusal> {
        let (id, secret) = parse_basic(&format!("Basic {}", base64(pair)))?;
        Ok((id, secret.expose().clone()))
    }

    #[test]
    fn the_answer_has_the_members_of_the_seed() {
        let response = TokenResponse {
            access_token: "a.b.c".into(),
            token_type: TokenType::Bearer,
            expires_in: 300,
            scope: "openid profile".parse().unwrap(),
            refresh_token: None,
            id_token: Some("d.e.f".into()),
            issued_token_type: None,
        };
        assert_eq!(
            serde_json::to_string(&response).unwrap(),
            r#"{"access_token":"a.b.c","token_type":"Bearer","expires_in":300,"scope":"openid profile","id_token":"d.e.f"}"#
        );
        let machine = serde_json::to_string(&TokenResponse { id_token: None, ..response }).unwrap();
        assert!(!machine.contains("id_token"));
    }

    #[test]
    fn cau_05_basic_is_form_decoded_after_the_first_colon() {
        let read = |id: &str, secret: &str| Ok((id.to_owned(), secret.to_owned()));
        assert_eq!(basic("@myorg.is/webapp:hush"), read("@myorg.is/webapp", "hush"));
        assert_eq!(basic("%40myorg.is%2Fwebapp:%7Eh%2Fu+s%3Ah%C3%B0"), read("@myorg.is/webapp", "~h/u s:hð"));
        assert_eq!(basic("a:b:c"), read("a", "b:c"));
        assert_eq!(basic("a:"), read("a", ""));
        assert!(parse_basic("bAsIc  YTpi").is_ok(), "RFC 9110 §11.1");
    }

    #[test]
    fn cau_05_malformed_basic_is_invalid_client() {
        for pair in [&b"ab"[..], b":secret", b"a:%zz", b"a:%", b"a:\xff", b"%ff:b", b"a:b%00", b"a\n:b", b""] {
            assert_eq!(basic(pair).unwrap_err(), &refusals::BASIC_MALFORMED, "{pair:?}");
        }
        for header in ["Basic YTpi=", "Basic YTpiYw", "Basic YTp", "Basic ", "Basic YTpi YTpi", "Basic YTpi,", "Basic -_-_"] {
            assert_eq!(parse_basic(header).unwrap_err(), &refusals::BASIC_MALFORMED, "{header}");
        }
        for header in ["", "Basic", "YTpi", "Bearer YTpi", "Basic\tYTpi", " Basic YTpi"] {
            assert_eq!(parse_basic(header).unwrap_err(), &refusals::AUTHORIZATION_MALFORMED, "{header}");
        }
        let (_, secret) = parse_basic(&format!("Basic {}", base64("a:hush"))).unwrap();
        assert_eq!(format!("{secret:?}"), "[redacted]");
    }

    #[test]
    fn ui_01_a_bearer_token_is_one_word() {
        assert_eq!(parse_bearer("Bearer a.b.c"), Ok("a.b.c"));
        assert_eq!(parse_bearer("bearer  a-._~+/=="), Ok("a-._~+/=="));
        for header in ["Bearer ", "Bearer =", "Bearer a b", "Bearer a,b", "Bearer a=b", "Bearer \"a\""] {
            assert_eq!(parse_bearer(header), Err(&refusals::BEARER_MALFORMED), "{header}");
        }
        for header in ["", "Bearer", "Basic a", "DPoP a"] {
            assert_eq!(parse_bearer(header), Err(&refusals::TOKEN_MISSING), "{header}");
        }
    }

    proptest! {
        #[test]
        fn what_a_client_encodes_is_read_back(id in "\\PC{1,20}", secret in "\\PC{0,40}") {
            let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            prop_assert_eq!(basic(format!("{}:{}", encode(&id), encode(&secret))), Ok((id, secret)));
        }

        #[test]
        fn any_header_is_read_without_a_panic(header in "(Basic |Bearer )?.*") {
            let _ = (parse_basic(&header), parse_bearer(&header));
        }
    }
}
