//! Whether a person's access token still holds: client authentication, the token's signature verified, one row read.

use axum::http::{HeaderName, HeaderValue};
use futures_util::{FutureExt as _, future::BoxFuture};

use super::{
    Place, Ready, Worker,
    browser::{self, phone},
    form,
};
use crate::{
    demo::bench::{
        http::{Call, Failure, Http},
        target::Target,
    },
    model::urls::path,
};

struct Application {
    headers: [(HeaderName, HeaderValue); 0],
    form: String,
}

pub(super) fn prepare<'a>(target: &'a Target, place: Place, http: &'a mut Http) -> BoxFuture<'a, Ready> {
    async move {
        let mut browser = browser::signed_in(target, place, http).await?;
        let code = browser.code(http, &target.web, &phone(target, place)?).await?;
        let token = code.exchange(http, &target.web).await?.member("access_token")?;
        let form = form(&[("client_id", &target.web.id), ("client_secret", target.web.secret.expose()), ("token", &token)]);
        Ok(Box::new(Application { headers: [], form }) as Box<dyn Worker>)
    }
    .boxed()
}

impl Worker for Application {
    fn once<'a>(&'a mut self, http: &'a mut Http) -> BoxFuture<'a, Result<(), Failure>> {
        async {
            let answer = http.expect(Call::post(path::INTROSPECT, &self.headers, &self.form), 200).await?;
            // RFC 7662 §2.2: of a token that does not hold nothing is told but that
            answer.member("sub").map(drop)
        }
        .boxed()
    }
}
