//! A machine's token: client authentication and one signature.

use axum::http::{HeaderName, HeaderValue};
use futures_util::{FutureExt as _, future::BoxFuture};

use super::{Place, Ready, Worker, basic, form};
use crate::{
    demo::bench::{
        http::{Call, Failure, Http},
        target::Target,
    },
    model::urls::path,
};

struct Machine {
    authorization: [(HeaderName, HeaderValue); 1],
    form: String,
}

pub(super) fn prepare<'a>(target: &'a Target, _: Place, _: &'a mut Http) -> BoxFuture<'a, Ready> {
    async {
        let form = form(&[("grant_type", "client_credentials"), ("scope", &target.machine.scope)]);
        Ok(Box::new(Machine { authorization: [basic(&target.machine)?], form }) as Box<dyn Worker>)
    }
    .boxed()
}

impl Worker for Machine {
    fn once<'a>(&'a mut self, http: &'a mut Http) -> BoxFuture<'a, Result<(), Failure>> {
        async { http.expect(Call::post(path::TOKEN, &self.authorization, &self.form), 200).await.map(drop) }.boxed()
    }
}
