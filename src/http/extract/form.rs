//! Forms: parameters of a POST, from its body alone (HTTP-01, HTTP-04).

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use tokio_util::sync::CancellationToken;

use crate::{
    flows::authorization_request,
    protocol::{error::OAuthError, params::Params, refusals},
};

/// The parameters of a form body.
pub struct Form(pub Params);

/// Cancelled when the time for a request is up: a body that is still on its way is not waited for any longer, while what a handler
/// has begun goes on to its end (DOS-01, RT-09).
#[derive(Clone, Debug, Default)]
pub struct GivenUp(pub CancellationToken);

impl Form {
    /// Reads the form of a request.
    pub async fn read(request: Request) -> Result<Self, OAuthError> {
        if request.uri().query().is_some_and(|query| !query.is_empty()) {
            return Err((&refusals::PARAMETERS_IN_QUERY).into());
        }
        check_media_type(request.headers())?;
        let given_up = request.extensions().get::<GivenUp>().cloned().unwrap_or_default();
        let body = tokio::select! {
            body = Bytes::from_request(request, &()) => body.map_err(|_| OAuthError::from(&refusals::BODY_TOO_LARGE))?,
            () = given_up.0.cancelled() => return Err((&refusals::REQUEST_TIMEOUT).into()),
        };
        parse(&body).map(Self)
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), OAuthError> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err((&refusals::CONTENT_ENCODING).into());
    }
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut pieces = media_type.split(';').map(str::trim);
    let is_form = pieces.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    let is_utf8 = pieces.all(|parameter| parameter.is_empty() || parameter.eq_ignore_ascii_case("charset=utf-8"));
    if is_form && is_utf8 { Ok(()) } else { Err((&refusals::MEDIA_TYPE).into()) }
}

/// Reads parameters of a query or body; our own sealed values may be longer than others'.
pub fn parse(raw: &[u8]) -> Result<Params, OAuthError> {
    Params::parse_with_limits(raw, &authorization_request::SEALED_LIMITS).map_err(|fault| fault.refusal().into())
}

/// A parameter, or the refusal of its fault.
pub fn parameter<'p>(params: &'p Params, name: &str) -> Result<Option<&'p str>, OAuthError> {
    params.get(name).map_err(|fault| fault.refusal().into())
}
