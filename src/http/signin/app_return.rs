//! GET /signin/app/return: the app leads the browser back here after the person has confirmed on the same device (eid.md §3.4).
//!
//! The address names an attempt and proves who comes; that it comes into the browser that began is proved by that browser's cookie
//! alone (EID-04). Often it opens in a new tab: the address holds nothing of the request, which the attempt's row does.

use axum::{extract::State, response::Response};
use uuid::Uuid;

use crate::{
    app::App,
    base::{digest, id::AttemptId},
    flows::sign_in,
    http::{
        error::{page::PageRefusal, unavailable},
        extract::browser::Browser,
        html::see_other,
        page::message::Message,
    },
    model::{
        sign_in_attempt::SignInAttempt,
        urls::{Urls, path},
    },
    outbound::eid::smart_id::AppReturn,
    protocol::{params::Params, refusals},
    store::sign_in_attempts,
};

/// Takes what the app sent along, and goes on to the waiting page. In any other browser: one neutral page, and nothing is taken.
pub async fn get(State(app): State<App>, browser: Browser) -> Result<Response, Response> {
    let now = app.clock.now();
    let attempt = find(&app, &browser).await?;
    if let Some(came_back) = came_back(&browser.query) {
        sign_in::app_returned(&app, &attempt, &came_back, now)
            .await
            .map_err(|error| browser.refuse(&app, unavailable(error)))?;
    }
    let Some(request) = attempt.request else {
        return Err(browser.refuse(&app, PageRefusal::new(Message::Ended, &refusals::SIGN_IN_COMPLETED)));
    };
    let attempt = attempt.id.to_string();
    Ok(see_other(&Urls::with_parameters(path::WAIT, &[("request", &request), ("attempt", &attempt)])))
}

/// The attempt, where this browser has begun it.
async fn find(app: &App, browser: &Browser) -> Result<SignInAttempt, Response> {
    let id = browser.query.get("attempt").ok().flatten().and_then(|text| text.parse::<Uuid>().ok());
    let found = match id {
        Some(id) => {
            sign_in_attempts::find(&app.pool, AttemptId(id)).await.map_err(|error| browser.refuse(app, unavailable(error)))?
        }
        None => None,
    };
    let is_ours =
        |attempt: &SignInAttempt| browser.cookies.binding.is_some_and(|binding| digest::equal(&binding, &attempt.binding_hash));
    found
        .filter(is_ours)
        .ok_or_else(|| browser.refuse(app, PageRefusal::new(Message::ReturnedElsewhere, &refusals::SIGN_IN_OTHER_BROWSER)))
}

/// What the app sent along; none where a part is missing, as when somebody opens the address by hand.
fn came_back(query: &Params) -> Option<AppReturn> {
    let value = |name| query.get(name).ok().flatten().map(ToOwned::to_owned);
    Some(AppReturn {
        value: value("value")?,
        secret_digest: value("sessionSecretDigest")?,
        verifier: value("userChallengeVerifier")?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 3] = ["value", "sessionSecretDigest", "userChallengeVerifier"];

    proptest! {
        #[test]
        fn what_an_app_sends_along_is_taken_whole_or_not_at_all(query in any::<Vec<u8>>(), values in prop::array::uniform3("[A-Za-z0-9_-]{0,60}")) {
            if let Ok(params) = Params::parse(&query) {
                prop_assert!(came_back(&params).is_none(), "random bytes name none of the three");
            }
            let sent: Vec<String> = NAMES.iter().zip(&values).map(|(name, value)| format!("{name}={value}")).collect();
            let read = came_back(&Params::parse(sent.join("&").as_bytes()).expect("parameters"));
            prop_assert_eq!(read.is_some(), values.iter().all(|value| !value.is_empty()));
            if let Some(read) = read {
                prop_assert_eq!([read.value, read.secret_digest, read.verifier], values);
            }
            // HTTP-02: one that comes twice is none
            let twice = Params::parse([&sent[..], &sent[..1]].concat().join("&").as_bytes()).expect("parameters");
            prop_assert!(came_back(&twice).is_none());
        }
    }
}
