//! What tokens carry (security requirements §4d, check-list D).

use std::collections::BTreeSet;

use ias::{
    base::digest,
    model::{identity_provider::IdentityProviderKind, subject, token_id::TokenId},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    person::Person,
    server::{NATIONAL_ID, TestServer},
    tokens::{Ask, change, claims, decode, exchange, machine_token, tokens, userinfo},
};

const WEBAPP: &str = "@myorg.is/webapp";
const PORTAL: &str = "@otherorg.is/portal";
const NAME: &str = "Gervimaður Ameríka";
const ALL: &str = "openid profile offline_access @myorg.is/documents:read @myorg.is/documents:write";

fn names(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn tok_01_an_access_token_carries_exactly_the_claims_of_the_seed() {
    let server = TestServer::start().await;
    let began = server.app.clock.now().unix_timestamp();
    let ask = Ask::new(WEBAPP, ALL);
    let code = ask.code(&server, &mut Person::new()).await;
    server.clock.advance(time::Duration::seconds(7));
    let answer = exchange(&server, &code).await;
    let (header, claims) = decode(&answer.text("access_token"));
    let kid = server.app.keys().times().next().unwrap().kid.clone();
    assert_eq!(header, json!({ "alg": "RS256", "typ": "at+jwt", "kid": kid }));
    let (sub, sid) = (claims["sub"].as_str().unwrap(), claims["sid"].as_str().unwrap());
    assert_eq!(
        claims,
        json!({
            "nbf": began + 7,
            "exp": began + 307,
            "iat": began + 7,
            "auth_time": began,
            "iss": server.issuer,
            "client_id": WEBAPP,
            "sub": sub,
            "idp": "sim",
            "nationalId": NATIONAL_ID,
            "jti": claims["jti"],
            "sid": sid,
            "scope": ALL,
            "amr": ["hwk", "pin", "mfa"],
            "acr": "eidas-loa-high",
        })
    );
    let session: Uuid = sqlx::query_scalar("select id from sessions").fetch_one(&server.owner().await).await.unwrap();
    assert_eq!(sid, session.to_string());
}

#[tokio::test]
async fn tok_02_the_audience_names_the_resources_of_the_scopes_and_nothing_else() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let aud = |jwt: &str| claims(jwt).get("aud").cloned();
    let none = tokens(&server, &mut person, PORTAL, "openid").await;
    assert_eq!(aud(&none.text("access_token")), None);
    let one = tokens(&server, &mut person, PORTAL, "openid @otherorg.is/cases:read").await;
    assert_eq!(aud(&one.text("access_token")), Some(json!("@otherorg.is/cases-api")));
    assert_eq!(claims(&one.text("id_token"))["aud"], PORTAL, "the ID token is for the client alone (TOK-03)");
    assert_eq!(aud(&machine_token(&server).await), None);
    // scopes of several organisations share a token
    change(
        &server,
        "insert into api_resources (id, organisation_id, name, display_name_is, scopes, enabled, managed_by, version,
             created_at, updated_at)
         select id, organisation_id, '@myorg.is/documents-api', 'x', array[name], true, 'file', 1, created_at, created_at
         from scopes where name = '@myorg.is/documents:read'",
    )
    .await;
    change(
        &server,
        "update clients set scopes = scopes || '@myorg.is/documents:read'::text where client_id = '@otherorg.is/portal'",
    )
    .await;
    let both = tokens(&server, &mut person, PORTAL, "openid @otherorg.is/cases:read @myorg.is/documents:read").await;
    let both = aud(&both.text("access_token")).unwrap();
    let both: BTreeSet<&str> = both.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(both, BTreeSet::from(["@myorg.is/documents-api", "@otherorg.is/cases-api"]));
    assert_eq!(aud(&machine_token(&server).await), Some(json!("@myorg.is/documents-api")));
}

