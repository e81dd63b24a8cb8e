//! GET and POST /signin/choose: choose a way to sign in; with `prompt=select_account` in a live session first whether to go on as
//! the one who is signed in.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use time::OffsetDateTime;

use super::{
    start,
    step::{Step, remember_language},
};
use crate::{
    app::App,
    flows::authorization_request::{Progress, answering},
    http::{
        error::{page::PageRefusal, unavailable},
        extract::browser::{Browser, PageForm},
        html::html,
        page::{
            message::Message,
            signin::{ChoosePage, Method},
        },
    },
    model::{identity_provider::IdentityProvider, urls::path},
    outbound::eid::BeginInput,
    protocol::{authorize::Prompt, refusals},
    store::sessions,
};

/// The page.
pub async fn get(State(app): State<App>, browser: Browser) -> Result<Response, Response> {
    let now = app.clock.now();
    let step = Step::of_page_unlooked(&app, &browser, now)?;
    if step.is_newly_bound {
        // so that the page can be reloaded as long as the request lives
        return Ok(step.go_to(path::CHOOSE, &[]));
    }
    step.refuse_ended(&app, &browser).await?;
    let progress = step.progress(&app, &browser.query).filter(|progress| asks_for_account(&step, progress));
    let name = match &progress {
        Some(progress) => signed_in_name(&app, &browser, progress, now).await?,
        None => None,
    };
    let session_id = progress.as_ref().and_then(|progress| progress.session_id).filter(|_| name.is_some());
    let sealed_progress = progress.filter(|_| name.is_some()).map(|progress| progress.seal(&app));
    let parameters: Vec<(&str, &str)> = sealed_progress.as_deref().map(|progress| ("progress", progress)).into_iter().collect();
    let providers = methods(&app, &step);
    let methods: Vec<Method<'_>> = providers.iter().map(|provider| Method::of(provider, step.language)).collect();
    let page = ChoosePage {
        chrome: step.chrome(&app, path::CHOOSE, &parameters),
        request: &step.sealed,
        progress: sealed_progress.as_deref(),
        csrf: &step.csrf(&app, session_id),
        methods: &methods,
        last_used: browser.cookies.method.as_deref(),
        signed_in: name.as_deref(),
    };
    let response = html(StatusCode::OK, &page, step.form_targets(&app, &providers).as_deref());
    Ok(remember_language(&app, &browser, response))
}

/// The choice.
pub async fn post(State(app): State<App>, form: PageForm) -> Result<Response, Response> {
    let step = Step::of_form_unlooked(&app, &form, app.clock.now())?;
    let field = |name| form.params.get(name).ok().flatten();
    if let Some(name) = field("identity_provider").filter(|name| !name.is_empty()) {
        let Some(provider) = methods(&app, &step).into_iter().find(|provider| provider.name == name) else {
            // EID-10
            return Err(form.browser.refuse(&app, PageRefusal::new(Message::InvalidRequest, &refusals::SIGN_IN_STEP)));
        };
        if provider.driver.begins_elsewhere() {
            return start::begin(&app, &form.browser, &step, &provider, BeginInput::Nothing, "").await;
        }
        return Ok(step.go_to(path::START, &[("identity_provider", name)]));
    }
    match (field("subject"), step.progress(&app, &form.params)) {
        (Some("current"), Some(progress)) => Ok(step.resume(&app, &Progress { account_selected: true, ..progress })),
        (Some("other"), _) => Ok(step.go_to(path::CHOOSE, &[])),
        _ if field("decision") == Some("cancel") => Ok(step.cancel(&app)),
        // an empty form is this step again (INT-02)
        _ => Ok(step.go_to(path::CHOOSE, &[])),
    }
}

/// The identity providers that this request can be answered with.
pub(super) fn methods(app: &App, step: &Step) -> Vec<Arc<IdentityProvider>> {
    answering(&app.configuration(), &step.client.client, &step.pending.request).cloned().collect()
}

fn asks_for_account(step: &Step, progress: &Progress) -> bool {
    step.pending.request.prompt.contains(Prompt::SelectAccount) && !progress.account_selected && progress.session_id.is_some()
}

async fn signed_in_name(
    app: &App,
    browser: &Browser,
    progress: &Progress,
    now: OffsetDateTime,
) -> Result<Option<String>, Response> {
    let Some(id) = progress.session_id else { return Ok(None) };
    let found = sessions::find(&app.pool, id, None).await.map_err(|error| browser.refuse(app, unavailable(error)))?;
    let living = found.filter(|found| found.session.is_alive(app.session_lifetimes(), now));
    Ok(living.and_then(|found| found.session.person.name))
}
