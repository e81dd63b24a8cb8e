//! GET /.well-known/… (security requirements §2, check-list A).

use std::collections::BTreeSet;

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::support::{
    person::{Arrival, Person},
    server::TestServer,
    tokens::{
        Answer, Ask, Credentials, change, claims, code, decode, exchange, http, in_process, introspect, machine_token,
        parameter, refresh, revoke, token, tokens, userinfo,
    },
};

const DOCUMENT: &str = "/.well-known/openid-configuration";
const RFC_8414: &str = "/.well-known/oauth-authorization-server";
const JWKS: &str = "/.well-known/openid-configuration/jwks";
const WEBAPP: &str = "@myorg.is/webapp";

async fn get(server: &TestServer, path: &str) -> Answer {
    Answer::to(http().get(format!("{}{path}", server.address))).await
}

fn list(document: &Value, member: &str) -> Vec<String> {
    let list = document[member].as_array().unwrap_or_else(|| panic!("{member}: {document}"));
    list.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn disc_01_the_documents_are_the_same_whatever_the_host() {
    let server = TestServer::start().await;
    // a node with an address of its own: both its name and the issuer's are Hosts of ours
    let second = server.second_node().await;
    for path in [DOCUMENT, RFC_8414, JWKS] {
        let expected = get(&server, path).await;
        assert_eq!((expected.status, expected.header("content-type")), (200, Some("application/json")), "no redirect");
        for host in [&server.issuer, &second.address] {
            let request =
                http().get(format!("{}{path}", second.address)).header(header::HOST, host.trim_start_matches("http://"));
            let request = request
                .header("x-forwarded-host", "evil.example")
                .header("x-forwarded-proto", "https")
                .header("forwarded", "host=evil.example;proto=https")
                .header("x-original-url", "/evil")
                .header("x-forwarded-prefix", "/evil");
            let answer = Answer::to(request).await;
            assert_eq!((answer.status, &answer.body), (200, &expected.body), "{host}");
        }
        let elsewhere = Answer::to(http().get(format!("{}{path}", server.address)).header(header::HOST, "evil.example")).await;
        assert_eq!(elsewhere.status, 421);
        assert!(!elsewhere.body.contains("evil"));
    }
    let document = get(&server, DOCUMENT).await.json();
    assert_eq!(document["issuer"], server.issuer.as_str());
    for (member, value) in document.as_object().unwrap() {
        assert!(!value.is_null(), "{member}");
        if member.ends_with("_endpoint") || member == "jwks_uri" {
            assert!(value.as_str().unwrap().starts_with(&format!("{}/", server.issuer)), "{member}");
        }
    }
}

#[tokio::test]
async fn disc_03_both_names_agree_and_nothing_beside_them_is_answered() {
    let server = TestServer::start().await;
    assert_eq!(get(&server, DOCUMENT).await.body, get(&server, RFC_8414).await.body);
    for path in [
        "/.well-known/openid-configuration/",
        "/.well-known/Openid-Configuration",
        "//.well-known/openid-configuration",
        "/.well-known/openid-configuration.json",
        "/.well-known/openid-configuration/jwks/",
        "/.well-known/",
    ] {
        assert_eq!(get(&server, path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn disc_04_the_key_set_holds_public_members_only() {
    let server = TestServer::start().await;
    let jwks = get(&server, JWKS).await.json();
    assert_eq!(jwks.as_object().unwrap().len(), 1);
    let keys = jwks["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    for key in keys {
        let members: BTreeSet<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, BTreeSet::from(["alg", "e", "kid", "kty", "n", "use"]));
        assert_eq!(
            (&key["kty"], &key["use"], &key["alg"], &key["e"]),
            (&json!("RSA"), &json!("sig"), &json!("RS256"), &json!("AQAB"))
        );
        let n = ias::base::digest::from_base64url(key["n"].as_str().unwrap()).unwrap();
        assert!(n.len() >= 256 && n[0] != 0, "2048 bits, no leading zero octet (check-list 16)");
        // RFC 7638
        let members = format!(r#"{{"e":"AQAB","kty":"RSA","n":"{}"}}"#, key["n"].as_str().unwrap());
        let thumbprint = ias::base::digest::base64url(ias::base::digest::sha256(&[members.as_bytes()]));
        assert_eq!(key["kid"], thumbprint.as_str());
    }
    assert_eq!(decode(&machine_token(&server).await).0["kid"], keys[0]["kid"]);
}

#[tokio::test]
async fn disc_05_caches_may_keep_them_for_an_hour_and_ask_whether_they_have_changed() {
    let server = TestServer::start().await;
    for path in [DOCUMENT, RFC_8414, JWKS] {
        let whole = get(&server, path).await;
        let etag = whole.header("etag").unwrap().to_owned();
        assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 10);
        let head = Answer::to(http().head(format!("{}{path}", server.address))).await;
        for answer in [&whole, &head] {
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("cache-control"), Some("public, max-age=3600"));
            assert_eq!(answer.header("etag"), Some(etag.as_str()));
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("content-length"), Some(whole.body.len().to_string().as_str()));
            // HTTP-15: anybody may read them, without credentials
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
            assert_eq!(answer.header("access-control-allow-credentials"), None);
            assert_eq!((answer.header("x-content-type-options"), answer.header("set-cookie")), (Some("nosniff"), None));
        }
        assert_eq!(head.body, "");
        for (tags, status) in [
            (etag.clone(), 304),
            (format!("W/{etag}"), 304),
            (format!("\"other\", {etag}"), 304),
            ("*".to_owned(), 304),
            ("\"other\"".to_owned(), 200),
            (etag.trim_matches('"').to_owned(), 200),
        ] {
            let request = http().get(format!("{}{path}", server.address)).header(header::IF_NONE_MATCH, &tags);
            let answer = Answer::to(request).await;
            assert_eq!((answer.status, answer.body.is_empty()), (status, status == 304), "{tags}");
            assert_eq!(answer.header("etag"), Some(etag.as_str()));
            assert_eq!(answer.header("cache-control"), Some("public, max-age=3600"));
        }
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let answer = Answer::to(http().request(method, format!("{}{path}", server.address))).await;
            assert_eq!((answer.status, answer.header("cache-control")), (405, Some("no-store")));
            assert!(answer.header("allow").unwrap().contains("GET"));
        }
    }
    // KEY-04: a cache has the new key long before it signs
    assert!(server.app.key_lifetimes().announce > 2 * time::Duration::hours(1));
    let before = get(&server, DOCUMENT).await;
    change(&server, "update scopes set show_in_discovery = false where name = '@myorg.is/documents:read'").await;
    let after = get(&server, DOCUMENT).await;
    assert_ne!(before.header("etag"), after.header("etag"));
    assert!(!list(&after.json(), "scopes_supported").contains(&"@myorg.is/documents:read".to_owned()));
}

#[tokio::test]
async fn discovery_costs_no_statement() {
    let server = TestServer::start().await;
    for path in [DOCUMENT, RFC_8414, JWKS] {
        let (answer, counter) = in_process(&server, axum::http::Request::get(path), String::new()).await;
        assert_eq!((answer.status, counter.count()), (200, 0), "{:?}", counter.texts());
    }
}

#[tokio::test]
async fn disc_02_the_document_has_exactly_these_members() {
    let server = TestServer::start().await;
    let document = get(&server, DOCUMENT).await.json();
    let at = |path: &str| format!("{}{path}", server.issuer);
    assert_eq!(
        document,
        json!({
            "issuer": server.issuer,
            "authorization_endpoint": at("/connect/authorize"),
            "token_endpoint": at("/connect/token"),
            "userinfo_endpoint": at("/connect/userinfo"),
            "revocation_endpoint": at("/connect/revocation"),
            "introspection_endpoint": at("/connect/introspect"),
            "end_session_endpoint": at("/connect/endsession"),
            "jwks_uri": at(JWKS),
            "scopes_supported": [
                "openid", "profile", "offline_access", "@myorg.is/documents:read", "@myorg.is/documents:write",
                "@otherorg.is/cases:read"
            ],
            "claims_supported": ["sub", "nationalId", "subjectType", "name", "auth_time", "acr", "amr", "sid"],
            "acr_values_supported": ["eidas-loa-high"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "form_post"],
            "grant_types_supported": [
                "authorization_code", "refresh_token", "client_credentials",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
            "token_endpoint_auth_signing_alg_values_supported": ["PS256", "ES256", "RS256", "EdDSA"],
            "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
            "revocation_endpoint_auth_signing_alg_values_supported": ["PS256", "ES256", "RS256", "EdDSA"],
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "introspection_endpoint_auth_signing_alg_values_supported": ["PS256", "ES256", "RS256", "EdDSA"],
            "code_challenge_methods_supported": ["S256"],
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "ui_locales_supported": ["is", "en"],
            "claim_types_supported": ["normal"],
            "claims_parameter_supported": false,
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
            "authorization_response_iss_parameter_supported": true,
        })
    );
}

#[tokio::test]
async fn disc_02_every_endpoint_method_grant_scope_and_claim_of_the_document_works() {
    let server = TestServer::start().await;
    let document = get(&server, DOCUMENT).await.json();
    let mut person = Person::new();
    let ask = Ask::new(WEBAPP, "openid profile @myorg.is/documents:read");
    let callback = ask.answer(&server, &mut person).await;
    assert_eq!(parameter(&callback, "iss").as_deref(), document["issuer"].as_str());

    // endpoints: asked with nothing, each answers in its own way
    for (member, status) in
        [("authorization_endpoint", 400), ("end_session_endpoint", 200), ("userinfo_endpoint", 401), ("jwks_uri", 200)]
    {
        let answer = Answer::to(http().get(document[member].as_str().unwrap())).await;
        assert_eq!(answer.status, status, "{member}");
    }
    for member in ["token_endpoint", "revocation_endpoint", "introspection_endpoint"] {
        let bare = Answer::to(http().post(document[member].as_str().unwrap()).form(&[("a", "b")])).await;
        bare.is_refusal(401, "invalid_client");
    }

    for method in list(&document, "token_endpoint_auth_methods_supported") {
        let client_id = match method.as_str() {
            "client_secret_basic" => "@myorg.is/delegations",
            "client_secret_post" => WEBAPP,
            "none" => "@myorg.is/app",
            // token/private_key_jwt.rs proves it with each algorithm that the document names
            "private_key_jwt" => continue,
            other => panic!("{other}"),
        };
        let token = tokens(&server, &mut person, client_id, "openid").await.text("access_token");
        let is_confidential = list(&document, "introspection_endpoint_auth_methods_supported").contains(&method);
        assert_eq!(introspect(&server, client_id, &token).await.status, if is_confidential { 200 } else { 401 });
        assert!(list(&document, "revocation_endpoint_auth_methods_supported").contains(&method));
        assert_eq!(revoke(&server, client_id, &token).await.status, 200);
    }
    for grant in list(&document, "grant_types_supported") {
        let answer = match grant.as_str() {
            "authorization_code" => exchange(&server, &code(&server, &mut person, WEBAPP, "openid").await).await,
            "refresh_token" => {
                let first = tokens(&server, &mut person, WEBAPP, "openid offline_access").await.text("refresh_token");
                refresh(&server, WEBAPP, &first).await
            }
            "client_credentials" => {
                let form = [("grant_type", "client_credentials"), ("scope", "@myorg.is/documents:read")];
                token(&server, Credentials::of("@myorg.is/worker"), &form).await
            }
            "urn:ietf:params:oauth:grant-type:token-exchange" => {
                let allowed = "update clients set grant_types = array_append(grant_types, \
                               'urn:ietf:params:oauth:grant-type:token-exchange') where client_id = '@myorg.is/worker'";
                change(&server, allowed).await;
                let scope = "openid @myorg.is/documents:read";
                let subject_token = tokens(&server, &mut person, WEBAPP, scope).await.text("access_token");
                let token_type = "urn:ietf:params:oauth:token-type:access_token";
                let form = [("grant_type", &*grant), ("subject_token", &*subject_token), ("subject_token_type", token_type)];
                token(&server, Credentials::of("@myorg.is/worker"), &form).await
            }
            other => panic!("{other}"),
        };
        assert_eq!(answer.status, 200, "{grant}");
    }
    for scope in list(&document, "scopes_supported") {
        let client_id = if scope.starts_with("@otherorg.is/") { "@otherorg.is/portal" } else { WEBAPP };
        let asked = if scope == "openid" { scope.clone() } else { format!("openid {scope}") };
        assert_eq!(tokens(&server, &mut person, client_id, &asked).await.text("scope"), asked);
    }
    let answer = tokens(&server, &mut person, WEBAPP, "openid profile").await;
    let (header, id_token) = decode(&answer.text("id_token"));
    assert_eq!(list(&document, "id_token_signing_alg_values_supported"), [header["alg"].as_str().unwrap()]);
    let userinfo = userinfo(&server, &answer.text("access_token")).await.json();
    for claim in list(&document, "claims_supported") {
        assert!(id_token.get(&claim).is_some() || userinfo.get(&claim).is_some(), "{claim}");
    }
    for acr in list(&document, "acr_values_supported") {
        let asked = Ask::new(WEBAPP, "openid").with("acr_values", &acr).code(&server, &mut person).await;
        assert_eq!(claims(&exchange(&server, &asked).await.text("id_token"))["acr"], acr.as_str());
    }
    // `public`: the same person is the same subject for every client
    let other = tokens(&server, &mut person, "@otherorg.is/portal", "openid").await;
    assert_eq!(claims(&other.text("id_token"))["sub"], id_token["sub"]);
}

#[tokio::test]
async fn disc_02_every_parameter_value_of_the_document_is_accepted_and_no_other() {
    let server = TestServer::start().await;
    let document = get(&server, DOCUMENT).await.json();
    let mut person = Person::new();
    tokens(&server, &mut person, WEBAPP, "openid").await;
    let ask = || Ask::new(WEBAPP, "openid");
    for mode in list(&document, "response_modes_supported") {
        match mode.as_str() {
            "query" => drop(ask().with("response_mode", &mode).code(&server, &mut person).await),
            "form_post" => {
                person.stop_at("nowhere");
                person.get(ask().with("response_mode", &mode).url(&server)).await;
                let form = &person.page().forms()[0];
                assert!(form.action.as_str() == "https://app.myorg.is/oauth/callback" && form.has_field("code"));
            }
            other => panic!("{other}"),
        }
    }
    for prompt in list(&document, "prompt_values_supported") {
        let url = ask().with("prompt", &prompt).url(&server);
        person.stop_at("https://app.myorg.is/");
        match prompt.as_str() {
            "none" => assert!(parameter(&person.get(url).await.stopped(), "code").is_some()),
            "login" | "select_account" | "consent" => {
                assert!(matches!(person.get(url).await, Arrival::Page), "{prompt} shows a page");
                assert_eq!(person.page().status, 200);
            }
            other => panic!("{other}"),
        }
    }
    for locale in list(&document, "ui_locales_supported") {
        let mut stranger = Person::new();
        stranger.get(ask().with("ui_locales", &locale).url(&server)).await;
        assert!(stranger.page().html.contains(&format!("<html lang=\"{locale}\"")), "{locale}");
    }
    for (name, value, error) in [
        ("response_mode", "fragment", "invalid_request"),
        ("request", "a.b.c", "request_not_supported"),
        ("request_uri", "https://app.myorg.is/request", "request_uri_not_supported"),
        ("acr_values", "eidas-loa-low", "unmet_authentication_requirements"),
    ] {
        assert_eq!(ask().with(name, value).silent_error(&server, &mut person).await, error, "{name}={value}");
    }
    let plain = ask().without_pkce().with("code_challenge", &"a".repeat(43)).with("code_challenge_method", "plain");
    assert_eq!(plain.silent_error(&server, &mut person).await, "invalid_request");
    let mut implicit = ask().url(&server).to_string().replace("response_type=code", "response_type=token");
    person.stop_at("https://app.myorg.is/");
    let refused = person.get(&implicit).await.stopped();
    assert_eq!(parameter(&refused, "error").as_deref(), Some("unsupported_response_type"));
    implicit = implicit.replace("response_type=token", "response_type=id_token");
    let refused = person.get(&implicit).await.stopped();
    assert_eq!(parameter(&refused, "error").as_deref(), Some("unsupported_response_type"));
    // claims_parameter_supported is false: no claim is given on demand
    let with_claims = ask().with("claims", r#"{"id_token":{"name":{"essential":true}}}"#);
    let answer = exchange(&server, &with_claims.code(&server, &mut person).await).await;
    assert_eq!(claims(&answer.text("id_token")).get("name"), None);
}

#[tokio::test]
async fn ops_05_security_txt_names_the_contact_where_there_is_one() {
    let server = TestServer::start().await;
    let url = format!("{}/.well-known/security.txt", server.address);
    assert_eq!(http().get(&url).send().await.unwrap().status(), 404);
    let server =
        TestServer::start_with(|settings| settings.server.security_contact = Some("mailto:oryggi@example.is".into())).await;
    let url = format!("{}/.well-known/security.txt", server.address);
    let response = http().get(&url).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &"text/plain; charset=utf-8".parse().unwrap())
    );
    let text = response.text().await.unwrap();
    let expires = text.lines().find_map(|line| line.strip_prefix("Expires: ")).unwrap();
    let expires = time::OffsetDateTime::parse(expires, &time::format_description::well_known::Rfc3339).unwrap();
    let left = expires - server.app.clock.now();
    assert!(left > time::Duration::days(170) && left < time::Duration::days(365), "RFC 9116 section 2.5.5: {left}");
    assert!(text.starts_with("Contact: mailto:oryggi@example.is\n"), "{text}");
    assert!(text.ends_with(&format!("Canonical: {}/.well-known/security.txt\n", server.app.urls.issuer())), "{text}");
}
