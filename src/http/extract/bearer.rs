//! A call with an access token (RFC 6750 §2): in the header, or in the body of a form; never in the URL.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{Method, header},
};

use super::form::{self, parameter};
use crate::{
    app::App,
    flows::verify_access_token::{self, LiveToken},
    http::error::oauth::{Challenge, Refused},
    protocol::{error::OAuthError, refusals, token::parse_bearer},
};

/// A call whose token holds.
pub struct BearerCall(pub LiveToken);

impl FromRequest<App> for BearerCall {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refused> {
        let refused = |error: OAuthError| Refused::new(error, Challenge::Bearer);
        let token = token(request).await.map_err(refused)?;
        verify_access_token::verify(app, &token, app.clock.now()).await.map(Self).map_err(refused)
    }
}

async fn token(request: Request) -> Result<String, OAuthError> {
    let query = form::parse(request.uri().query().unwrap_or_default().as_bytes())?;
    if query.get("access_token") != Ok(None) {
        return Err((&refusals::TOKEN_IN_QUERY).into());
    }
    let mut headers = request.headers().get_all(header::AUTHORIZATION).iter();
    let (first, second) = (headers.next(), headers.next());
    if second.is_some() {
        return Err((&refusals::BEARER_MALFORMED).into());
    }
    let in_header = match first {
        Some(value) => {
            let value = value.to_str().map_err(|_| &refusals::BEARER_MALFORMED)?;
            Some(parse_bearer(value)?.to_owned())
        }
        None => None,
    };
    let in_body = if is_form(&request) {
        let body = Bytes::from_request(request, &()).await.map_err(|_| &refusals::BODY_TOO_LARGE)?;
        parameter(&form::parse(&body)?, "access_token")?.map(ToOwned::to_owned)
    } else {
        None
    };
    match (in_header, in_body) {
        // UI-01
        (Some(_), Some(_)) => Err((&refusals::TOKEN_TWO_PLACES).into()),
        (Some(token), None) | (None, Some(token)) => Ok(token),
        (None, None) => Err((&refusals::TOKEN_MISSING).into()),
    }
}

// RFC 6750 §2.2: a POST with a form body; any other body is not looked at
fn is_form(request: &Request) -> bool {
    request.method() == Method::POST
        && request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"))
}
