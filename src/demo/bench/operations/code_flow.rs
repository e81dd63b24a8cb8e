//! A code for somebody who is signed in already, and its exchange: single sign-on to one more application.

use futures_util::{FutureExt as _, future::BoxFuture};

use super::{
    Place, Ready, Worker,
    browser::{self, Browser},
};
use crate::demo::bench::{
    http::{Failure, Http},
    target::{Client, Target},
};

struct Visitor {
    browser: Browser,
    client: Client,
}

pub(super) fn prepare<'a>(target: &'a Target, place: Place, http: &'a mut Http) -> BoxFuture<'a, Ready> {
    async move {
        let browser = browser::signed_in(target, place, http).await?;
        Ok(Box::new(Visitor { browser, client: target.web.clone() }) as Box<dyn Worker>)
    }
    .boxed()
}

impl Worker for Visitor {
    fn once<'a>(&'a mut self, http: &'a mut Http) -> BoxFuture<'a, Result<(), Failure>> {
        async {
            // nobody's number: a page that asked for one would be a failure
            let code = self.browser.code(http, &self.client, "").await?;
            code.exchange(http, &self.client).await.map(drop)
        }
        .boxed()
    }
}
