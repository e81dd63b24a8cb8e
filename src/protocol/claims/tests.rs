//! What is written, to the letter, and what is not read.

use serde_json::json;

use super::*;

fn person() -> AccessTokenClaims {
    AccessTokenClaims {
        nbf: 1,
        exp: 301,
        iat: 1,
        auth_time: Some(0),
        iss: "https://innskra.island.is".into(),
        aud: None,
        client_id: "@myorg.is/webapp".into(),
        act: None,
        sub: Some("s".into()),
        idp: Some("sim".into()),
        jti: "j".into(),
        sid: Some("d".into()),
        scope: "openid profile".parse().unwrap(),
        amr: vec!["pop".into()],
        acr: Some("eidas-loa-high".into()),
        user: UserClaims { national_id: Some("0101302129".into()), ..UserClaims::default() },
        client: ClientClaims::default(),
    }
}

#[test]
fn tok_01_an_access_token_says_exactly_what_the_seed_shows() {
    let written = serde_json::to_value(person()).unwrap();
    assert_eq!(
        written,
        json!({
            "nbf": 1, "exp": 301, "iat": 1, "auth_time": 0, "iss": "https://innskra.island.is",
            "client_id": "@myorg.is/webapp", "sub": "s", "idp": "sim", "nationalId": "0101302129", "jti": "j",
            "sid": "d", "scope": "openid profile", "amr": ["pop"], "acr": "eidas-loa-high",
        })
    );
    assert_eq!(serde_json::from_value::<AccessTokenClaims>(written).unwrap(), person());
}

#[test]
fn cc_02_a_machines_token_says_nothing_of_a_person() {
    let client = ClientClaims::from_iter([
        ("delegation_provider".to_owned(), "x".to_owned()),
        ("id".to_owned(), "@evil.is/other".to_owned()),
    ]);
    let machine = AccessTokenClaims {
        auth_time: None,
        sub: None,
        idp: None,
        sid: None,
        amr: vec![],
        acr: None,
        aud: Audience::new(vec!["@a.is/api".into(), "@b.is/api".into()]),
        user: UserClaims::default(),
        client,
        ..person()
    };
    let written = serde_json::to_value(&machine).unwrap();
    assert_eq!(
        written,
        json!({
            "nbf": 1, "exp": 301, "iat": 1, "iss": "https://innskra.island.is", "aud": ["@a.is/api", "@b.is/api"],
            "client_id": "@myorg.is/webapp", "jti": "j", "scope": "openid profile", "client_delegation_provider": "x",
        })
    );
    let read = serde_json::from_value::<AccessTokenClaims>(written).unwrap();
    assert_eq!(read, machine);
    assert_eq!(read.client.get("delegation_provider"), Some("x"));
    assert_eq!(read.client.get("id"), None);
}

#[test]
fn tex_04_an_exchanged_token_names_the_clients_that_it_came_through() {
    let first = EarlierClient { client_id: "@a.is/web".into(), act: None };
    let earlier = EarlierClient { client_id: "@a.is/api".into(), act: Some(Box::new(first)) };
    let exchanged = AccessTokenClaims { act: Some(earlier), ..person() };
    let written = serde_json::to_value(&exchanged).unwrap();
    assert_eq!(written["act"], json!({ "client_id": "@a.is/api", "act": { "client_id": "@a.is/web" } }));
    assert_eq!(exchanged.clients().collect::<Vec<_>>(), ["@myorg.is/webapp", "@a.is/api", "@a.is/web"]);
    assert_eq!(serde_json::from_value::<AccessTokenClaims>(written).unwrap(), exchanged);
}

