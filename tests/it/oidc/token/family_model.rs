//! The family's state machine against a model of it: whatever comes, in whatever order, the server does what the model says, so that
//! there are never two living successors, never a token after a revocation, and in strict mode never a reuse that is forgiven
//! (architecture.md, decisions C, D, E; RT-03 … RT-12).

use std::collections::BTreeMap;

use ias::{base::id::FamilyId, model::refresh_token::RefreshToken};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::support::{
    person::Person,
    server::TestServer,
    tokens::{change, refresh, tokens, userinfo},
};

const WEBAPP: &str = "@myorg.is/webapp";
const INACTIVE: Duration = Duration::minutes(30);
const ABSOLUTE: Duration = Duration::hours(24);
const WINDOW: Duration = Duration::seconds(60);

/// What can happen to a family.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// the newest token is used
    Refresh,
    /// the one before it
    Retry,
    /// one that is some generations older
    Reuse(usize),
    /// time passes
    Wait(i64),
    /// a commit is lost: the row is one generation behind
    Lose,
    /// somebody revokes the family
    Revoke,
    /// the person's earlier authentications become void
    CutOff,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => Just(Event::Refresh),
        3 => Just(Event::Retry),
        1 => (2..4usize).prop_map(Event::Reuse),
        5 => prop_oneof![Just(1), Just(29), Just(30), Just(59), Just(60), Just(1799), Just(1800), Just(40_000)].prop_map(Event::Wait),
        1 => Just(Event::Lose),
        1 => Just(Event::Revoke),
        1 => Just(Event::CutOff),
    ]
}

/// What the model expects of a token that is shown.
#[derive(Debug, PartialEq)]
enum Expected {
    /// tokens, and this generation
    Tokens(usize),
    /// nothing
    Refusal,
}

/// The family as it should be.
struct Model {
    until_used: bool,
    generation: usize,
    used_at: OffsetDateTime,
    auth_time: OffsetDateTime,
    revoked: bool,
    cut_off: bool,
}

impl Model {
    fn lives(&self, now: OffsetDateTime) -> bool {
        !self.revoked && !self.cut_off && now < self.used_at + INACTIVE && now < self.auth_time + ABSOLUTE
    }

    fn show(&mut self, generation: usize, now: OffsetDateTime) -> Expected {
        if self.revoked {
            return Expected::Refusal;
        }
        if generation == self.generation {
            if !self.lives(now) {
                return Expected::Refusal;
            }
            self.generation += 1;
            self.used_at = now;
            return Expected::Tokens(self.generation);
        }
        let retry = self.until_used && generation + 1 == self.generation && now < self.used_at + WINDOW;
        if retry {
            return if self.lives(now) { Expected::Tokens(self.generation) } else { Expected::Refusal };
        }
        self.revoked = true;
        Expected::Refusal
    }
}

/// One family on its way: the model, and every token that was ever given.
struct Walk<'a> {
    server: &'a TestServer,
    id: Uuid,
    model: Model,
    chain: BTreeMap<usize, String>,
    access_token: Option<String>,
    given_at: OffsetDateTime,
}