#[tokio::test]
async fn tok_03_an_id_token_carries_the_protocols_claims_and_the_persons_only_where_the_client_wants_them() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let began = server.app.clock.now().unix_timestamp();
    let code = Ask::new(WEBAPP, ALL).with("nonce", "n-0S6_WzA2Mj").code(&server, &mut person).await;
    let answer = exchange(&server, &code).await;
    let access_token = answer.text("access_token");
    let (header, id_token) = decode(&answer.text("id_token"));
    let kid = server.app.keys().times().next().unwrap().kid.clone();
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": kid }));
    let at_hash = digest::base64url(&digest::sha256(&[access_token.as_bytes()])[..16]);
    let access = claims(&access_token);
    assert_eq!(
        id_token,
        json!({
            "iss": server.issuer,
            "sub": access["sub"],
            "aud": WEBAPP,
            "exp": began + 300,
            "iat": began,
            "auth_time": began,
            "nonce": "n-0S6_WzA2Mj",
            "acr": "eidas-loa-high",
            "amr": ["hwk", "pin", "mfa"],
            "sid": access["sid"],
            "at_hash": at_hash,
            "nationalId": NATIONAL_ID,
            "subjectType": "person",
            "name": NAME,
        })
    );
    // switched off: check-list 77, 78
    let bare = tokens(&server, &mut person, "@conformance.is/basic-1", "openid profile").await;
    let id_token = claims(&bare.text("id_token"));
    let expected = ["acr", "amr", "at_hash", "aud", "auth_time", "exp", "iat", "iss", "sid", "sub"];
    assert_eq!(names(&id_token), BTreeSet::from(expected));
    assert_eq!(id_token["sub"], access["sub"], "the same person is the same subject");
    assert_eq!(userinfo(&server, &bare.text("access_token")).await.json()["name"], NAME);
}

#[tokio::test]
async fn tok_04_sub_is_a_keyed_hash_that_outlives_the_rows() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let sub = |jwt: &str| claims(jwt)["sub"].as_str().unwrap().to_owned();
    let first = sub(&tokens(&server, &mut person, WEBAPP, "openid").await.text("access_token"));
    assert_eq!(sub(&tokens(&server, &mut person, PORTAL, "openid").await.text("access_token")), first);
    // at least 128 bits, ASCII, not the national id nor a plain hash of it
    assert!((22..=255).contains(&first.len()) && first.is_ascii() && !first.contains(NATIONAL_ID));
    assert_ne!(first, digest::base64url(digest::sha256(&[NATIONAL_ID.as_bytes()])));
    let key = server.app.keys();
    let of = |kind| subject::sub(key.sub(), NATIONAL_ID, NATIONAL_ID, kind);
    assert_eq!(first, of(IdentityProviderKind::Sim));
    assert_ne!(of(IdentityProviderKind::Sim), of(IdentityProviderKind::App), "it differs by the way to sign in");

    // another person
    let mut other = Person::new().stopping_at("https://app.myorg.is/oauth/callback");
    let ask = Ask::new(WEBAPP, "openid");
    other.sign_in(ask.url(&server), "0000001").await;
    let second = sub(&exchange(&server, &ask.code(&server, &mut other).await).await.text("access_token"));
    assert_ne!(second, first);

    // a database restored from before this person came: new rows, the same subject
    let owner = server.owner().await;
    let id = "select id from persons where national_id = '0101302989'";
    let before: Uuid = sqlx::query_scalar(id).fetch_one(&owner).await.unwrap();
    sqlx::query(
        "truncate persons, subjects, sessions, consents, families, authorization_codes, sign_in_attempts, known_browsers,
             login_restrictions",
    )
    .execute(&owner)
    .await
    .unwrap();
    assert_eq!(sub(&tokens(&server, &mut Person::new(), WEBAPP, "openid").await.text("access_token")), first);
    assert_ne!(sqlx::query_scalar::<_, Uuid>(id).fetch_one(&owner).await.unwrap(), before);
}

