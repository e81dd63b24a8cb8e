//! A step of signing in: the sealed request, opened in the browser that it belongs to, with the client that asks.

use std::{collections::BTreeSet, sync::Arc};

use axum::response::Response;
use time::OffsetDateTime;

use crate::{
    app::App,
    base::{digest, id::SessionId, text::Language},
    flows::{
        authorization_request::{PendingRequest, Progress},
        sign_in::SignInRequest,
    },
    http::{
        error::{page::PageRefusal, unavailable},
        extract::browser::{Browser, PageForm},
        html::{see_other, with_cookie},
        page::{Chrome, Label, Service, message::Message},
    },
    model::{
        client::RegisteredClient,
        identity_provider::IdentityProvider,
        urls::{Urls, path},
    },
    protocol::{params::Params, refusals},
    store::finished_requests,
};

/// A readable request of this browser that has not ended.
pub(super) struct Step {
    /// the request, bound
    pub(super) pending: PendingRequest,
    /// as the page's forms and links carry it
    pub(super) sealed: String,
    /// SHA-256 of the binding cookie
    pub(super) binding: [u8; 32],
    /// who asks
    pub(super) client: Arc<RegisteredClient>,
    /// levels of assurance that answer the request
    accepted_acr: Vec<String>,
    /// of the reader
    pub(super) language: Language,
    /// the address in the browser still holds the value that any browser could open
    pub(super) is_newly_bound: bool,
}

impl Step {
    /// Opens the step of a GET page.
    pub(super) async fn of_page(app: &App, browser: &Browser, now: OffsetDateTime) -> Result<Self, Response> {
        Self::of_sealed(app, browser, sealed_in(&browser.query), now).await
    }

    /// The same without a look at whether the request has ended: for a page that another follows which looks, or that reads a row
    /// which tells.
    pub(super) fn of_page_unlooked(app: &App, browser: &Browser, now: OffsetDateTime) -> Result<Self, Response> {
        Self::open(app, browser, sealed_in(&browser.query), now)
    }

    /// Opens the step of a form and checks that the form was drawn for this request in this browser (CSR-01).
    pub(super) async fn of_form(app: &App, form: &PageForm, now: OffsetDateTime) -> Result<Self, Response> {
        Self::of_form_unlooked(app, form, now)?.unless_ended(app, &form.browser).await
    }

    /// The same without a look at whether the request has ended: for a form whose own statement, or the page after it, looks.
    pub(super) fn of_form_unlooked(app: &App, form: &PageForm, now: OffsetDateTime) -> Result<Self, Response> {
        let step = Self::open(app, &form.browser, sealed_in(&form.params), now)?;
        let session = step.progress(app, &form.params).and_then(|progress| progress.session_id);
        let sent = form.params.get("csrf").ok().flatten().unwrap_or_default();
        if digest::equal(sent.as_bytes(), step.pending.csrf(app, session).as_bytes()) {
            Ok(step)
        } else {
            let again = Some(step.url(path::AUTHORIZE, &[]));
            let refusal = PageRefusal::new(Message::InvalidForm, &refusals::FORM_NOT_OURS).with_button(Label::TryAgain, again);
            Err(form.browser.refuse(app, refusal))
        }
    }

    /// Opens the step of a sealed request, wherever it was kept meanwhile.
    pub(super) async fn of_sealed(app: &App, browser: &Browser, sealed: &str, now: OffsetDateTime) -> Result<Self, Response> {
        Self::open(app, browser, sealed, now)?.unless_ended(app, browser).await
    }

    async fn unless_ended(self, app: &App, browser: &Browser) -> Result<Self, Response> {
        self.refuse_ended(app, browser).await?;
        Ok(self)
    }

    /// Looks whether the request has had its answer (INT-03).
    pub(super) async fn refuse_ended(&self, app: &App, browser: &Browser) -> Result<(), Response> {
        let has_ended = finished_requests::is_taken(&app.pool, &self.pending.id)
            .await
            .map_err(|error| browser.refuse(app, unavailable(error)))?;
        if has_ended { Err(self.ended(app)) } else { Ok(()) }
    }

