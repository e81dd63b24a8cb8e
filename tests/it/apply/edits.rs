//! What is applied, served and told.

use super::*;

#[tokio::test]
async fn the_demo_applies_and_is_served_from_the_snapshot() {
    let stage = Stage::with_demo().await;
    let changes = stage.apply().await.unwrap();
    assert!(changes.iter().all(|change| change.kind == Kind::Created));
    assert_eq!(changes.len(), 3 + 3 + 1 + 8 + 4);

    let snapshot = snapshot::load(&stage.pool).await.unwrap();
    assert_eq!(snapshot.version, 1);
    let webapp = snapshot.client("@myorg.is/webapp").unwrap();
    let client = &webapp.client;
    assert_eq!(client.client_type, ClientType::Web);
    assert_eq!(client.token_endpoint_auth_method, TokenEndpointAuthMethod::ClientSecretPost);
    assert_eq!((client.inactive_refresh_token_ttl, client.absolute_refresh_token_ttl), (30 * 60, 24 * 60 * 60));
    assert_eq!(client.redirect_uris, ["https://app.myorg.is/oauth/callback", "http://localhost:8072/oauth/callback"]);
    assert_eq!(client.scopes, ["@myorg.is/documents:read", "@myorg.is/documents:write"]);
    assert_eq!(client.initiate_login_uri.as_deref(), Some("http://localhost:8072/login"));
    assert!(client.require_pkce && client.allow_offline_access && !client.prompt_delegations);
    assert_eq!(webapp.organisation.display_name.get(Language::En), "My Org");
    assert_eq!(webapp.secrets.len(), 1);
    assert_eq!(webapp.secrets[0].sha256, hash_of("WEBAPP_SECRET"));
    assert!(Arc::ptr_eq(webapp, snapshot.client_by_row(client.id).unwrap()));

    assert_eq!(snapshot.client("@myorg.is/worker").unwrap().client.client_type, ClientType::Machine);
    assert!(snapshot.client("@myorg.is/app").unwrap().secrets.is_empty());
    assert!(!snapshot.client("@conformance.is/basic-1").unwrap().client.require_pkce);
    assert_eq!(snapshot.clients().count(), 8);

    let scope = snapshot.scope("@myorg.is/documents:read").unwrap();
    assert_eq!(scope.description.get(Language::En), "Read access to the user's documents.");
    assert_eq!(snapshot.organisation(scope.organisation_id).unwrap().domain, "myorg.is");
    assert_eq!(snapshot.scopes().count(), 3);
    assert_eq!(snapshot.resources_of(["openid", "@otherorg.is/cases:read"]), ["@otherorg.is/cases-api"]);
    assert!(snapshot.resources_of(["@myorg.is/documents:read"]).is_empty(), "the seed's token has no aud");

    let [sim, app, card] = snapshot.identity_providers() else { panic!("there are three, and the broker is disabled") };
    assert_eq!((app.name.as_str(), app.kind), ("app", IdentityProviderKind::App));
    assert!(matches!(app.driver, DriverSettings::SmartId(_)));
    assert_eq!((card.name.as_str(), card.kind), ("card", IdentityProviderKind::Card));
    assert!(matches!(card.driver, DriverSettings::Card(_)));
    let DriverSettings::MobileId(settings) = &sim.driver else { panic!("a SIM card") };
    assert_eq!((sim.kind, sim.acr.as_str()), (IdentityProviderKind::Sim, "eidas-loa-high"));
    assert_eq!(settings.base_url, "http://localhost:8090/mid-api");
    assert_eq!(settings.trust.anchors_pem, ANCHOR);
}

#[tokio::test]
async fn a_provider_may_be_one_organisations_own_and_vanishes_with_it() {
    let stage = Stage::with_demo().await;
    stage.edit("identity_providers.yaml", "- name: sim", "- name: sim\n    organisation: myorg.is");
    stage.apply().await.unwrap();
    let accept = |snapshot: &snapshot::Snapshot, client_id: &str| {
        let provider = &snapshot.identity_providers()[0];
        snapshot.client(client_id).unwrap().client.accepts(provider)
    };
    let snapshot = snapshot::load(&stage.pool).await.unwrap();
    assert!(accept(&snapshot, "@myorg.is/webapp") && !accept(&snapshot, "@otherorg.is/portal"));
    stage.edit("organisations.yaml", "- domain: myorg.is", "- domain: myorg.is\n    enabled: false");
    stage.apply().await.unwrap();
    assert!(!has_sim(&snapshot::load(&stage.pool).await.unwrap()));
    // given to everybody
    stage.edit("organisations.yaml", "\n    enabled: false", "");
    stage.edit("identity_providers.yaml", "\n    organisation: myorg.is", "");
    stage.apply().await.unwrap();
    assert!(accept(&snapshot::load(&stage.pool).await.unwrap(), "@otherorg.is/portal"));
}

#[tokio::test]
async fn applying_again_changes_nothing() {
    let mut stage = Stage::with_demo().await;
    stage.apply().await.unwrap();
    stage.now += Duration::hours(1);
    let changes = stage.apply().await.unwrap();
    assert!(changes.iter().all(|change| change.kind == Kind::Unchanged), "{:?}", changed(&changes));
    assert_eq!(stage.version().await, 1);
}

