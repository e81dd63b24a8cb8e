//! The claims behind a person's access token: its signature verified, one row read.

use axum::http::{HeaderName, HeaderValue, header};
use futures_util::{FutureExt as _, future::BoxFuture};

use super::{
    Place, Ready, Worker,
    browser::{self, phone},
    line,
};
use crate::{
    demo::bench::{
        http::{Call, Failure, Http},
        target::Target,
    },
    model::urls::path,
};

struct Application {
    authorization: [(HeaderName, HeaderValue); 1],
}

pub(super) fn prepare<'a>(target: &'a Target, place: Place, http: &'a mut Http) -> BoxFuture<'a, Ready> {
    async move {
        let mut browser = browser::signed_in(target, place, http).await?;
        let code = browser.code(http, &target.web, &phone(target, place)?).await?;
        let token = code.exchange(http, &target.web).await?.member("access_token")?;
        let authorization = [line(header::AUTHORIZATION, &format!("Bearer {token}"))?];
        Ok(Box::new(Application { authorization }) as Box<dyn Worker>)
    }
    .boxed()
}

impl Worker for Application {
    fn once<'a>(&'a mut self, http: &'a mut Http) -> BoxFuture<'a, Result<(), Failure>> {
        async { http.expect(Call::get(path::USERINFO, &self.authorization), 200).await.map(drop) }.boxed()
    }
}
