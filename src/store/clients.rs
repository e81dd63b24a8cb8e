//! Clients.

use serde_json::Value;
use sqlx::{
    FromRow, PgConnection, PgExecutor, Postgres, Row as _,
    postgres::{PgArguments, PgRow},
    query::Query,
    types::Json,
};

use std::{collections::BTreeMap, error::Error};

use time::OffsetDateTime;

use super::configuration::{Stamp, Stored};
use crate::{
    base::{
        id::{ClientRowId, OrganisationId},
        text::LocalizedText,
    },
    model::client::Client,
    protocol::client_keys::ClientJwks,
};

statements! {
    /// All of them.
    LIST = r"
        select
            id, organisation_id, client_id, client_type, display_name_is, display_name_en, description,
            contact_email, enabled, token_endpoint_auth_method, redirect_uris, post_logout_redirect_uris,
            initiate_login_uri, identity_providers, allowed_acr, grant_types, scopes, supported_delegations,
            prompt_delegations, require_api_scopes, allow_offline_access, refresh_token_expiration,
            inactive_refresh_token_ttl, absolute_refresh_token_ttl, access_token_ttl, id_token_ttl,
            authorization_code_ttl, require_pkce, require_consent, allow_remember_consent, consent_ttl,
            always_include_user_claims_in_id_token, update_access_token_claims_on_refresh, client_claims,
            always_send_client_claims, single_session, sso, refresh_token_retry, revoke_refresh_tokens_at_sign_out,
            not_before, version, jwks, jwks_uri, token_endpoint_auth_signing_alg
        from clients
        order by client_id";

    /// A new one.
    INSERT = r"
        insert into clients (
            id, organisation_id, client_id, client_type, display_name_is, display_name_en, description,
            contact_email, enabled, token_endpoint_auth_method, redirect_uris, post_logout_redirect_uris,
            initiate_login_uri, identity_providers, allowed_acr, grant_types, scopes, supported_delegations,
            prompt_delegations, require_api_scopes, allow_offline_access, refresh_token_expiration,
            inactive_refresh_token_ttl, absolute_refresh_token_ttl, access_token_ttl, id_token_ttl,
            authorization_code_ttl, require_pkce, require_consent, allow_remember_consent, consent_ttl,
            always_include_user_claims_in_id_token, update_access_token_claims_on_refresh, client_claims,
            always_send_client_claims, single_session, sso, refresh_token_retry, revoke_refresh_tokens_at_sign_out,
            managed_by, version, created_at, updated_at, jwks, jwks_uri, token_endpoint_auth_signing_alg
        )
        values (
            $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
            $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, 1, $41, $41, $42, $43,
            $44
        )";

    /// Makes what it was given before a moment void.
    SET_NOT_BEFORE = r"
        update clients
        set not_before = greatest(not_before, $2), updated_at = $3, version = version + 1
        where client_id = $1
        returning id, organisation_id";

    /// Changes one, if nobody else did since it was read.
    UPDATE = r"
        update clients
        set organisation_id = $2,
            client_id = $3,
            client_type = $4,
            display_name_is = $5,
            display_name_en = $6,
            description = $7,
            contact_email = $8,
            enabled = $9,
            token_endpoint_auth_method = $10,
            redirect_uris = $11,
            post_logout_redirect_uris = $12,
            initiate_login_uri = $13,
            identity_providers = $14,
            allowed_acr = $15,
            grant_types = $16,
            scopes = $17,
            supported_delegations = $18,
            prompt_delegations = $19,
            require_api_scopes = $20,
            allow_offline_access = $21,
            refresh_token_expiration = $22,
            inactive_refresh_token_ttl = $23,
            absolute_refresh_token_ttl = $24,
            access_token_ttl = $25,
            id_token_ttl = $26,
            authorization_code_ttl = $27,
            require_pkce = $28,
            require_consent = $29,
            allow_remember_consent = $30,
            consent_ttl = $31,
            always_include_user_claims_in_id_token = $32,
            update_access_token_claims_on_refresh = $33,
            client_claims = $34,
            always_send_client_claims = $35,
            single_session = $36,
            sso = $37,
            refresh_token_retry = $38,
            revoke_refresh_tokens_at_sign_out = $39,
            managed_by = $40,
            updated_at = $41,
            jwks = $42,
            jwks_uri = $43,
            token_endpoint_auth_signing_alg = $44,
            version = version + 1
        where id = $1
            and version = $45";
}

