//! Appendix B of the security requirements: each state change, and what a living session, an unredeemed code, a refresh token and
//! an access token are worth after it (RT-12).

use ias::{
    flows::admin::live_state::{self, Whose},
    model::national_id::NationalId,
};

use crate::support::{
    person::{Arrival, Person},
    server::{NATIONAL_ID, TestServer},
    tokens::{
        Answer, Ask, Code, Credentials, change, claims, code, exchange, introspect, parameter, refresh, token, tokens, userinfo,
    },
};

const WEBAPP: &str = "@myorg.is/webapp";
const WORKER: &str = "@myorg.is/worker";
const SCOPE: &str = "openid profile offline_access @myorg.is/documents:read @myorg.is/documents:write";

/// A person with a living session, an access token and an unredeemed code.
struct Scene {
    server: TestServer,
    person: Person,
    access_token: String,
    refresh_token: String,
    code: Code,
}

impl Scene {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let scene = Self::of(server, Person::new()).await;
        assert_eq!(scene.userinfo().await.status, 200);
        assert_eq!(scene.introspection().await, [true, true]);
        assert_eq!(scene.token_exchange().await.status, 200);
        scene
    }

    async fn of(server: TestServer, mut person: Person) -> Self {
        change(
            &server,
            "update clients set grant_types = grant_types || '{urn:ietf:params:oauth:grant-type:token-exchange}'::text[]
             where client_id = '@myorg.is/worker'",
        )
        .await;
        let given = tokens(&server, &mut person, WEBAPP, SCOPE).await;
        let (access_token, refresh_token) = (given.text("access_token"), given.text("refresh_token"));
        let code = code(&server, &mut person, WEBAPP, SCOPE).await;
        Self { server, person, access_token, refresh_token, code }
    }

    async fn after(sql: &'static str) -> Self {
        let scene = Self::start().await;
        change(&scene.server, sql).await;
        scene
    }

    /// What a silent authorization request is answered; the page's status where the browser stays.
    async fn reuse(&mut self) -> String {
        match Ask::new(WEBAPP, SCOPE).silently(&self.server, &mut self.person).await {
            Arrival::Page => self.person.page().status.as_str().to_owned(),
            Arrival::Stopped(url) => parameter(&url, "error").unwrap_or_else(|| "code".to_owned()),
        }
    }

    async fn redemption(&self) -> Answer {
        exchange(&self.server, &self.code).await
    }

    async fn refresh(&self) -> Answer {
        refresh(&self.server, WEBAPP, &self.refresh_token).await
    }

    async fn userinfo(&self) -> Answer {
        userinfo(&self.server, &self.access_token).await
    }

    /// What the token's client is told of the access token and of the refresh token.
    async fn introspection(&self) -> [bool; 2] {
        let active = async |token: &str| introspect(&self.server, WEBAPP, token).await.json()["active"].as_bool().unwrap();
        [active(&self.access_token).await, active(&self.refresh_token).await]
    }

    /// What a machine of the same organisation gets for the access token.
    async fn token_exchange(&self) -> Answer {
        let grant = "urn:ietf:params:oauth:grant-type:token-exchange";
        let token_type = "urn:ietf:params:oauth:token-type:access_token";
        let form = [("grant_type", grant), ("subject_token", &self.access_token), ("subject_token_type", token_type)];
        token(&self.server, Credentials::of(WORKER), &form).await
    }

    async fn is_all_refused(mut self, reuse: &str) {
        assert_eq!(self.reuse().await, reuse);
        self.redemption().await.is_refusal(400, "invalid_grant");
        self.refresh().await.is_refusal(400, "invalid_grant");
        self.userinfo().await.is_bearer_refusal(401, "invalid_token");
        assert_eq!(self.introspection().await, [false, false]);
        self.token_exchange().await.is_refusal(400, "invalid_request");
    }
}

#[tokio::test]
async fn cod_09_a_blocked_person_has_nothing() {
    Scene::after("update persons set blocked_at = created_at").await.is_all_refused("login_required").await;
}

#[tokio::test]
async fn cod_09_a_person_whose_sign_ins_were_cut_off_has_nothing() {
    let scene = Scene::start().await;
    scene.server.clock.advance(time::Duration::seconds(1));
    change(&scene.server, "update persons set not_before = created_at + interval '1 day'").await;
    scene.is_all_refused("login_required").await;
}

