//! The discovery document, whole: what a request costs that does nothing.

use futures_util::{FutureExt as _, future::BoxFuture};

use super::{Place, Ready, Worker};
use crate::{
    demo::bench::{
        http::{Call, Failure, Http},
        target::Target,
    },
    model::urls::path,
};

struct Reader;

pub(super) fn prepare<'a>(_: &'a Target, _: Place, _: &'a mut Http) -> BoxFuture<'a, Ready> {
    async { Ok(Box::new(Reader) as Box<dyn Worker>) }.boxed()
}

impl Worker for Reader {
    fn once<'a>(&'a mut self, http: &'a mut Http) -> BoxFuture<'a, Result<(), Failure>> {
        async { http.expect(Call::get(path::OPENID_CONFIGURATION, &[]), 200).await.map(drop) }.boxed()
    }
}
