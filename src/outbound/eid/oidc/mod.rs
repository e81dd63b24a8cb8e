//! Driver for another OpenID provider: the person signs in there and comes back with a code (eid.md §8.5; OpenID Connect Core §3.1,
//! RFC 7636, RFC 9207).
//!
//! Its ID token is what proves the person: signature, issuer, audience, nonce and times are checked as a certificate would be, and
//! the same rules hold for whom it may name.

mod authentication;
mod claims;
mod exchange;
mod provider;
mod refusal;

use std::{fmt, path::Path, time::Duration as Timeout};

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use url::Url;

use self::{authentication::Authentication, claims::Told, provider::Provider};
use super::{
    Assurance, DriverState, EidError, EidErrorKind, Evidence, LoginContext, Prepared, Step, VerifiedIdentity,
    error::DriverFault,
    verification::{self, IdTokenEvidence},
};
use crate::{
    base::{
        clock::Clock,
        digest::{self, base64url, sha256},
        entropy,
        id::AttemptId,
        text::Language,
    },
    model::{
        environment::Environment,
        identity_provider::{IdentityProvider, OidcSettings},
        urls::{Urls, path},
    },
    outbound::client::OutboundClient,
    protocol::id_token::Expected,
};

/// A person reads, finds the telephone and types at the provider; and our own request ends after 15 minutes.
const ATTEMPT_LIFETIME: Duration = Duration::minutes(10);
/// All that is asked after the return, together: below the time that a request of ours has.
const EXCHANGE_TIMEOUT: Timeout = Timeout::from_secs(10);

/// Another OpenID provider.
#[derive(Debug)]
pub struct Oidc {
    /// the row's, in the address to which its provider sends browsers back
    name: String,
    settings: OidcSettings,
    provider: Provider,
    authentication: Authentication,
    /// the row's
    assurance: Assurance,
    environment: Environment,
}

/// One attempt at another OpenID provider.
#[derive(Clone, Serialize, Deserialize)]
pub struct Transaction {
    #[serde(with = "time::serde::timestamp")]
    began_at: OffsetDateTime,
    /// attempt and secret: the parameter `state`
    state: String,
    nonce: String,
    code_verifier: String,
    redirect_uri: String,
    language: Language,
    service_name: String,
    /// whether the provider is asked for a sign-in of now
    fresh: bool,
    /// levels of assurance that answer the request
    accepted_acr: Vec<String>,
    /// where the browser goes, once known
    url: Option<Url>,
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("began_at", &self.began_at).finish_non_exhaustive()
    }
}

/// What a provider sent along with the browser (OpenID Connect Core §3.1.2.5 and §3.1.2.6).
#[derive(Clone)]
pub struct AuthorizationResponse {
    /// the identity provider at whose address it came
    pub provider: String,
    /// as it was sent to the provider
    pub state: String,
    /// what is exchanged for the tokens
    pub code: Option<String>,
    /// why there is no code
    pub error: Option<String>,
    /// the same in more words
    pub error_description: Option<String>,
    /// whose answer it says to be (RFC 9207)
    pub issuer: Option<String>,
}

/// Shows nothing that could be used.
impl fmt::Debug for AuthorizationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationResponse").field("error", &self.error).finish_non_exhaustive()
    }
}

/// The attempt that a `state` of ours names; whether the secret beside it is right, only its driver can tell.
pub fn attempt_of(state: &str) -> Option<AttemptId> {
    let bytes: [u8; 48] = digest::from_base64url(state)?.try_into().ok()?;
    bytes.first_chunk().map(|id| AttemptId(uuid::Uuid::from_bytes(*id)))
}

