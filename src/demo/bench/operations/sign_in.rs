//! A sign-in from the beginning in a new browser: choice, telephone number, waiting, code. The telephone approves at once.

use futures_util::{FutureExt as _, future::BoxFuture};

use super::{Place, Ready, Worker, browser::Browser};
use crate::demo::bench::{
    http::{Failure, Http},
    target::{Client, Target},
};

/// The people of a place sign in one after another: the next is another person, as in life.
struct People {
    phones: Vec<String>,
    next: usize,
    client: Client,
}

pub(super) fn prepare<'a>(target: &'a Target, place: Place, _: &'a mut Http) -> BoxFuture<'a, Ready> {
    async move {
        let phones: Vec<String> = target.phones.iter().skip(place.number).step_by(place.of).cloned().collect();
        Ok(Box::new(People { phones, next: 0, client: target.web.clone() }) as Box<dyn Worker>)
    }
    .boxed()
}

impl Worker for People {
    fn once<'a>(&'a mut self, http: &'a mut Http) -> BoxFuture<'a, Result<(), Failure>> {
        async {
            let phone = self.phones.get(self.next % self.phones.len().max(1)).map_or("", String::as_str);
            let done = Browser::default().code(http, &self.client, phone).await;
            self.next += 1;
            done.map(drop)
        }
        .boxed()
    }
}