impl FromRow<'_, PgRow> for Stored<Client> {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let value = Client {
            id: row.try_get("id")?,
            organisation_id: row.try_get("organisation_id")?,
            client_id: row.try_get("client_id")?,
            client_type: row.try_get("client_type")?,
            display_name: LocalizedText { is: row.try_get("display_name_is")?, en: row.try_get("display_name_en")? },
            description: row.try_get("description")?,
            contact_email: row.try_get("contact_email")?,
            enabled: row.try_get("enabled")?,
            token_endpoint_auth_method: row.try_get("token_endpoint_auth_method")?,
            redirect_uris: row.try_get("redirect_uris")?,
            post_logout_redirect_uris: row.try_get("post_logout_redirect_uris")?,
            initiate_login_uri: row.try_get("initiate_login_uri")?,
            identity_providers: row.try_get("identity_providers")?,
            allowed_acr: row.try_get("allowed_acr")?,
            grant_types: row.try_get("grant_types")?,
            scopes: row.try_get("scopes")?,
            supported_delegations: row.try_get("supported_delegations")?,
            prompt_delegations: row.try_get("prompt_delegations")?,
            require_api_scopes: row.try_get("require_api_scopes")?,
            allow_offline_access: row.try_get("allow_offline_access")?,
            refresh_token_expiration: row.try_get("refresh_token_expiration")?,
            inactive_refresh_token_ttl: row.try_get("inactive_refresh_token_ttl")?,
            absolute_refresh_token_ttl: row.try_get("absolute_refresh_token_ttl")?,
            access_token_ttl: row.try_get("access_token_ttl")?,
            id_token_ttl: row.try_get("id_token_ttl")?,
            authorization_code_ttl: row.try_get("authorization_code_ttl")?,
            require_pkce: row.try_get("require_pkce")?,
            require_consent: row.try_get("require_consent")?,
            allow_remember_consent: row.try_get("allow_remember_consent")?,
            consent_ttl: row.try_get("consent_ttl")?,
            always_include_user_claims_in_id_token: row.try_get("always_include_user_claims_in_id_token")?,
            update_access_token_claims_on_refresh: row.try_get("update_access_token_claims_on_refresh")?,
            client_claims: row.try_get::<Json<BTreeMap<String, String>>, _>("client_claims")?.0.into_iter().collect(),
            always_send_client_claims: row.try_get("always_send_client_claims")?,
            single_session: row.try_get("single_session")?,
            sso: row.try_get("sso")?,
            refresh_token_retry: row.try_get("refresh_token_retry")?,
            revoke_refresh_tokens_at_sign_out: row.try_get("revoke_refresh_tokens_at_sign_out")?,
            not_before: row.try_get("not_before")?,
            jwks: row
                .try_get::<Option<Json<Value>>, _>("jwks")?
                .map(|jwks| read("jwks", ClientJwks::parse(&jwks.0)))
                .transpose()?,
            jwks_uri: row.try_get("jwks_uri")?,
            token_endpoint_auth_signing_alg: row
                .try_get::<Vec<String>, _>("token_endpoint_auth_signing_alg")?
                .iter()
                .map(|name| read("token_endpoint_auth_signing_alg", name.parse()))
                .collect::<Result<_, _>>()?,
        };
        Ok(Self { value, version: row.try_get("version")? })
    }
}

// What the specification reads of a column.
fn read<T>(column: &str, value: Result<T, impl Error + Send + Sync + 'static>) -> Result<T, sqlx::Error> {
    value.map_err(|error| sqlx::Error::ColumnDecode { index: column.to_owned(), source: error.into() })
}

/// All clients, by client id.
pub async fn list(executor: impl PgExecutor<'_>) -> Result<Vec<Stored<Client>>, sqlx::Error> {
    sqlx::query_as(LIST).fetch_all(executor).await
}

/// Adds a client.
pub async fn insert(connection: &mut PgConnection, client: &Client, stamp: Stamp) -> Result<(), sqlx::Error> {
    bind(sqlx::query(INSERT), client, stamp).execute(connection).await.map(drop)
}

/// Makes a client's authentications before `not_before` void, never fewer than before; gives its row and its owner.
pub async fn set_not_before(
    connection: &mut PgConnection,
    client_id: &str,
    not_before: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<Option<(ClientRowId, OrganisationId)>, sqlx::Error> {
    sqlx::query_as(SET_NOT_BEFORE).bind(client_id).bind(not_before).bind(now).fetch_optional(connection).await
}

/// Changes a client; false if its row has another version by now.
pub async fn update(connection: &mut PgConnection, client: &Client, version: i64, stamp: Stamp) -> Result<bool, sqlx::Error> {
    let done = bind(sqlx::query(UPDATE), client, stamp).bind(version).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}

type Bound = Query<'static, Postgres, PgArguments>;

// The parameters that INSERT and UPDATE share, in their order.
fn bind(query: Bound, client: &Client, stamp: Stamp) -> Bound {
    query
        .bind(client.id)
        .bind(client.organisation_id)
        .bind(&client.client_id)
        .bind(client.client_type)
        .bind(&client.display_name.is)
        .bind(&client.display_name.en)
        .bind(&client.description)
        .bind(&client.contact_email)
        .bind(client.enabled)
        .bind(client.token_endpoint_auth_method)
        .bind(&client.redirect_uris)
        .bind(&client.post_logout_redirect_uris)
        .bind(&client.initiate_login_uri)
        .bind(&client.identity_providers)
        .bind(&client.allowed_acr)
        .bind(&client.grant_types)
        .bind(&client.scopes)
        .bind(&client.supported_delegations)
        .bind(client.prompt_delegations)
        .bind(client.require_api_scopes)
        .bind(client.allow_offline_access)
        .bind(client.refresh_token_expiration)
        .bind(client.inactive_refresh_token_ttl)
        .bind(client.absolute_refresh_token_ttl)
        .bind(client.access_token_ttl)
        .bind(client.id_token_ttl)
        .bind(client.authorization_code_ttl)
        .bind(client.require_pkce)
        .bind(client.require_consent)
        .bind(client.allow_remember_consent)
        .bind(client.consent_ttl)
        .bind(client.always_include_user_claims_in_id_token)
        .bind(client.update_access_token_claims_on_refresh)
        .bind(Json(client.client_claims.iter().cloned().collect::<BTreeMap<_, _>>()))
        .bind(client.always_send_client_claims)
        .bind(client.single_session)
        .bind(client.sso)
        .bind(client.refresh_token_retry)
        .bind(client.revoke_refresh_tokens_at_sign_out)
        .bind(stamp.managed_by)
        .bind(stamp.now)
        .bind(client.jwks.as_ref().map(Json))
        .bind(&client.jwks_uri)
        .bind(client.token_endpoint_auth_signing_alg.iter().map(|algorithm| algorithm.as_str()).collect::<Vec<_>>())
}
