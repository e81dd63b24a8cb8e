//! The authorization endpoint of a broker: its request, read strictly, and the person's answer.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use url::Url;

use super::{OpFault, Style, page, register::Grant, style};
use crate::demo::eid_simulator::{Shared, origin};

/// A request that a broker can answer.
pub(super) struct Request {
    pub(super) client_id: String,
    pub(super) redirect_uri: Url,
    state: String,
    nonce: String,
    code_challenge: String,
    acr_values: Option<String>,
    /// everything else that was sent, for the page
    pub(super) others: BTreeMap<String, String>,
}

impl Request {
    fn read(shared: &Shared, query: &str) -> Result<Self, &'static str> {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
            if fields.insert(name, value).is_some() {
                return Err("a parameter was sent twice");
            }
        }
        let mut take = |name: &str| fields.remove(name).filter(|value| !value.is_empty());
        let is = |value: Option<String>, wanted: &str| value.is_some_and(|value| value == wanted);
        if !is(take("response_type"), "code") {
            return Err("response_type is code");
        }
        if !is(take("code_challenge_method"), "S256") {
            return Err("code_challenge_method is S256");
        }
        if !take("scope").is_some_and(|scope| scope.split(' ').any(|name| name == "openid")) {
            return Err("scope holds openid");
        }
        let code_challenge = take("code_challenge").filter(|challenge| challenge.len() == 43);
        let redirect_uri = take("redirect_uri").and_then(|uri| Url::parse(&uri).ok());
        let client_id = take("client_id").filter(|id| shared.world().op.clients.contains_key(id));
        Ok(Self {
            client_id: client_id.ok_or("the client_id is not known")?,
            // that of any server, wherever it runs
            redirect_uri: redirect_uri
                .filter(|uri| uri.path().starts_with("/signin/return/"))
                .ok_or("the redirect_uri is not known")?,
            state: take("state").ok_or("state is missing")?,
            nonce: take("nonce").ok_or("nonce is missing")?,
            code_challenge: code_challenge.ok_or("code_challenge is 43 characters")?,
            acr_values: take("acr_values"),
            others: fields,
        })
    }
}

/// `GET /op/{style}/authorize`: who signs in?
pub(super) async fn ask(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Response> {
    let (style, query) = (style(&name)?, query.unwrap_or_default());
    let request = Request::read(&shared, &query).map_err(refused)?;
    Ok(page::draw(&shared, style, &request, &query, None))
}

/// `POST /op/{style}/authorize`: this one, or nobody.
pub(super) async fn answer(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let style = style(&name)?;
    if !origin::host_is_ours(&headers, &shared.public_url) || !origin::form_is_ours(&headers) {
        return Err((StatusCode::FORBIDDEN, "only from the simulator's own page").into_response());
    }
    let form: BTreeMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| form.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let query = field("request").unwrap_or_default();
    let request = Request::read(&shared, query).map_err(refused)?;
    if field("decision") == Some("decline") {
        return Ok(send_back(&shared, style, &request, Some(OpFault::AccessDenied), None));
    }
    let chosen = field("chosen").or_else(|| field("person")).map(|text| text.replace(['-', ' '], ""));
    let Some(grant) = chosen.and_then(|national_id| grant(&shared, style, &request, &national_id)) else {
        return Ok(page::draw(&shared, style, &request, query, field("person")));
    };
    let fault = grant.fault;
    let is_refused = fault.is_some_and(|fault| fault.redirect_error().is_some() || fault == OpFault::NoCode);
    let code = (!is_refused).then(|| shared.world().op.code(grant));
    Ok(send_back(&shared, style, &request, fault, code.as_deref()))
}

/// What the person approves, if there is such a person.
fn grant(shared: &Shared, style: Style, request: &Request, national_id: &str) -> Option<Grant> {
    let mut world = shared.world();
    world.meet(national_id, shared.clock.now()).ok()?;
    let person = world.people.get(national_id)?;
    Some(Grant {
        style,
        client_id: request.client_id.clone(),
        redirect_uri: request.redirect_uri.to_string(),
        code_challenge: request.code_challenge.clone(),
        nonce: request.nonce.clone(),
        acr_values: request.acr_values.clone(),
        national_id: person.national_id.clone(),
        name: person.name.clone(),
        phone: person.phone.clone(),
        at: shared.clock.now(),
        fault: world.op.faults.get(national_id).copied(),
    })
}

fn send_back(shared: &Shared, style: Style, request: &Request, fault: Option<OpFault>, code: Option<&str>) -> Response {
    let mut url = request.redirect_uri.clone();
    {
        let mut query = url.query_pairs_mut();
        query.extend_pairs(code.map(|code| ("code", code)));
        if let Some((error, description)) = fault.and_then(OpFault::redirect_error) {
            query.append_pair("error", error);
            query.extend_pairs(description.map(|description| ("error_description", description)));
        }
        query.append_pair("state", &request.state);
        match fault {
            Some(OpFault::NoIss) => {}
            Some(OpFault::WrongIss) => drop(query.append_pair("iss", "https://another.example.is")),
            _ => drop(query.append_pair("iss", &shared.op_issuer(style))),
        }
    }
    Redirect::to(url.as_str()).into_response()
}

fn refused(why: &'static str) -> Response {
    (StatusCode::BAD_REQUEST, format!("the request cannot be answered: {why}")).into_response()
}