#[tokio::test]
async fn an_edit_is_told_and_counted_once() {
    let mut stage = Stage::with_demo().await;
    stage.apply().await.unwrap();
    stage.now += Duration::hours(1);
    stage.edit(
        "clients.yaml",
        "      - ${APP}/oauth/callback",
        "      - ${APP}/oauth/callback\n      - https://*.dev.myorg.is/cb",
    );
    stage.edit("clients.yaml", "inactive_refresh_token_ttl: 1800 #", "inactive_refresh_token_ttl: 900 #");
    stage.edit("scopes.yaml", "en: Read documents", "en: Read all documents");
    let told = changed(&stage.apply().await.unwrap());
    let expected = [
        "scope @myorg.is/documents:read  updated  display_name changed",
        "client @myorg.is/webapp  updated  inactive_refresh_token_ttl 1800 → 900, redirect_uris +1",
    ];
    assert_eq!(told, expected);
    assert_eq!(stage.version().await, 2, "one edit, whatever the number of rows");

    let snapshot = snapshot::load(&stage.pool).await.unwrap();
    assert_eq!(snapshot.version, 2);
    assert_eq!(snapshot.client("@myorg.is/webapp").unwrap().client.redirect_uris.len(), 3);
    let row: (i64, OffsetDateTime, OffsetDateTime) =
        sqlx::query_as("select version, created_at, updated_at from clients where client_id = '@myorg.is/webapp'")
            .fetch_one(&stage.pool)
            .await
            .unwrap();
    assert_eq!(row, (2, NOW, NOW + Duration::hours(1)));
}

#[tokio::test]
async fn every_noun_can_be_edited() {
    let stage = Stage::with_demo().await;
    stage.apply().await.unwrap();
    stage.edit("organisations.yaml", "4099000019", "4099000027");
    stage.edit("api_resources.yaml", "en: Cases API", "en: The Cases API");
    stage.edit("identity_providers.yaml", "amr: [hwk, pin, mfa]", "amr: [hwk, pin, mfa]\n    enabled: false");
    let expected = [
        "organisation myorg.is  updated  national_id changed",
        "api resource @otherorg.is/cases-api  updated  display_name changed",
        "identity provider sim  updated  enabled true → false",
    ];
    let changes = stage.apply().await.unwrap();
    assert_eq!(changed(&changes), expected);
    assert!(!format!("{changes:?}").contains("40990000"), "D14: no national id for the audit");
    assert!(!has_sim(&snapshot::load(&stage.pool).await.unwrap()));
}

fn has_sim(snapshot: &snapshot::Snapshot) -> bool {
    snapshot.identity_providers().iter().any(|provider| provider.name == "sim")
}

#[tokio::test]
async fn of_two_at_once_the_second_sees_what_the_first_did() {
    let stage = Stage::with_demo().await;
    let (left, right) = tokio::join!(stage.apply(), stage.apply());
    let (left, right) = (changed(&left.unwrap()), changed(&right.unwrap()));
    assert_ne!(left.is_empty(), right.is_empty());
    assert_eq!(left.len() + right.len(), 19);
    assert_eq!(stage.version().await, 1);
}

#[tokio::test]
async fn nodes_that_listen_are_told_the_version() {
    let stage = Stage::with_demo().await;
    let mut listener = sqlx::postgres::PgListener::connect_with(&stage.database.owner_pool().await).await.unwrap();
    listener.listen("configuration").await.unwrap();
    stage.apply().await.unwrap();
    let told = tokio::time::timeout(std::time::Duration::from_secs(10), listener.recv()).await.unwrap().unwrap();
    assert_eq!(told.payload(), "1");
}

#[tokio::test]
async fn a_client_and_a_scope_may_bear_the_same_name() {
    let stage = Stage::new(Environment::Development).await;
    let scope = "scopes:\n  - name: \"@myorg.is/a\"\n    display_name: {is: A}\n    description: {is: A}\n";
    stage.write("all.yaml", &format!("{MYORG}{scope}{}", client("    redirect_uris: [\"https://a.myorg.is/cb\"]\n")));
    let file = stage.folder.path().join("all.yaml");
    assert_eq!(stage.apply_path(&file).await.unwrap().len(), 3, "a single file applies, too");
    let snapshot = snapshot::load(&stage.pool).await.unwrap();
    assert!(snapshot.client("@myorg.is/a").is_some() && snapshot.scope("@myorg.is/a").is_some());
}

#[tokio::test]
async fn what_is_disabled_is_as_if_absent() {
    let stage = Stage::with_demo().await;
    stage.edit("clients.yaml", "client_type: machine", "client_type: machine\n    enabled: false");
    stage.edit("scopes.yaml", "claims: [nationalId]", "claims: [nationalId]\n    enabled: false");
    stage.edit(
        "organisations.yaml",
        "contact_email: vefur@otherorg.is",
        "contact_email: vefur@otherorg.is\n    enabled: false",
    );
    stage.apply().await.unwrap();
    let snapshot = snapshot::load(&stage.pool).await.unwrap();
    assert!(snapshot.client("@myorg.is/worker").is_none());
    assert!(snapshot.client("@otherorg.is/portal").is_none());
    assert!(snapshot.client("@myorg.is/webapp").is_some());
    assert!(snapshot.scope("@myorg.is/documents:read").is_none() && snapshot.scope("@otherorg.is/cases:read").is_none());
    assert!(snapshot.resources_of(["@otherorg.is/cases:read"]).is_empty());
}

#[tokio::test]
async fn an_applied_file_does_not_lift_a_not_before() {
    let stage = Stage::with_demo().await;
    stage.apply().await.unwrap();
    let set = "update clients set not_before = $1 where client_id = '@myorg.is/webapp'";
    sqlx::query(set).bind(NOW).execute(&stage.pool).await.unwrap();
    stage.edit("clients.yaml", "prompt_delegations: false", "prompt_delegations: true");
    stage.apply().await.unwrap();
    let snapshot = snapshot::load(&stage.pool).await.unwrap();
    let client = &snapshot.client("@myorg.is/webapp").unwrap().client;
    assert_eq!((client.not_before, client.prompt_delegations), (Some(NOW), true));
}