#[tokio::test]
async fn rt_14_a_block_ends_everything_and_its_end_brings_nothing_back() {
    let scene = Scene::start().await;
    let (pool, now) = (&scene.server.app.pool, scene.server.app.clock.now() + time::Duration::SECOND);
    let national_id = NationalId::parse(NATIONAL_ID).unwrap();
    assert!(!live_state::unblock(pool, &national_id, now).await.unwrap(), "nobody is blocked");
    live_state::block(pool, &national_id, now).await.unwrap();
    scene.server.clock.advance(time::Duration::seconds(2));
    let second = scene.server.second_node().await;
    userinfo(&second, &scene.access_token).await.is_bearer_refusal(401, "invalid_token");
    assert!(live_state::unblock(pool, &national_id, now).await.unwrap());
    let server = Scene { server: second, ..scene };
    server.is_all_refused("login_required").await;
}

#[tokio::test]
async fn rt_12_the_latest_not_before_wins_and_a_new_sign_in_begins_anew() {
    let scene = Scene::start().await;
    let (pool, now) = (&scene.server.app.pool, scene.server.app.clock.now());
    let person = || Whose::Person(NationalId::parse(NATIONAL_ID).unwrap());
    let set = async |whose: Whose, not_before| live_state::set_not_before(pool, &whose, not_before, now).await.unwrap();
    // nothing is older than that
    assert!(set(person(), now - time::Duration::hours(1)).await);
    assert!(set(Whose::Client(WEBAPP.into()), now - time::Duration::hours(1)).await);
    assert!(set(Whose::Everybody, now - time::Duration::hours(1)).await);
    assert!(!set(Whose::Client("@myorg.is/nobody".into()), now).await);
    assert!(!set(Whose::Person(NationalId::parse("0101307789").unwrap()), now).await);
    scene.server.app.confirm().await.unwrap();
    assert_eq!(scene.userinfo().await.status, 200);
    assert!(set(person(), now + time::Duration::SECOND).await);
    // never backwards
    assert!(set(person(), now - time::Duration::hours(2)).await);
    scene.server.clock.advance(time::Duration::seconds(2));
    scene.refresh().await.is_refusal(400, "invalid_grant");
    let again = tokens(&scene.server, &mut Person::new(), WEBAPP, SCOPE).await;
    assert_eq!(refresh(&scene.server, WEBAPP, &again.text("refresh_token")).await.status, 200);
    scene.is_all_refused("login_required").await;
}