impl<'a> Walk<'a> {
    /// A new family beside the one that the person signed in for: the clock runs away from the electronic ID's.
    async fn begin(server: &'a TestServer, until_used: bool) -> Self {
        server.clock.advance(Duration::seconds(2));
        let now = server.app.clock.now();
        let first = RefreshToken::first(FamilyId::new(now));
        let made = sqlx::query(
            "insert into families (id, client_id, session_id, actor_id, subject_id, sub, identity_provider, acr, amr, auth_time,
                 scope, code_hash, redirect_uri, secret_hash, inactive_ttl, last_used_at, created_at, absolute_expires_at)
             select $1, client_id, session_id, actor_id, subject_id, sub, identity_provider, acr, amr, $2,
                 scope, code_hash, redirect_uri, $3, 1800, $2, $2, $4
             from families
             order by created_at
             limit 1",
        );
        made.bind(first.family_id)
            .bind(now)
            .bind(&first.secret_hash()[..])
            .bind(now + ABSOLUTE)
            .execute(&server.app.pool)
            .await
            .unwrap();
        let model = Model { until_used, generation: 0, used_at: now, auth_time: now, revoked: false, cut_off: false };
        let chain = BTreeMap::from([(0, first.to_text(server.app.keys().refresh_tokens()))]);
        Self { server, id: first.family_id.0, model, chain, access_token: None, given_at: now }
    }

    async fn happens(&mut self, event: Event) -> Result<(), TestCaseError> {
        match event {
            Event::Refresh => {
                let newest = *self.chain.keys().last().unwrap();
                self.shows(newest).await?;
            }
            Event::Retry if self.model.generation > 0 => self.shows(self.model.generation - 1).await?,
            Event::Reuse(older) if self.model.generation >= older => self.shows(self.model.generation - older).await?,
            Event::Wait(seconds) => self.server.clock.advance(Duration::seconds(seconds)),
            Event::Lose if self.model.generation > 0 => {
                self.execute("update families set generation = generation - 1 where id = $1").await;
                self.model.generation -= 1;
            }
            Event::Retry | Event::Reuse(_) | Event::Lose => {}
            Event::Revoke => {
                self.execute("update families set revoked_at = last_used_at, revoke_reason = 'test' where id = $1").await;
                self.model.revoked = true;
            }
            Event::CutOff => {
                self.execute(
                    "update persons p set not_before = f.auth_time + interval '1 second' from families f
                     where f.id = $1 and p.id = f.actor_id",
                )
                .await;
                self.model.cut_off = true;
            }
        }
        self.access_tokens_follow().await
    }

    async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).bind(self.id).execute(&self.server.app.pool).await.unwrap();
    }

    async fn shows(&mut self, generation: usize) -> Result<(), TestCaseError> {
        let now = self.server.app.clock.now();
        let expected = self.model.show(generation, now);
        let answer = refresh(self.server, WEBAPP, &self.chain[&generation]).await;
        match expected {
            Expected::Refusal => prop_assert_eq!((answer.status, answer.text("error")), (400, "invalid_grant".to_owned())),
            Expected::Tokens(successor) => {
                prop_assert_eq!(answer.status, 200, "{:?}", &answer);
                let text = answer.text("refresh_token");
                let before = self.chain.insert(successor, text.clone());
                prop_assert!(before.is_none_or(|before| before == text), "two successors of one token");
                self.access_token = Some(answer.text("access_token"));
                self.given_at = now;
            }
        }
        Ok(())
    }

    /// What the family gave last holds exactly as long as the family and itself (D4).
    async fn access_tokens_follow(&self) -> Result<(), TestCaseError> {
        let now = self.server.app.clock.now();
        let expected = !self.model.revoked
            && !self.model.cut_off
            && now < self.given_at + Duration::minutes(5)
            && now < self.model.auth_time + ABSOLUTE;
        if let Some(access_token) = &self.access_token {
            prop_assert_eq!(userinfo(self.server, access_token).await.status == 200, expected);
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_a_family_it_does_what_the_model_says() {
    let server = TestServer::start().await;
    tokens(&server, &mut Person::new(), WEBAPP, "openid offline_access").await;
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        for until_used in [false, true] {
            let mode = if until_used {
                "update clients set refresh_token_retry = 'until_used' where client_id = '@myorg.is/webapp'"
            } else {
                "update clients set refresh_token_retry = 'strict' where client_id = '@myorg.is/webapp'"
            };
            runtime.block_on(change(&server, mode));
            let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
            let outcome = runner.run(&vec(event(), 1..24), |events| {
                runtime.block_on(async {
                    let mut walk = Walk::begin(&server, until_used).await;
                    for event in events {
                        walk.happens(event).await?;
                    }
                    Ok(())
                })
            });
            outcome.unwrap_or_else(|failure| panic!("until_used {until_used}: {failure}"));
        }
    })
    .await
    .unwrap();
}