impl Transaction {
    /// One that begins now, with everything random in it.
    fn new(context: &LoginContext<'_>, driver: &Oidc, now: OffsetDateTime) -> Self {
        let state = [context.attempt.0.as_bytes().as_slice(), &entropy::bytes::<32>()].concat();
        Self {
            began_at: now,
            state: base64url(state),
            nonce: base64url(entropy::bytes::<32>()),
            code_verifier: base64url(entropy::bytes::<32>()),
            // RFC 9700 §4.4.2.2: an address for each provider, also of those that do not name themselves in their answers
            redirect_uri: Urls::new(context.server_name).absolute(&path::return_of(&driver.name)),
            language: context.language,
            service_name: context.service_name.to_owned(),
            // eid.md §8.5: what a client demands of us, we demand of the provider
            fresh: driver.settings.fresh_sign_in || context.fresh,
            accepted_acr: context.accepted_acr.to_vec(),
            url: None,
        }
    }

    /// On to the provider.
    pub(super) fn step(&self) -> Option<Step> {
        self.url.clone().map(Step::Redirect)
    }

    /// Whether the answer is to this attempt's question: nobody else knows its `state`.
    pub(super) fn expects(&self, response: &AuthorizationResponse) -> bool {
        digest::equal(self.state.as_bytes(), response.state.as_bytes())
    }
}

impl Oidc {
    pub(super) fn new(
        row: &IdentityProvider,
        settings: &OidcSettings,
        http: &OutboundClient,
        secrets: Option<&Path>,
        environment: Environment,
    ) -> Result<Self, DriverFault> {
        if !settings.claims.tells_country() {
            return Err(DriverFault::NoCountry);
        }
        let http = if settings.tls_roots_pem.trim().is_empty() {
            http.clone()
        } else {
            OutboundClient::for_provider(&settings.tls_roots_pem, environment).map_err(DriverFault::TlsRoots)?
        };
        Ok(Self {
            name: row.name.clone(),
            settings: settings.clone(),
            provider: Provider::new(&settings.issuer, http.named("oidc"), environment)?,
            authentication: Authentication::new(&settings.client_authentication, secrets)?,
            assurance: Assurance { acr: row.acr.clone(), amr: row.amr.clone() },
            environment,
        })
    }

    /// Makes state, nonce and verifier. No network.
    pub(super) fn prepare(&self, context: &LoginContext<'_>, now: OffsetDateTime) -> Prepared {
        let transaction = Transaction::new(context, self, now);
        Prepared { state: DriverState::Oidc(transaction), expires_at: now + ATTEMPT_LIFETIME }
    }

    /// Finds out where the browser goes.
    pub(super) async fn start(&self, transaction: &Transaction) -> Result<Transaction, EidError> {
        let metadata = self.provider.metadata(transaction.began_at).await?;
        let mut url = metadata.authorization_endpoint.clone();
        self.ask(&mut url, transaction);
        Ok(Transaction { url: Some(url), ..transaction.clone() })
    }

    /// The request: OpenID Connect Core §3.1.2.1, RFC 7636 §4.3. What the row adds never replaces what the protocol needs.
    fn ask(&self, url: &mut Url, transaction: &Transaction) {
        let challenge = base64url(sha256(&[transaction.code_verifier.as_bytes()]));
        let scope = ["openid"].into_iter().chain(self.settings.scopes.iter().map(String::as_str));
        let scope = scope.collect::<Vec<_>>().join(" ");
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", &self.settings.client_id),
            ("redirect_uri", &transaction.redirect_uri),
            ("scope", &scope),
            ("state", &transaction.state),
            ("nonce", &transaction.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("ui_locales", transaction.language.tag()),
        ];
        if transaction.fresh {
            parameters.extend([("prompt", "login"), ("max_age", "0")]);
        }
        if let Some(name) = &self.settings.related_party_parameter {
            parameters.push((name, &transaction.service_name));
        }
        let more = self.settings.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let more: Vec<_> = more.filter(|(name, _)| parameters.iter().all(|(known, _)| known != name)).collect();
        url.query_pairs_mut().extend_pairs(parameters).extend_pairs(more);
    }

