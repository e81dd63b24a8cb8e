//! Every way in which files are refused.

use super::*;

#[tokio::test]
async fn every_kind_of_fault_names_file_line_and_field() {
    let stage = Stage::new(Environment::Development).await;
    stage.write(
        "a.yaml",
        r#"organisations:
  - domain: MyOrg
    national_id: 4099000019
    display_name: {is: "<b>"}
  - domain: myorg.is
    national_id: "4099000019"
    display_name:
      is: Stofnunin mín
      se: x
scopes:
  - name: "@myorg.is/documents:read"
    display_name: {is: Lesa}
    description: {is: Lesa skjöl.}
    claims: [nationalId, email]
  - name: "@myorgs.is/documents:read"
    display_name: {is: Lesa}
    description: {is: Lesa skjöl.}
"#,
    );
    stage.write(
        "b.yaml",
        r#"clients:
  - client_id: "@myorg.is/a"
    client_type: webb
    display_name: {is: A}
    redirect_uris:
      - https://a.myorg.is/cb
  - client_id: "@myorg.is/b"
    client_type: web
    display_name: {is: B}
    redirect_uri: ["https://a.myorg.is/cb"]
    redirect_uris:
      - https://a.myorg.is/cb
      - https://a.myorg.is/cb#x
      - ${APPP}/cb
    access_token_ttl: 5m
    scopes: ["@myorg.is/documents:red"]
    secrets:
      - {label: a, value_env: NOTHING}
      - {label: a, sha256: abc}
      - {label: c, sha25: abc}
  - client_id: "@myorg.is/a"
    client_type: machine
    display_name: {is: A}
    secrets: []
  - clients
identity_provider: []
"#,
    );
    stage.write("c.yaml", "scopes:\n  - name: [\n");
    stage.write("d.yaml", "clients: {}\n");
    let found = stage.faults().await;
    let begins = [
        "a.yaml:2: organisations[0].domain: `MyOrg` is not a domain name",
        "a.yaml:3: organisations[0].national_id: is a number; expected a text (numbers in quotes)", // D14
        "a.yaml:4: organisations[0].display_name.is: may not hold the character U+003C",
        "a.yaml:9: organisations[1].display_name.se: unknown key `se`",
        "a.yaml:14: scopes[0].claims[1]: unknown word `email`; known are nationalId, name, subjectType, actor, delegationType",
        "a.yaml:15: scopes[1].name: unknown organisation `myorgs.is`; did you mean `myorg.is`?",
        "b.yaml:3: clients[0].client_type: unknown word `webb`; did you mean `web`?",
        "b.yaml:10: clients[1].redirect_uri: unknown key `redirect_uri`; did you mean `redirect_uris`?",
        "b.yaml:13: clients[1].redirect_uris[1]: `https://a.myorg.is/cb#x`: The address has a fragment",
        "b.yaml:14: clients[1].redirect_uris[2]: unknown variable `APPP`; did you mean `APP`?",
        "b.yaml:15: clients[1].access_token_ttl: is a text; expected a whole number",
        "b.yaml:16: clients[1].scopes[0]: there is no scope `@myorg.is/documents:red`",
        "b.yaml:18: clients[1].secrets[0].value_env: there is no variable `NOTHING`",
        "b.yaml:19: clients[1].secrets[1].label: `a` stands in the list already",
        "b.yaml:19: clients[1].secrets[1].sha256: is not a SHA-256",
        "b.yaml:20: clients[1].secrets[2]: needs exactly one of sha256, value_env and value_file",
        "b.yaml:20: clients[1].secrets[2].sha25: unknown key `sha25`; did you mean `sha256`?",
        "b.yaml:21: clients[2].client_id: `@myorg.is/a` stands in these files already",
        "b.yaml:24: clients[2].secrets: web and machine clients need a secret",
        "b.yaml:25: clients[3]: expected keys with values",
        "b.yaml:26: identity_provider: unknown key `identity_provider`; did you mean `identity_providers`?",
        "c.yaml:2: unclosed bracket",
        "d.yaml:1: clients: expected a list",
    ];
    for (index, begin) in begins.iter().enumerate() {
        assert!(
            found.get(index).is_some_and(|line| line.starts_with(begin)),
            "{begin}\nis not in place {index} of\n{found:#?}"
        );
    }
    assert_eq!(found.len(), begins.len(), "{found:#?}");
    assert_eq!(stage.version().await, 0);
}

#[tokio::test]
async fn two_organisations_have_no_provider_of_one_kind() {
    let stage = Stage::with_demo().await;
    let second = |organisation: &str| {
        let file = std::fs::read_to_string("config/demo/identity_providers.yaml").unwrap();
        let (sim, _) = file.split_once("\n  - name: app").unwrap();
        sim.replace("- name: sim", &format!("- name: sim-2\n    organisation: {organisation}"))
    };
    stage.write("second.yaml", &second("otherorg.is"));
    let refusal = "second.yaml:4: identity_providers[0].organisation: there is another provider of the kind sim that is not of";
    let found = stage.faults().await;
    assert!(found.len() == 1 && found[0].contains(refusal), "{found:#?}");
    stage.write("second.yaml", &second("otherog.is").replace("kind: sim", "kind: app"));
    let found = stage.faults().await;
    let refusal = "organisation: unknown organisation `otherog.is`; did you mean `otherorg.is`?";
    assert!(found.len() == 1 && found[0].ends_with(refusal), "{found:#?}");
}