    fn open(app: &App, browser: &Browser, sealed: &str, now: OffsetDateTime) -> Result<Self, Response> {
        let mut pending =
            PendingRequest::open(app, sealed, browser.cookies.binding, now).map_err(|fault| browser.refuse(app, fault))?;
        // the first page binds the request to the browser that shows it (decision A)
        let is_newly_bound = pending.binding.is_none();
        pending.binding = browser.cookies.binding;
        let Some(binding) = pending.binding else {
            let refusal = PageRefusal::new(Message::CookiesOff, &refusals::SIGN_IN_OTHER_BROWSER)
                .with_button(Label::TryAgain, Some(pending.anew()));
            return Err(browser.refuse(app, refusal));
        };
        let configuration = app.configuration();
        let client = configuration
            .snapshot()
            .client(&pending.request.client_id)
            .cloned()
            .ok_or_else(|| browser.refuse(app, PageRefusal::new(Message::UnknownClient, &refusals::CLIENT_UNKNOWN)))?;
        let language = browser.language(&pending.request.ui_locales);
        let accepted = client.client.allowed_acr.iter().filter(|acr| pending.request.accepts_acr(acr));
        let accepted_acr = accepted.cloned().collect();
        Ok(Self { sealed: pending.seal(app), pending, binding, client, accepted_acr, language, is_newly_bound })
    }

    /// What the pages have established so far, where a readable value came along.
    pub(super) fn progress(&self, app: &App, params: &Params) -> Option<Progress> {
        Progress::open(app, params.get("progress").ok().flatten()?, &self.pending)
    }

    /// Everything around the page; the language links lead to the same GET page.
    pub(super) fn chrome(&self, app: &App, path: &str, parameters: &[(&str, &str)]) -> Chrome<'_> {
        let links = Language::ALL.into_iter().filter(|language| *language != self.language).map(|language| {
            let parameters = [parameters, &[("lang", language.tag())]].concat();
            (language, self.url(path, &parameters))
        });
        Chrome {
            language: self.language,
            environment: app.settings.environment,
            service: Some(Service {
                display_name: self.client.client.display_name.get(self.language),
                organisation_name: self.client.organisation.display_name.get(self.language),
            }),
            language_links: links.collect(),
        }
    }

    /// A page of ours for this request.
    pub(super) fn url(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        Urls::with_parameters(path, &[&[("request", self.sealed.as_str())], parameters].concat())
    }

    /// On to another page of this request.
    pub(super) fn go_to(&self, path: &str, parameters: &[(&str, &str)]) -> Response {
        see_other(&self.url(path, parameters))
    }

    /// Back into the pipeline, with what this page has established.
    pub(super) fn resume(&self, app: &App, progress: &Progress) -> Response {
        self.go_to(path::AUTHORIZE, &[("progress", &progress.seal(app))])
    }

    /// The person ends the request: the client is told, once (INT-04).
    pub(super) fn cancel(&self, app: &App) -> Response {
        self.resume(app, &Progress { denied: true, ..Progress::of(&self.pending) })
    }

    /// The form's token on a page that draws nothing of a session, or of this one.
    pub(super) fn csrf(&self, app: &App, session: Option<SessionId>) -> String {
        self.pending.csrf(app, session)
    }

    /// The one place beside ourselves to which this page's form may lead in the end (WEB-02).
    pub(super) fn form_target(&self) -> Option<String> {
        crate::protocol::redirect_uri::origin(&self.pending.request.redirect_uri)
    }

    /// The same for a form that begins an attempt: with some of these identity providers people leave our pages at once.
    pub(super) fn form_targets(&self, app: &App, providers: &[Arc<IdentityProvider>]) -> Option<String> {
        let configuration = app.configuration();
        let origins = providers.iter().filter_map(|provider| configuration.driver(provider.id)?.origin());
        let targets: BTreeSet<String> = self.form_target().into_iter().chain(origins).collect();
        (!targets.is_empty()).then(|| targets.into_iter().collect::<Vec<_>>().join(" "))
    }

    /// As the sign-in flow wants it.
    pub(super) fn sign_in_request<'a>(&'a self, browser: &'a Browser) -> SignInRequest<'a> {
        SignInRequest {
            request_id: &self.pending.id,
            sealed: &self.sealed,
            fresh: self.pending.request.demands_fresh_sign_in(),
            accepted_acr: &self.accepted_acr,
            binding_hash: &self.binding,
            client: &self.client,
            language: self.language,
            origin: &browser.caller.origin,
            address: browser.caller.address,
        }
    }

    /// The request has had its answer: one sentence, and back to the service.
    pub(super) fn ended(&self, app: &App) -> Response {
        PageRefusal::new(Message::Ended, &refusals::SIGN_IN_COMPLETED)
            .for_service(
                self.client.client.display_name.get(self.language),
                self.client.organisation.display_name.get(self.language),
            )
            .with_button(Label::BackToService, self.client.client.way_back(&self.pending.request.redirect_uri))
            .respond(app, self.language)
    }
}

/// The sealed request among a page's parameters.
fn sealed_in(params: &Params) -> &str {
    params.get("request").ok().flatten().unwrap_or_default()
}

/// The page with the cookie of a language that was chosen on it.
pub(super) fn remember_language(app: &App, browser: &Browser, response: Response) -> Response {
    with_cookie(response, browser.language_cookie(app))
}