#[test]
fn key_07_wrong_types_and_duplicates_are_refused() {
    let good = serde_json::to_string(&person()).unwrap();
    assert!(serde_json::from_str::<AccessTokenClaims>(&good).is_ok());
    for (from, to) in [
        (r#""nbf":1"#, r#""nbf":"1""#),
        (r#""exp":301"#, r#""exp":301.5"#),
        (r#""exp":301"#, r#""exp":null"#),
        (r#""exp":301,"#, ""),
        (r#""iat":1"#, r#""iat":true"#),
        (r#""auth_time":0"#, r#""auth_time":"0""#),
        (r#""scope":"openid profile""#, r#""scope":["openid"]"#),
        (r#""scope":"openid profile""#, r#""scope":"openid  profile""#),
        (r#""amr":["pop"]"#, r#""amr":"pop""#),
        (r#""iss":"#, r#""iss":"https://evil.is","iss":"#),
        (r#""nationalId":"#, r#""nationalId":"1","nationalId":"#),
        (r#""nationalId":"0101302129""#, r#""nationalId":101302129"#),
    ] {
        assert!(good.contains(from), "{from}");
        assert!(serde_json::from_str::<AccessTokenClaims>(&good.replacen(from, to, 1)).is_err(), "{to}");
    }
}

#[test]
fn a_claim_of_a_later_version_is_left_alone() {
    let mut written = serde_json::to_value(person()).unwrap();
    written["cnf"] = json!({ "jkt": "x" });
    assert_eq!(serde_json::from_value::<AccessTokenClaims>(written).unwrap(), person());
}

#[test]
fn an_id_token_holds_the_delegation() {
    let claims = IdTokenClaims {
        iss: "https://innskra.island.is".into(),
        sub: "s".into(),
        aud: "@myorg.is/webapp".into(),
        exp: 301,
        iat: 1,
        auth_time: 0,
        nonce: Some("n".into()),
        acr: "eidas-loa-high".into(),
        amr: vec!["pop".into()],
        sid: "d".into(),
        at_hash: Some("h".into()),
        user: UserClaims {
            national_id: Some("0101302129".into()),
            subject_type: Some(SubjectType::LegalEntity),
            name: Some("Gervimaður Noregur".into()),
            delegation_type: vec!["Custom".into()],
            actor: Some(Actor { national_id: "0101302209".into(), name: "Gervimaður Finnland".into() }),
        },
    };
    let written = serde_json::to_value(&claims).unwrap();
    assert_eq!(
        written,
        json!({
            "iss": "https://innskra.island.is", "sub": "s", "aud": "@myorg.is/webapp", "exp": 301, "iat": 1,
            "auth_time": 0, "nonce": "n", "acr": "eidas-loa-high", "amr": ["pop"], "sid": "d", "at_hash": "h",
            "nationalId": "0101302129", "subjectType": "legalEntity", "name": "Gervimaður Noregur",
            "delegationType": ["Custom"], "actor": { "nationalId": "0101302209", "name": "Gervimaður Finnland" },
        })
    );
    assert_eq!(serde_json::from_value::<IdTokenClaims>(written).unwrap(), claims);
    let shown = format!("{claims:?}");
    assert!(!shown.contains("0101302129") && !shown.contains("Gervimaður Finnland"), "{shown}");
}

#[test]
fn userinfo_leaves_out_what_is_absent() {
    let user = UserClaims { subject_type: Some(SubjectType::Person), ..UserClaims::default() };
    let claims = UserinfoClaims { sub: "s".into(), user };
    assert_eq!(serde_json::to_string(&claims).unwrap(), r#"{"sub":"s","subjectType":"person"}"#);
}

#[test]
fn an_audience_is_a_string_or_an_array() {
    assert_eq!(Audience::new(vec![]), None);
    let one = Audience::new(vec!["a".into()]).unwrap();
    assert_eq!(serde_json::to_value(&one).unwrap(), json!("a"));
    assert!(one.contains("a") && !one.contains("b"));
    assert!(Audience::new(vec!["a".into(), "b".into()]).unwrap().contains("b"));
}

#[test]
fn at_hash_is_the_left_half_of_the_digest() {
    // OpenID Connect Core, the example of §A.4
    assert_eq!(at_hash(Algorithm::Rs256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
}