#[tokio::test]
async fn cod_09_a_disabled_client_has_nothing() {
    let mut scene = Scene::after("update clients set enabled = false where client_id = '@myorg.is/webapp'").await;
    assert_eq!(scene.reuse().await, "400");
    scene.redemption().await.is_refusal(401, "invalid_client");
    scene.refresh().await.is_refusal(401, "invalid_client");
    scene.userinfo().await.is_bearer_refusal(401, "invalid_token");
    introspect(&scene.server, WEBAPP, &scene.access_token).await.is_refusal(401, "invalid_client");
    // INS-03: to a machine of the organisation whose scopes it has
    assert_eq!(introspect(&scene.server, WORKER, &scene.access_token).await.body, r#"{"active":false}"#);
    scene.token_exchange().await.is_refusal(400, "invalid_request");
}

#[tokio::test]
async fn tex_01_a_disabled_client_exchanges_nothing() {
    let scene = Scene::after("update clients set enabled = false where client_id = '@myorg.is/worker'").await;
    scene.token_exchange().await.is_refusal(401, "invalid_client");
    assert_eq!(scene.introspection().await, [true, true]);
    let scene = Scene::after("update clients set grant_types = '{}' where client_id = '@myorg.is/worker'").await;
    scene.token_exchange().await.is_refusal(400, "unauthorized_client");
}

#[tokio::test]
async fn cod_09_the_clients_of_a_disabled_organisation_have_nothing() {
    let mut scene = Scene::after("update organisations set enabled = false where domain = 'myorg.is'").await;
    assert_eq!(scene.reuse().await, "400");
    scene.redemption().await.is_refusal(401, "invalid_client");
    scene.refresh().await.is_refusal(401, "invalid_client");
    scene.userinfo().await.is_bearer_refusal(401, "invalid_token");
    introspect(&scene.server, WEBAPP, &scene.access_token).await.is_refusal(401, "invalid_client");
    scene.token_exchange().await.is_refusal(401, "invalid_client");
}

#[tokio::test]
async fn cod_09_a_client_without_the_grant_gets_no_code_and_redeems_none() {
    let mut scene = Scene::after("update clients set grant_types = '{}' where client_id = '@myorg.is/webapp'").await;
    assert_eq!(scene.reuse().await, "unauthorized_client");
    scene.redemption().await.is_refusal(400, "unauthorized_client");
    scene.refresh().await.is_refusal(400, "unauthorized_client");
    assert_eq!(scene.userinfo().await.status, 200, "no row of the table says otherwise");
    assert_eq!(scene.introspection().await, [true, false]);
}

#[tokio::test]
async fn a_scope_that_was_taken_away_or_disabled_is_absent() {
    for sql in [
        "update clients set scopes = '{@myorg.is/documents:read}' where client_id = '@myorg.is/webapp'",
        "update scopes set enabled = false where name = '@myorg.is/documents:write'",
    ] {
        let mut scene = Scene::after(sql).await;
        assert_eq!(scene.reuse().await, "invalid_scope");
        let redeemed = scene.redemption().await;
        let refreshed = scene.refresh().await;
        for answer in [redeemed, refreshed] {
            assert_eq!(answer.text("scope"), "openid profile offline_access @myorg.is/documents:read");
            assert_eq!(claims(&answer.text("access_token"))["scope"], answer.text("scope"));
        }
        // INS-03: the token still says it, and it is worth nothing
        let told = introspect(&scene.server, WEBAPP, &scene.access_token).await.json();
        assert_eq!(told["scope"], "openid profile offline_access @myorg.is/documents:read");
        assert!(claims(&scene.access_token)["scope"].as_str().unwrap().contains("@myorg.is/documents:write"));
        assert_eq!(scene.userinfo().await.status, 200);
    }
}

#[tokio::test]
async fn cod_09_a_disabled_identity_provider_carries_nothing_on() {
    Scene::after("update identity_providers set enabled = false").await.is_all_refused("unauthorized_client").await;
}

#[tokio::test]
async fn cod_09_an_identity_provider_that_the_client_no_longer_takes_carries_nothing_on() {
    Scene::after("update clients set identity_providers = '{card}' where client_id = '@myorg.is/webapp'")
        .await
        .is_all_refused("login_required")
        .await;
}

#[tokio::test]
async fn cod_09_an_identity_provider_of_another_organisation_carries_nothing_on() {
    Scene::after("update identity_providers set organisation_id = o.id from organisations o where o.domain = 'otherorg.is'")
        .await
        .is_all_refused("unauthorized_client")
        .await;
    let mut scene =
        Scene::after("update identity_providers set organisation_id = o.id from organisations o where o.domain = 'myorg.is'")
            .await;
    assert_eq!(scene.reuse().await, "code");
    assert_eq!(scene.redemption().await.status, 200);
    assert_eq!(scene.userinfo().await.status, 200);
}

/// The person would have to sign in by another one.
#[tokio::test]
async fn a_session_of_a_disabled_identity_provider_is_not_reused_where_another_is_open() {
    let mut scene = Scene::start().await;
    change(&scene.server, "update identity_providers set enabled = false where kind = 'sim'").await;
    assert_eq!(scene.reuse().await, "login_required");
    scene.redemption().await.is_refusal(400, "invalid_grant");
    scene.userinfo().await.is_bearer_refusal(401, "invalid_token");
}

#[tokio::test]
async fn cod_09_a_withdrawn_consent_ends_what_it_allowed() {
    let server = TestServer::start().await;
    change(&server, "update clients set require_consent = true where client_id = '@myorg.is/webapp'").await;
    let mut scene = Scene::of(server, Person::new()).await;
    assert_eq!(scene.reuse().await, "code", "the consent is remembered");
    assert_eq!(scene.userinfo().await.status, 200);
    change(&scene.server, "update consents set withdrawn_at = created_at").await;
    scene.is_all_refused("consent_required").await;
}

#[tokio::test]
async fn cod_09_an_ended_session_carries_nothing_on() {
    let mut scene = Scene::start().await;
    let url = format!("{}/connect/endsession", scene.server.address);
    scene.person.get(url).await;
    scene.person.submit(&[("decision", "logout")]).await;
    assert_eq!(scene.reuse().await, "login_required");
    scene.redemption().await.is_refusal(400, "invalid_grant");
    // D12: offline access outlives the session, and its access tokens with it
    assert_eq!(scene.userinfo().await.status, 200);
    let refreshed = scene.refresh().await;
    assert_eq!(userinfo(&scene.server, &refreshed.text("access_token")).await.status, 200);
    assert_eq!(scene.introspection().await, [true, false], "the refresh token has been used");
    assert_eq!(scene.token_exchange().await.status, 200);
}

#[tokio::test]
async fn ins_03_a_token_without_offline_access_ends_with_the_session() {
    let mut scene = Scene::start().await;
    let scope = SCOPE.replace(" offline_access", "");
    scene.access_token = tokens(&scene.server, &mut scene.person, WEBAPP, &scope).await.text("access_token");
    assert_eq!(scene.token_exchange().await.status, 200);
    let url = format!("{}/connect/endsession", scene.server.address);
    scene.person.get(url).await;
    scene.person.submit(&[("decision", "logout")]).await;
    assert_eq!(scene.introspection().await, [false, true]);
    scene.token_exchange().await.is_refusal(400, "invalid_request");
    scene.userinfo().await.is_bearer_refusal(401, "invalid_token");
}

#[tokio::test]
async fn cod_09_of_a_code_that_is_redeemed_during_a_sign_out_nothing_lives_on() {
    let server = TestServer::start().await;
    let scope = SCOPE.replace(" offline_access", "");
    let mut given = 0;
    for round in 0..20 {
        let mut person = Person::new();
        let code = Ask::new(WEBAPP, &scope).code(&server, &mut person).await;
        person.get(format!("{}/connect/endsession", server.address)).await;
        let (answer, ()) = tokio::join!(exchange(&server, &code), async {
            tokio::time::sleep(std::time::Duration::from_millis(round % 5)).await;
            person.submit(&[("decision", "logout")]).await;
        });
        if answer.status == 200 {
            given += 1;
            userinfo(&server, &answer.text("access_token")).await.is_bearer_refusal(401, "invalid_token");
        } else {
            answer.is_refusal(400, "invalid_grant");
        }
    }
    println!("{given} of 20 codes were redeemed before the sign-out");
}

#[tokio::test]
async fn cod_09_a_clients_not_before_cuts_off_what_was_given_before() {
    let scene = Scene::start().await;
    scene.server.clock.advance(time::Duration::seconds(10));
    change(
        &scene.server,
        "update clients set not_before = (select max(created_at) + interval '5 seconds' from authorization_codes)
         where client_id = '@myorg.is/webapp'",
    )
    .await;
    scene.is_all_refused("login_required").await;
}

#[tokio::test]
async fn cod_09_sto_09_a_not_before_for_all_cuts_off_what_was_given_before() {
    let scene = Scene::start().await;
    scene.server.clock.advance(time::Duration::seconds(10));
    change(
        &scene.server,
        "update configuration set not_before = (select max(created_at) + interval '5 seconds' from authorization_codes)",
    )
    .await;
    scene.is_all_refused("login_required").await;
}

#[tokio::test]
async fn without_the_permission_for_offline_access_there_is_no_refresh_and_no_refresh_token() {
    let scene = Scene::after("update clients set allow_offline_access = false where client_id = '@myorg.is/webapp'").await;
    scene.refresh().await.is_refusal(400, "invalid_grant");
    assert_eq!(scene.introspection().await, [true, false]);
    let redeemed = scene.redemption().await;
    assert_eq!(redeemed.json().get("refresh_token"), None);
    assert_eq!(redeemed.text("scope"), SCOPE.replace(" offline_access", ""));
    let callback = Ask::new(WEBAPP, SCOPE).answer(&scene.server, &mut Person::new()).await;
    assert_eq!(parameter(&callback, "scope").unwrap(), redeemed.text("scope"), "CON-05: not echoed");
}

#[tokio::test]
async fn a_disabled_api_resource_is_no_audience() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let portal = "@otherorg.is/portal";
    let code = code(&server, &mut person, portal, "openid @otherorg.is/cases:read").await;
    change(&server, "update api_resources set enabled = false").await;
    let answer = exchange(&server, &code).await;
    assert_eq!(claims(&answer.text("access_token")).get("aud"), None);
}

/// Each change is known on a node that did not make it, without a request that waits for it.
#[tokio::test]
async fn sto_02_a_change_is_refused_on_the_other_node_within_a_second_or_so() {
    let scene = Scene::start().await;
    let second = scene.server.second_node().await;
    assert_eq!(userinfo(&second, &scene.access_token).await.status, 200);
    change(&scene.server, "update clients set enabled = false where client_id = '@myorg.is/webapp'").await;
    let began = std::time::Instant::now();
    while userinfo(&second, &scene.access_token).await.status == 200 {
        assert!(began.elapsed().as_secs() < 5, "the other node does not notice");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
