//! Tokens: which claims they carry, and their signatures. The token endpoint's grants call it.

pub mod claims;

use time::OffsetDateTime;

use self::claims::Subject;
use crate::{
    app::App,
    base::{digest, entropy, id::FamilyId},
    keys::KeyFault,
    model::{
        authorization_code::Authentication,
        client::{Client, RegisteredClient},
        scope::OPENID,
    },
    protocol::{
        claims::{AccessTokenClaims, Audience, ClientClaims, IdTokenClaims, UserClaims, at_hash},
        jwt::Algorithm,
        scope::ScopeSet,
    },
};

/// What a person's tokens are made of.
#[derive(Debug)]
pub struct PersonGrant<'a> {
    /// to whom
    pub client: &'a RegisteredClient,
    /// the row that tells whether they still hold
    pub family_id: FamilyId,
    /// how the person is authenticated
    pub authentication: &'a Authentication,
    /// whom they are about
    pub subject: Subject<'a>,
    /// what was granted
    pub scope: &'a ScopeSet,
    /// of the authorization request
    pub nonce: Option<&'a str>,
    /// the access token does not outlive it
    pub ends_at: OffsetDateTime,
}

/// A person's tokens.
pub struct PersonTokens {
    /// a JWT
    pub access_token: String,
    /// seconds that the access token lives
    pub expires_in: u32,
    /// a JWT, where `openid` is granted
    pub id_token: Option<String>,
}

/// A person's access token and ID token.
pub fn for_person(app: &App, grant: &PersonGrant<'_>, now: OffsetDateTime) -> Result<PersonTokens, KeyFault> {
    let client = &grant.client.client;
    let authentication = grant.authentication;
    let configuration = app.configuration();
    let snapshot = configuration.snapshot();
    let iat = now.unix_timestamp();
    let auth_time = authentication.auth_time.unix_timestamp();
    let exp = (iat + i64::from(client.access_token_ttl)).min(grant.ends_at.unix_timestamp());
    let expires_in = u32::try_from(exp - iat).unwrap_or(0);
    let keys = app.keys();
    let wanted = grant.scope.iter().filter_map(|name| snapshot.scope(name)).flat_map(|scope| scope.claims.iter().copied());
    let access_token = keys.sign(
        &AccessTokenClaims {
            nbf: iat,
            exp,
            iat,
            auth_time: Some(auth_time),
            iss: app.urls.issuer().to_owned(),
            aud: audience(&snapshot.resources_of(grant.scope.iter())),
            client_id: client.client_id.clone(),
            sub: Some(authentication.sub.clone()),
            idp: Some(authentication.identity_provider.as_str().to_owned()),
            jti: jti(Some(grant.family_id)),
            sid: Some(authentication.session_id.to_string()),
            scope: grant.scope.clone(),
            amr: authentication.amr.clone(),
            acr: Some(authentication.acr.clone()),
            user: grant.subject.for_api(wanted),
            client: if client.always_send_client_claims {
                client.client_claims.iter().cloned().collect()
            } else {
                ClientClaims::default()
            },
        },
        now,
    )?;
    if !grant.scope.contains(OPENID) {
        return Ok(PersonTokens { access_token, expires_in, id_token: None });
    }
    let user = if client.always_include_user_claims_in_id_token {
        grant.subject.for_scope(grant.scope)
    } else {
        UserClaims::default()
    };
    let id_token = keys.sign(
        &IdTokenClaims {
            iss: app.urls.issuer().to_owned(),
            sub: authentication.sub.clone(),
            aud: client.client_id.clone(),
            exp: iat + i64::from(client.id_token_ttl),
            iat,
            auth_time,
            nonce: grant.nonce.map(ToOwned::to_owned),
            acr: authentication.acr.clone(),
            amr: authentication.amr.clone(),
            sid: authentication.session_id.to_string(),
            at_hash: Some(at_hash(Algorithm::Rs256, &access_token)),
            user,
        },
        now,
    )?;
    Ok(PersonTokens { access_token, expires_in, id_token: Some(id_token) })
}

/// A machine's access token: nothing in it speaks of a person (CC-02).
pub fn for_machine(app: &App, client: &Client, scope: &ScopeSet, now: OffsetDateTime) -> Result<String, KeyFault> {
    let configuration = app.configuration();
    let iat = now.unix_timestamp();
    app.keys().sign(
        &AccessTokenClaims {
            nbf: iat,
            exp: iat + i64::from(client.access_token_ttl),
            iat,
            auth_time: None,
            iss: app.urls.issuer().to_owned(),
            aud: audience(&configuration.snapshot().resources_of(scope.iter())),
            client_id: client.client_id.clone(),
            sub: None,
            idp: None,
            jti: jti(None),
            sid: None,
            scope: scope.clone(),
            amr: Vec::new(),
            acr: None,
            user: UserClaims::default(),
            client: client.client_claims.iter().cloned().collect(),
        },
        now,
    )
}

/// The family that a `jti` names (decision C).
pub fn family_of(jti: &str) -> Option<FamilyId> {
    let bytes = digest::from_base64url(jti)?;
    uuid::Uuid::from_slice(bytes.get(..16)?).ok().map(FamilyId)
}

fn jti(family: Option<FamilyId>) -> String {
    let head = family.map_or_else(entropy::bytes::<16>, |family| family.0.into_bytes());
    digest::base64url([&head[..], &entropy::bytes::<12>()].concat())
}

fn audience(resources: &[&str]) -> Option<Audience> {
    Audience::new(resources.iter().map(|&name| name.to_owned()).collect())
}