#[tokio::test]
async fn tok_05_a_claim_about_a_person_is_there_only_where_a_scope_asks() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let has = |jwt: &str| {
        let claims = claims(jwt);
        ["nationalId", "name", "subjectType", "actor", "delegationType"].map(|name| claims.get(name).is_some())
    };
    // scopes of identity are for the ID token and userinfo, those of an API for the access token
    let bare = tokens(&server, &mut person, WEBAPP, "openid").await;
    assert_eq!(has(&bare.text("access_token")), [false; 5]);
    assert_eq!(has(&bare.text("id_token")), [true, false, true, false, false]);
    let profile = tokens(&server, &mut person, WEBAPP, "openid profile").await;
    assert_eq!(has(&profile.text("access_token")), [false; 5]);
    assert_eq!(has(&profile.text("id_token")), [true, true, true, false, false]);
    let api = tokens(&server, &mut person, WEBAPP, "openid @myorg.is/documents:read").await;
    assert_eq!(has(&api.text("access_token")), [true, false, false, false, false]);
    assert_eq!(has(&api.text("id_token")), [true, false, true, false, false]);
    let cases = tokens(&server, &mut person, PORTAL, "openid @otherorg.is/cases:read").await;
    assert_eq!(has(&cases.text("access_token")), [true, true, false, false, false]);
    assert_eq!(claims(&cases.text("access_token"))["name"], NAME);
    // the scope's claims as they are now
    change(&server, "update scopes set claims = '{subjectType}' where name = '@otherorg.is/cases:read'").await;
    let cases = tokens(&server, &mut person, PORTAL, "openid @otherorg.is/cases:read").await;
    assert_eq!(has(&cases.text("access_token")), [false, false, true, false, false]);
    change(&server, "update scopes set claims = '{}' where name = '@myorg.is/documents:read'").await;
    let api = tokens(&server, &mut person, WEBAPP, "openid @myorg.is/documents:read").await;
    assert_eq!(has(&api.text("access_token")), [false; 5]);
}

#[tokio::test]
async fn tok_06_the_jti_names_the_family_and_is_never_the_same() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        let access_token = tokens(&server, &mut person, WEBAPP, "openid").await.text("access_token");
        let jti = claims(&access_token)["jti"].as_str().unwrap().to_owned();
        let family = TokenId::parse(&jti).unwrap().family_id();
        let sub: String = sqlx::query_scalar("select sub from families where id = $1")
            .bind(family.0)
            .fetch_one(&server.owner().await)
            .await
            .unwrap();
        assert_eq!(claims(&access_token)["sub"], sub.as_str());
        seen.insert(jti);
        seen.insert(claims(&machine_token(&server).await)["jti"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen.len(), 4);
}

#[tokio::test]
async fn fixed_claims_of_a_client_are_in_a_persons_token_only_where_it_says_so() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    change(
        &server,
        r#"update clients set client_claims = '{"region": "north"}', always_send_client_claims = false
           where client_id = '@myorg.is/webapp'"#,
    )
    .await;
    let token = tokens(&server, &mut person, WEBAPP, "openid").await.text("access_token");
    assert_eq!(claims(&token).get("client_region"), None);
    change(&server, "update clients set always_send_client_claims = true where client_id = '@myorg.is/webapp'").await;
    let token = tokens(&server, &mut person, WEBAPP, "openid").await.text("access_token");
    assert_eq!(claims(&token)["client_region"], "north");
}

#[tokio::test]
async fn lifetimes_are_the_clients_own() {
    let server = TestServer::start().await;
    change(&server, "update clients set access_token_ttl = 60, id_token_ttl = 120 where client_id = '@myorg.is/webapp'").await;
    let mut person = Person::new();
    let answer = tokens(&server, &mut person, WEBAPP, "openid").await;
    let lifetime = |jwt: &str| claims(jwt)["exp"].as_i64().unwrap() - claims(jwt)["iat"].as_i64().unwrap();
    assert_eq!(answer.json()["expires_in"], 60);
    assert_eq!((lifetime(&answer.text("access_token")), lifetime(&answer.text("id_token"))), (60, 120));
    server.clock.advance(time::Duration::seconds(59));
    assert_eq!(userinfo(&server, &answer.text("access_token")).await.status, 200);
    server.clock.advance(time::Duration::seconds(1));
    userinfo(&server, &answer.text("access_token")).await.is_bearer_refusal(401, "invalid_token");
}

#[tokio::test]
async fn auth_time_is_that_of_the_sign_in_and_the_same_while_the_session_lives() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let auth_time = |jwt: &str| claims(jwt)["auth_time"].as_i64().unwrap();
    let first = tokens(&server, &mut person, WEBAPP, "openid").await;
    server.clock.advance(time::Duration::seconds(30));
    let second = tokens(&server, &mut person, PORTAL, "openid").await;
    assert_eq!(auth_time(&first.text("id_token")), auth_time(&second.text("id_token")));
    assert_eq!(auth_time(&first.text("id_token")), auth_time(&first.text("access_token")));
    let again = Ask::new(WEBAPP, "openid").with("prompt", "login");
    let third = exchange(&server, &again.code(&server, &mut person).await).await;
    assert_eq!(auth_time(&third.text("id_token")), auth_time(&first.text("id_token")) + 30);
}
