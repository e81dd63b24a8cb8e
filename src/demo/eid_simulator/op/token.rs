//! The token endpoint and userinfo of a broker.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{OpFault, claims, client, failed, style};
use crate::{
    base::digest::{base64url, sha256},
    demo::eid_simulator::Shared,
};

const SLOW: Duration = Duration::from_secs(30);
const HUGE: usize = 1 << 19;

/// `POST /op/{style}/token`
pub(super) async fn exchange(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let (style, now) = (style(&name)?, shared.clock.now());
    let form: BTreeMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let issuer = shared.op_issuer(style);
    let endpoint = format!("{issuer}/token");
    let (grant, secret) = {
        let mut world = shared.world();
        let authenticated = client::authenticate(&mut world.op, &headers, &form, [&issuer, &endpoint], now);
        let client_id = authenticated.ok_or_else(|| refused(StatusCode::UNAUTHORIZED, "invalid_client"))?;
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if field("grant_type") != "authorization_code" {
            return Err(refused(StatusCode::BAD_REQUEST, "unsupported_grant_type"));
        }
        let challenge = base64url(sha256(&[field("code_verifier").as_bytes()]));
        let grant = world.op.redeem(field("code"), now).filter(|grant| {
            grant.style == style
                && grant.client_id == client_id
                && grant.redirect_uri == field("redirect_uri")
                && grant.code_challenge == challenge
        });
        let secret = world.op.clients.get(&client_id).and_then(|client| client.secret().map(ToOwned::to_owned));
        (grant.ok_or_else(|| refused(StatusCode::BAD_REQUEST, "invalid_grant"))?, secret)
    };
    match grant.fault {
        Some(OpFault::InvalidGrant) => return Err(refused(StatusCode::BAD_REQUEST, "invalid_grant")),
        Some(OpFault::InvalidClient) => return Err(refused(StatusCode::UNAUTHORIZED, "invalid_client")),
        Some(OpFault::TokenDown) => return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
        Some(OpFault::SlowBody) => {
            tokio::select! {
                () = tokio::time::sleep(SLOW) => {}
                () = shared.closing.cancelled() => {}
            }
        }
        _ => {}
    }
    let fault = grant.fault;
    let access_token = shared.world().op.token(grant.clone());
    let told = claims::id_token(&grant, &issuer, &access_token);
    let id_token = shared.op_keys().and_then(|keys| keys.sign(style, &told, fault, secret.as_deref())).map_err(failed)?;
    let mut answer = json!({ "access_token": access_token, "token_type": "Bearer", "expires_in": 300, "id_token": id_token });
    if fault == Some(OpFault::HugeBody) {
        answer["padding"] = "x".repeat(HUGE).into();
    }
    let mut text = answer.to_string();
    if fault == Some(OpFault::MalformedJson) {
        text.truncate(text.len() / 2);
    }
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, text).into_response())
}

/// `GET /op/{style}/userinfo`
pub(super) async fn userinfo(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Response> {
    let (style, now) = (style(&name)?, shared.clock.now());
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let world = shared.world();
    let grant = token.and_then(|token| world.op.holder(token, now)).filter(|grant| grant.style == style);
    grant.map(|grant| Json(claims::userinfo(grant))).ok_or_else(|| {
        (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")]).into_response()
    })
}

fn refused(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}