#[tokio::test]
async fn eid_09_rows_on_one_broker_that_nothing_tells_apart_are_refused_also_one_by_one() {
    let stage = Stage::with_demo().await;
    let rows = include_str!("../../data/upstream_providers.yaml");
    let alike = rows.replace("acr_accept: { app-auth: ", "acr_accept: { sim-auth: ");
    stage.write("brokers.yaml", &alike);
    let refusal = "identity_providers[1].driver: is the broker and client of the provider audkenni-sim too";
    let found = stage.faults().await;
    assert!(found.len() == 1 && found[0].contains(refusal), "{found:#?}");
    stage.write("brokers.yaml", rows);
    stage.apply().await.unwrap();
    // the other row is in the database alone
    let one = alike.split_once("  - name: audkenni-app").unwrap().1;
    let one = one.split_once("  - name: signicat").unwrap().0;
    stage.write("brokers.yaml", &format!("identity_providers:\n  - name: audkenni-app{one}"));
    let found = stage.faults().await;
    let refusal = refusal.replace("[1]", "[0]");
    assert!(found.len() == 1 && found[0].contains(&refusal), "{found:#?}");
}

#[tokio::test]
async fn it_is_all_or_nothing() {
    let stage = Stage::with_demo().await;
    stage.edit("scopes.yaml", "claims: [nationalId, name]", "claims: [nationalId, phone]");
    assert_eq!(stage.faults().await.len(), 1);
    let snapshot = snapshot::load(&stage.pool).await.unwrap();
    assert_eq!((snapshot.version, snapshot.clients().count(), snapshot.scopes().count()), (0, 0, 0));
}

#[tokio::test]
async fn production_refuses_what_only_other_environments_may_do() {
    let mut stage = Stage::new(Environment::Production).await;
    stage.write("organisations.yaml", MYORG);
    let lines =
        "    access_token_ttl: 301\n    redirect_uris:\n      - https://*.dev.myorg.is/cb\n      - http://localhost:8072/cb\n";
    stage.write("clients.yaml", &client(lines));
    let found = stage.faults().await;
    let begins = [
        "clients.yaml:6: clients[0].access_token_ttl: 301 is not between 1 and 300 seconds",
        "clients.yaml:8: clients[0].redirect_uris[0]: `https://*.dev.myorg.is/cb`: A wildcard (*) is not allowed", // RED-07
        "clients.yaml:9: clients[0].redirect_uris[1]: `http://localhost:8072/cb`: Plain http is not allowed",      // D15
    ];
    assert_eq!(found.len(), begins.len(), "{found:#?}");
    assert!(found.iter().zip(begins).all(|(line, begin)| line.starts_with(begin)), "{found:#?}");

    stage.environment = Environment::Staging;
    stage.edit("clients.yaml", "      - http://localhost:8072/cb\n", "");
    assert!(stage.apply().await.is_ok(), "staging allows it");
    let snapshot = snapshot::load(&stage.pool).await.unwrap();
    let issuer = "https://innskra.island.is".parse().unwrap();
    let settings = ias::config::Settings::development(issuer, Secret::new(String::new()), Secret::new([7; 32])).unwrap();
    let (clients, providers) = (snapshot.clients(), snapshot.identity_providers());
    let faults = production::faults(clients.map(Arc::as_ref), providers.iter().map(Arc::as_ref), &settings.sign_in);
    assert_eq!(faults.len(), 2, "the same rows are refused at the start: {faults:#?}");
}

#[tokio::test]
async fn a_database_belongs_to_one_environment() {
    let mut stage = Stage::new(Environment::Staging).await;
    stage.write("organisations.yaml", MYORG);
    stage.apply().await.unwrap();
    stage.environment = Environment::Production;
    stage.edit("organisations.yaml", "Stofnunin mín", "Stofnunin");
    let refused = stage.apply().await.unwrap_err();
    assert_eq!(refused.to_string(), "the database belongs to the environment staging, not to production");
    assert_eq!(stage.version().await, 1);
    let theirs = configuration::claim_environment(&stage.pool, Environment::Production).await.unwrap();
    assert_eq!(theirs, Environment::Staging);
}

#[tokio::test]
async fn a_path_without_files_is_refused() {
    let stage = Stage::new(Environment::Development).await;
    assert!(matches!(stage.apply().await, Err(ApplyError::NoFiles(_))));
    let absent = stage.folder.path().join("absent.yaml");
    assert!(matches!(stage.apply_path(&absent).await, Err(ApplyError::Unreadable { .. })));
}
