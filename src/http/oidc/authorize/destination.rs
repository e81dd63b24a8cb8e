//! Where an answer may go: client, redirect URI and response mode. A failure here is always a page (RED-01); nothing but a
//! [`Destination`] can build a redirect to a client.

use std::sync::Arc;

use axum::{http::StatusCode, response::Response};

use crate::{
    app::App,
    base::text::Language,
    config::environment::Environment,
    http::{
        error::page::PageRefusal,
        html::{html, see_other},
        page::{Chrome, Service, form_post::FormPostPage, message::Message},
    },
    model::client::{ClientType, RegisteredClient},
    protocol::{
        authorize::{AuthorizeRequest, ResponseMode, checks},
        error::{OAuthError, Refusal},
        params::{ParamFault, Params},
        redirect_uri::{self, MatchRules},
        refusals,
    },
    store::snapshot::Snapshot,
};

/// A proven place to send an answer to.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    /// who asked
    pub(super) client: Arc<RegisteredClient>,
    /// proven to be registered
    pub(super) redirect_uri: String,
    mode: ResponseMode,
    state: Option<String>,
}

impl Destination {
    /// Judges the parameters of a new request.
    pub(super) fn find(app: &App, snapshot: &Snapshot, params: &Params) -> Result<Self, PageRefusal> {
        let client_id = proving(params, "client_id", &refusals::CLIENT_REPEATED)?;
        let client = client_id.and_then(|id| snapshot.client(id)).cloned();
        let client = client.ok_or_else(|| {
            let refusal = if client_id.is_some() { &refusals::CLIENT_UNKNOWN } else { &refusals::CLIENT_MISSING };
            PageRefusal::new(Message::UnknownClient, refusal).with_detail(client_id)
        })?;
        let redirect_uri = proving(params, "redirect_uri", &refusals::REDIRECT_URI_REPEATED)?;
        let Some(redirect_uri) = redirect_uri else {
            return Err(page(&client, &refusals::REDIRECT_URI_MISSING));
        };
        // an over-long state is told to the client, without the state (AUT-07); two of them prove nothing (HTTP-02)
        if params.is_duplicate("state") {
            return Err(PageRefusal::new(Message::InvalidRequest, &refusals::STATE_REPEATED));
        }
        let destination = Self {
            redirect_uri: registered(app, &client, redirect_uri)?,
            client,
            mode: checks::response_mode(params, redirect_uri).unwrap_or_default(),
            state: checks::state(params).unwrap_or_default(),
        };
        Ok(destination)
    }

    /// Judges a request again that was proven before: client and URI may have gone since (INT-05).
    pub(super) fn of(app: &App, snapshot: &Snapshot, request: &AuthorizeRequest) -> Result<Self, PageRefusal> {
        let client = snapshot.client(&request.client_id).cloned().ok_or_else(|| {
            PageRefusal::new(Message::UnknownClient, &refusals::CLIENT_UNKNOWN).with_detail(Some(&request.client_id))
        })?;
        Ok(Self {
            redirect_uri: registered(app, &client, &request.redirect_uri)?,
            client,
            mode: request.response_mode,
            state: request.state.clone(),
        })
    }

    /// The only place, beside ourselves, to which a form of this request may lead (WEB-02).
    pub(super) fn origin(&self) -> Option<String> {
        redirect_uri::origin(&self.redirect_uri)
    }

    /// The answer with a code: the seed's `code`, `scope` and `state`, and `iss` (RFC 9207 §2).
    pub(super) fn success(&self, app: &App, code: &str, scope: &str, language: Language) -> Response {
        self.send(app, &[("code", code), ("scope", scope)], language)
    }

    /// The answer with an error (RFC 6749 §4.1.2.1).
    pub(super) fn failure(&self, app: &App, error: &OAuthError, language: Language) -> Response {
        let refusal = error.refusal;
        let description = format!("{} {}", refusal.id, refusal.description);
        self.send(app, &[("error", refusal.code.as_str()), ("error_description", &description)], language)
    }

    fn send(&self, app: &App, answer: &[(&str, &str)], language: Language) -> Response {
        let mut parameters = answer.to_vec();
        if let Some(state) = &self.state {
            parameters.push(("state", state));
        }
        // RFC 9207 §2: in errors too
        parameters.push(("iss", app.urls.issuer()));
        match self.mode {
            ResponseMode::Query => see_other(&redirect_uri::with_query(&self.redirect_uri, &parameters)),
            ResponseMode::FormPost => {
                let page = FormPostPage {
                    chrome: Chrome {
                        language,
                        environment: app.settings.environment,
                        service: Some(service(&self.client, language)),
                        language_links: Vec::new(),
                    },
                    action: &self.redirect_uri,
                    fields: &parameters,
                };
                html(StatusCode::OK, &page, self.origin().as_deref())
            }
        }
    }
}

/// The client and its organisation, as people know them.
pub(super) fn service(client: &RegisteredClient, language: Language) -> Service<'_> {
    Service {
        display_name: client.client.display_name.get(language),
        organisation_name: client.organisation.display_name.get(language),
    }
}

/// A parameter on which the redirect itself hangs: a fault of it is a page (HTTP-02).
fn proving<'p>(params: &'p Params, name: &str, repeated: &'static Refusal) -> Result<Option<&'p str>, PageRefusal> {
    params.get(name).map_err(|fault| match fault {
        ParamFault::Duplicate => PageRefusal::new(Message::InvalidRequest, repeated),
        fault => PageRefusal::new(Message::InvalidRequest, fault.refusal()),
    })
}

fn registered(app: &App, client: &RegisteredClient, presented: &str) -> Result<String, PageRefusal> {
    let rules = MatchRules {
        loopback_any_port: client.client.client_type == ClientType::Native,
        wildcard: app.settings.environment != Environment::Production,
    };
    // RED-05: the same syntax check as at registration, again now
    let fits = redirect_uri::presentable(presented)
        && client.client.redirect_uris.iter().any(|uri| redirect_uri::matches(uri, presented, rules));
    if fits { Ok(presented.to_owned()) } else { Err(page(client, &refusals::REDIRECT_URI_MISMATCH)) }
}

fn page(client: &RegisteredClient, refusal: &'static Refusal) -> PageRefusal {
    // RED-10: the client id in text, no link to the offered URI
    PageRefusal::new(Message::InvalidRedirectUri, refusal).with_detail(Some(&client.client.client_id))
}
