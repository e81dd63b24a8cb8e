//! Tokens: which claims they carry, and their signatures. The token endpoint's grants call it.

pub mod claims;

use time::OffsetDateTime;

use self::claims::Subject;
use super::verify_access_token::LiveToken;
use crate::{
    app::App,
    base::id::FamilyId,
    keys::KeyFault,
    model::{
        authorization_code::Authentication,
        client::{Client, RegisteredClient},
        scope::OPENID,
        token_id::TokenId,
    },
    protocol::{
        claims::{AccessTokenClaims, Audience, ClientClaims, EarlierClient, IdTokenClaims, UserClaims, at_hash},
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
    let access_token = keys.sign(
        &AccessTokenClaims {
            nbf: iat,
            exp,
            iat,
            auth_time: Some(auth_time),
            iss: app.urls.issuer().to_owned(),
            aud: audience(&snapshot.resources_of(grant.scope.iter())),
            client_id: client.client_id.clone(),
            act: None,
            sub: Some(authentication.sub.clone()),
            idp: Some(authentication.identity_provider.as_str().to_owned()),
            jti: TokenId::of_family(grant.family_id).to_string(),
            sid: Some(authentication.session_id.to_string()),
            scope: grant.scope.clone(),
            amr: authentication.amr.clone(),
            acr: Some(authentication.acr.clone()),
            user: grant.subject.for_api(claims::asked_for(snapshot, grant.scope)),
            client: fixed_claims(client),
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

/// What an exchanged token is made of (RFC 8693).
pub struct ExchangeGrant<'a> {
    /// to whom
    pub client: &'a Client,
    /// the token that is exchanged
    pub origin: &'a LiveToken,
    /// whom the new one is about
    pub sub: String,
    /// what its scopes ask for about them
    pub user: UserClaims,
    /// what it is good for: not more than its origin
    pub scope: ScopeSet,
    /// the API resources that it is for
    pub audience: Vec<String>,
}

/// An access token for another one, and the seconds that it lives: at most as long as its origin, and it dies with it (TEX-04).
pub fn for_exchange(app: &App, grant: ExchangeGrant<'_>, now: OffsetDateTime) -> Result<(String, u32), KeyFault> {
    let ExchangeGrant { client, origin, sub, user, scope, audience } = grant;
    let claims = &origin.claims;
    let iat = now.unix_timestamp();
    let exp = (iat + i64::from(client.access_token_ttl)).min(claims.exp);
    let token = app.keys().sign(
        &AccessTokenClaims {
            nbf: iat,
            exp,
            iat,
            auth_time: claims.auth_time,
            iss: app.urls.issuer().to_owned(),
            aud: Audience::new(audience),
            client_id: client.client_id.clone(),
            act: Some(EarlierClient { client_id: claims.client_id.clone(), act: claims.act.clone().map(Box::new) }),
            sub: Some(sub),
            idp: claims.idp.clone(),
            jti: origin.id.exchanged().to_string(),
            sid: claims.sid.clone(),
            scope,
            amr: claims.amr.clone(),
            acr: claims.acr.clone(),
            user,
            client: fixed_claims(client),
        },
        now,
    )?;
    Ok((token, u32::try_from(exp - iat).unwrap_or(0)))
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
            act: None,
            sub: None,
            idp: None,
            jti: TokenId::of_machine().to_string(),
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

/// Of a client, in a person's token.
fn fixed_claims(client: &Client) -> ClientClaims {
    let sent = client.client_claims.iter().filter(|_| client.always_send_client_claims);
    sent.cloned().collect()
}

fn audience(resources: &[&str]) -> Option<Audience> {
    Audience::new(resources.iter().map(|&name| name.to_owned()).collect())
}
