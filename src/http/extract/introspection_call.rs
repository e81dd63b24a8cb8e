//! A call by whoever may ask about a token: a client, or an API resource (RFC 7662 §2.1, INS-01).

use axum::extract::{FromRequest, Request};

use super::{caller::Caller, client_call::Presented};
use crate::{
    app::App,
    flows::authenticate_client::{self, Introspector},
    http::error::oauth::Refused,
    protocol::params::Params,
};

/// An authenticated call, with its parameters.
pub struct IntrospectionCall {
    /// who asks
    pub introspector: Introspector,
    /// the form
    pub params: Params,
    /// from where
    pub caller: Caller,
}

impl FromRequest<App> for IntrospectionCall {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refused> {
        let Presented { credentials, challenge, params, caller } = Presented::read(request, app).await?;
        let introspector =
            authenticate_client::authenticate_introspector(app, &credentials, caller.address, app.clock.now()).await;
        Ok(Self { introspector: introspector.map_err(|error| Refused::new(error, challenge))?, params, caller })
    }
}