    /// Verifies an answer, and asks the provider who it is about.
    pub(super) async fn submit(
        &self,
        transaction: &Transaction,
        response: AuthorizationResponse,
        clock: &Clock,
    ) -> Result<VerifiedIdentity, EidError> {
        let slow = |_| EidErrorKind::ProviderUnavailable.said("too_slow");
        tokio::time::timeout(EXCHANGE_TIMEOUT, self.verify(transaction, response, clock)).await.map_err(slow)?
    }

    async fn verify(
        &self,
        transaction: &Transaction,
        response: AuthorizationResponse,
        clock: &Clock,
    ) -> Result<VerifiedIdentity, EidError> {
        // RFC 9700 §4.4.2.2: no code of one provider goes to the token endpoint of another
        if response.provider != self.name {
            return Err(EidErrorKind::TokenRejected.because("the answer came to the address of another provider"));
        }
        let metadata = self.provider.metadata(clock.now()).await?;
        // RFC 9207 §2.4: before anything else of it is believed
        let is_theirs = response.issuer.as_ref().map_or(!metadata.names_itself, |issuer| *issuer == self.provider.issuer);
        if !is_theirs {
            return Err(EidErrorKind::TokenRejected.because("the answer says another issuer, or none"));
        }
        if let Some(error) = &response.error {
            return Err(refusal::of_redirect(error, response.error_description.as_deref()));
        }
        let code = response.code.ok_or_else(|| EidErrorKind::ProviderProtocol.said("no_code"))?;
        let tokens = self.exchange(&metadata, transaction, &code, clock.now()).await?;
        let expected = Expected {
            issuer: &self.provider.issuer,
            client_id: &self.settings.client_id,
            nonce: &transaction.nonce,
            authenticated_since: transaction.began_at,
            must_tell_when: transaction.fresh,
            access_token: tokens.access_token.as_ref().map(|token| token.expose().as_str()),
            now: clock.now(),
        };
        let verified = self.verify_id_token(&metadata, &tokens, &expected).await?;
        let userinfo = self.userinfo(&metadata, &tokens, &verified).await?;
        // what the provider has signed counts before what it only says; how somebody signed in, only the ID token tells
        let mut told = userinfo.clone().unwrap_or_default();
        told.retain(|name, _| !matches!(name.as_str(), "acr" | "amr"));
        told.extend(verified.claims);
        let told = claims::read(&told, &self.settings.claims).map_err(|fault| match fault {
            claims::ClaimFault::Assurance => EidErrorKind::AssuranceTooLow.because(fault),
            fault => EidErrorKind::TokenRejected.because(fault),
        })?;
        let evidence = IdTokenEvidence { id_token: tokens.id_token, userinfo, verified_at: clock.now() };
        self.identity(transaction, told, evidence)
    }

    fn identity(&self, transaction: &Transaction, told: Told, evidence: IdTokenEvidence) -> Result<VerifiedIdentity, EidError> {
        let assurance = Assurance {
            acr: told.acr.unwrap_or_else(|| self.assurance.acr.clone()),
            amr: told.amr.unwrap_or_else(|| self.assurance.amr.clone()),
        };
        // AUT-11: never a lower assurance than was asked for
        if !transaction.accepted_acr.contains(&assurance.acr) {
            return Err(EidErrorKind::AssuranceTooLow.said(&assurance.acr));
        }
        let refuse_tests = self.environment == Environment::Production;
        let national_id = verification::person(&told.national_id, refuse_tests)
            .map_err(|fault| EidErrorKind::TokenRejected.because(fault))?;
        Ok(VerifiedIdentity::told(national_id, told.name, assurance, Evidence::IdToken(Box::new(evidence))))
    }

    /// The origin to which the browser goes from our forms (WEB-02): that of the issuer.
    pub(super) fn origin(&self) -> Option<String> {
        Url::parse(&self.provider.issuer).ok().map(|url| url.origin().ascii_serialization())
    }
}
