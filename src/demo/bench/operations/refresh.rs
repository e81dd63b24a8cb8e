//! A refresh: the token consumed by one update and committed, two signatures. Each time another family, as in life.

use std::sync::Arc;

use futures_util::{FutureExt as _, future::BoxFuture};

use super::{Place, Ready, Worker, form};
use crate::{
    demo::bench::{
        families::Families,
        http::{Call, Failure, Http},
        target::{Client, Target},
    },
    model::urls::path,
};

struct Application {
    client: Client,
    families: Arc<Families>,
    place: Place,
    turn: usize,
}

pub(super) fn prepare<'a>(target: &'a Target, place: Place, _: &'a mut Http) -> BoxFuture<'a, Ready> {
    async move {
        let families = Arc::clone(&target.families);
        Ok(Box::new(Application { client: target.web.clone(), families, place, turn: 0 }) as Box<dyn Worker>)
    }
    .boxed()
}

impl Application {
    /// Another each time, those of one place never those of another, and neighbours of neither.
    fn next(&mut self) -> usize {
        let own = (self.families.len() / self.place.of).max(1);
        self.turn = (self.turn + 7919) % own;
        self.turn * self.place.of + self.place.number
    }
}

impl Worker for Application {
    fn once<'a>(&'a mut self, http: &'a mut Http) -> BoxFuture<'a, Result<(), Failure>> {
        async {
            let number = self.next();
            let token = self.families.token(number).ok_or_else(|| Failure("too few families".to_owned()))?;
            let body = form(&[
                ("grant_type", "refresh_token"),
                ("client_id", &self.client.id),
                ("client_secret", self.client.secret.expose()),
                ("refresh_token", &token),
            ]);
            let answer = http.expect(Call::post(path::TOKEN, &[], &body), 200).await?;
            self.families.rotated(number);
            if answer.text().contains("\"refresh_token\":\"rt_") { Ok(()) } else { Err(Failure("no successor".to_owned())) }
        }
        .boxed()
    }
}
