//! From a code to claims: token endpoint (OpenID Connect Core §3.1.3), the ID token's signature, and userinfo (§5.3).

use reqwest::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::{
    Oidc, Transaction, claims,
    provider::{Metadata, TIMEOUT},
    refusal,
};
use crate::{
    base::secret::Secret,
    outbound::{
        client::{Answer, OutboundError},
        eid::{EidError, EidErrorKind},
    },
    protocol::id_token::{Expected, IdToken, VerifiedIdToken},
};

/// What the token endpoint gave.
pub(super) struct Tokens {
    pub(super) id_token: String,
    pub(super) access_token: Option<Secret<String>>,
}

// Other members are of no use to us.
#[derive(Deserialize)]
struct TokenResponse {
    id_token: String,
    access_token: Option<Secret<String>>,
    #[serde(default)]
    token_type: String,
}

#[derive(Deserialize)]
struct ErrorResponse {
    error: String,
}

impl Oidc {
    /// Exchanges the code. Never twice: a code that is used again takes back what it gave (RFC 6749 §4.1.2).
    pub(super) async fn exchange(
        &self,
        metadata: &Metadata,
        transaction: &Transaction,
        code: &str,
        now: OffsetDateTime,
    ) -> Result<Tokens, EidError> {
        let endpoint = metadata.token_endpoint.clone();
        let proof = self.authentication.prove(&self.settings.client_id, &self.provider, endpoint.as_str(), now)?;
        let grant = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &transaction.redirect_uri),
            ("code_verifier", &transaction.code_verifier),
        ];
        let proven = proof.fields.iter().map(|(name, value)| (*name, value.expose().as_str()));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(grant).extend_pairs(proven).finish();
        let body = Secret::new(body);
        let answer = self.provider.http.post_form(endpoint, &body, proof.authorization.as_ref(), TIMEOUT).await;
        let answer = answer.map_err(failed)?;
        if answer.status != StatusCode::OK {
            return Err(refused(&answer));
        }
        let response: TokenResponse = read(&answer)?;
        // RFC 6749 §7.1: a token of an unknown kind is not used; the ID token stands without it
        let access_token = response.access_token.filter(|_| response.token_type.eq_ignore_ascii_case("bearer"));
        Ok(Tokens { id_token: response.id_token, access_token })
    }

    /// Verifies the ID token by the provider's keys.
    pub(super) async fn verify_id_token(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        expected: &Expected<'_>,
    ) -> Result<VerifiedIdToken, EidError> {
        let rejected = |fault| EidErrorKind::TokenRejected.because(fault);
        let token = IdToken::parse(&tokens.id_token).map_err(rejected)?;
        let keys = self.provider.keys(metadata, expected.now, |keys| token.has_key_in(keys)).await?;
        token.verify(&keys, expected).map_err(rejected)
    }

    /// What userinfo tells, where a claim that is needed is not in the ID token.
    pub(super) async fn userinfo(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        verified: &VerifiedIdToken,
    ) -> Result<Option<Map<String, Value>>, EidError> {
        let (Some(endpoint), Some(token)) = (&metadata.userinfo_endpoint, &tokens.access_token) else { return Ok(None) };
        if !claims::is_incomplete(&verified.claims, &self.settings.claims) {
            return Ok(None);
        }
        let authorization = Secret::new(format!("Bearer {}", token.expose()));
        let answer = self.provider.http.get_authorized(endpoint.clone(), &authorization, TIMEOUT).await.map_err(failed)?;
        if answer.status != StatusCode::OK {
            return Err(refused(&answer));
        }
        let told: Map<String, Value> = read(&answer)?;
        // §5.3.2: else it may speak of somebody else
        if told.get("sub").and_then(Value::as_str) != Some(&verified.subject) {
            return Err(EidErrorKind::IdentityMismatch.because("userinfo speaks of another subject than the ID token"));
        }
        Ok(Some(told))
    }
}

fn failed(error: OutboundError) -> EidError {
    match error {
        OutboundError::TooLarge => EidErrorKind::ProviderProtocol.because(error),
        error => EidErrorKind::ProviderUnavailable.because(error),
    }
}

/// RFC 6749 §5.2, or what the status alone says.
fn refused(answer: &Answer) -> EidError {
    if let Ok(response) = read::<ErrorResponse>(answer) {
        return refusal::of_token(&response.error);
    }
    let is_busy = answer.status == StatusCode::TOO_MANY_REQUESTS || answer.status.is_server_error();
    let kind = if is_busy { EidErrorKind::ProviderUnavailable } else { EidErrorKind::ProviderProtocol };
    kind.said(&format!("http_{}", answer.status.as_u16()))
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, EidError> {
    let document = Some(&answer.body).filter(|_| answer.is_json).and_then(|body| serde_json::from_slice(body).ok());
    // serde's message may quote the body, which is not for the log
    document.ok_or_else(|| EidErrorKind::ProviderProtocol.said("malformed_json"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::super::mutation::answers, *};

    const TOKEN: &[u8] = include_bytes!("../../../../tests/corpus/eid/oidc_token.json");
    const ERROR: &[u8] = include_bytes!("../../../../tests/corpus/eid/oidc_token_error.json");

    fn answer(status: StatusCode, body: &[u8]) -> Answer {
        Answer { status, is_json: true, body: body.to_vec() }
    }

    #[test]
    fn the_samples_are_read_as_what_they_are() {
        let tokens: TokenResponse = read(&answer(StatusCode::OK, TOKEN)).expect("tokens");
        assert!(tokens.token_type == "Bearer" && tokens.access_token.is_some());
        let error = refused(&answer(StatusCode::BAD_REQUEST, ERROR));
        assert_eq!((error.kind, error.provider_code.as_deref()), (EidErrorKind::ProviderProtocol, Some("invalid_grant")));
        let text = Answer { is_json: false, ..answer(StatusCode::OK, TOKEN) };
        assert!(read::<TokenResponse>(&text).is_err(), "only what says to be JSON is read as JSON");
    }

    proptest! {
        #[test]
        fn no_answer_of_the_token_endpoint_or_of_userinfo_makes_the_reader_panic(body in answers(TOKEN)) {
            let answer = answer(StatusCode::OK, &body);
            for fault in [read::<TokenResponse>(&answer).err(), read::<Map<String, Value>>(&answer).err()].into_iter().flatten() {
                prop_assert_eq!(fault.kind, EidErrorKind::ProviderProtocol);
            }
        }

        // INJ-04: it goes into the log and the audit
        #[test]
        fn inj_04_no_error_of_the_token_endpoint_says_more_than_a_word(body in answers(ERROR), status in 400_u16..600) {
            let status = StatusCode::from_u16(status).expect("a status");
            let said = refused(&answer(status, &body)).provider_code.expect("a word");
            prop_assert!(said.len() <= 64 && said.chars().all(|c| c.is_ascii_graphic()), "{said}");
        }
    }
}
