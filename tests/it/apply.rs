//! `ias apply` on a database: the demo's files, edits of them, and every way in which files are refused.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use ias::{
    base::{digest, secret::Secret, text::Language},
    flows::{
        admin::change::{Change, Kind},
        apply::{self, ApplyError, Options},
    },
    model::{
        client::{ClientType, TokenEndpointAuthMethod},
        environment::Environment,
        identity_provider::{DriverSettings, IdentityProviderKind},
        settings::production,
    },
    store::{configuration, snapshot},
};
use sqlx::PgPool;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime, macros::datetime};

use crate::support::database::TestDatabase;

const NOW: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);
const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo");
const ANCHOR: &str = include_str!("../data/simulator_anchor.pem");

/// A database and a folder of files that are applied to it.
struct Stage {
    database: TestDatabase,
    pool: PgPool,
    folder: TempDir,
    environment: Environment,
    now: OffsetDateTime,
}

impl Stage {
    async fn new(environment: Environment) -> Self {
        let database = TestDatabase::new().await;
        let pool = database.serving_pool().await;
        Self { database, pool, folder: tempfile::tempdir().unwrap(), environment, now: NOW }
    }

    /// A stage with the demo's files in its folder.
    async fn with_demo() -> Self {
        let stage = Self::new(Environment::Development).await;
        for entry in fs::read_dir(DEMO).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), stage.folder.path().join(entry.file_name())).unwrap();
        }
        stage
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).unwrap();
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.folder.path().join(file)).unwrap();
        assert!(text.contains(from), "{file} holds {from}");
        self.write(file, &text.replacen(from, to, 1));
    }

    async fn apply(&self) -> Result<Vec<Change>, ApplyError> {
        self.apply_path(self.folder.path()).await
    }

    async fn apply_path(&self, path: &Path) -> Result<Vec<Change>, ApplyError> {
        let variables = variables();
        let options = Options { environment: self.environment, now: self.now, variables: &variables, secret: &secret };
        apply::apply(&self.pool, path, options).await
    }

    /// What the files are refused for, without the folder's name.
    async fn faults(&self) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        match self.apply().await {
            Err(ApplyError::Faults(faults)) => faults.iter().map(|fault| fault.to_string().replace(&folder, "")).collect(),
            other => panic!("the files are faulty, but: {other:?}"),
        }
    }

    async fn version(&self) -> i64 {
        snapshot::version(&self.pool).await.unwrap()
    }
}

fn variables() -> BTreeMap<String, String> {
    let variables = [
        ("APP", "http://localhost:8072"),
        ("SIMULATOR", "http://localhost:8090"),
        ("SIMULATOR_ANCHORS", ANCHOR),
        ("SIMULATOR_INTERMEDIATES", ANCHOR),
        ("CONFORMANCE_CALLBACK", "https://localhost.emobix.co.uk:8443/test/a/ias/callback"),
        ("CONFORMANCE_LOGOUT", "https://localhost.emobix.co.uk:8443/test/a/ias/post_logout_redirect"),
    ];
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// A secret of 43 characters for each name that ends in `_SECRET`.
fn secret(name: &str) -> Option<Secret<String>> {
    let text = || digest::base64url(digest::sha256(&[name.as_bytes()]));
    name.ends_with("_SECRET").then(|| Secret::new(text()))
}

fn hash_of(name: &str) -> [u8; 32] {
    digest::sha256(&[secret(name).unwrap().expose().as_bytes()])
}

fn changed(changes: &[Change]) -> Vec<String> {
    changes.iter().filter(|change| change.kind != Kind::Unchanged).map(ToString::to_string).collect()
}

const MYORG: &str = r#"
organisations:
  - domain: myorg.is
    national_id: "4099000019"
    display_name: {is: Stofnunin mín}
"#;

fn client(lines: &str) -> String {
    let secret = "secrets: [{label: a, value_env: A_SECRET}]";
    format!(
        "clients:\n  - client_id: \"@myorg.is/a\"\n    client_type: web\n    display_name: {{is: A}}\n    {secret}\n{lines}"
    )
}

#[tokio::test]
async fn the_demo_applies_and_is_served_from_the_snapshot() {
    let stage = Stage::with_demo().await;
    let changes = stage.apply().await.unwrap();
    assert!(changes.iter().all(|change| change.kind == Kind::Created));
    assert_eq!(changes.len(), 3 + 3 + 1 + 8 + 1);

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

    let [sim] = snapshot.identity_providers() else { panic!("there is one") };
    let DriverSettings::MobileId(settings) = &sim.driver;
    assert_eq!((sim.kind, sim.acr.as_str()), (IdentityProviderKind::Sim, "eidas-loa-high"));
    assert_eq!(settings.base_url, "http://localhost:8090/mid-api");
    assert_eq!(settings.trust.anchors_pem, ANCHOR);
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
    assert!(snapshot::load(&stage.pool).await.unwrap().identity_providers().is_empty());
}

#[tokio::test]
async fn of_two_at_once_the_second_sees_what_the_first_did() {
    let stage = Stage::with_demo().await;
    let (left, right) = tokio::join!(stage.apply(), stage.apply());
    let (left, right) = (changed(&left.unwrap()), changed(&right.unwrap()));
    assert_ne!(left.is_empty(), right.is_empty());
    assert_eq!(left.len() + right.len(), 16);
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
async fn secrets_overlap_while_they_are_changed_cau_09() {
    let stage = Stage::new(Environment::Development).await;
    stage.write("organisations.yaml", MYORG);
    let with = |secrets: &str| {
        let client = client("    redirect_uris: [\"https://a.myorg.is/cb\"]\n");
        client.replace("secrets: [{label: a, value_env: A_SECRET}]", secrets)
    };
    let second = "{label: b, value_file: b.txt, expires_at: \"2027-01-01T00:00:00Z\"}";
    stage.write("b.txt", &format!("{}\n", secret("B_SECRET").unwrap().expose()));
    stage.write("clients.yaml", &with("secrets: [{label: a, value_env: A_SECRET}]"));
    stage.apply().await.unwrap();

    stage.write("clients.yaml", &with(&format!("secrets: [{{label: a, value_env: A_SECRET}}, {second}]")));
    let told = changed(&stage.apply().await.unwrap());
    assert_eq!(told, ["client @myorg.is/a  updated  secrets.b none → set until 2027-01-01T00:00:00Z"]);
    let registered = Arc::clone(snapshot::load(&stage.pool).await.unwrap().client("@myorg.is/a").unwrap());
    let mut hashes: Vec<_> = registered.secrets.iter().map(|secret| (secret.sha256, secret.expires_at)).collect();
    hashes.sort_unstable();
    let mut expected = [(hash_of("A_SECRET"), None), (hash_of("B_SECRET"), Some(datetime!(2027-01-01 0:00 UTC)))];
    expected.sort_unstable();
    assert_eq!(hashes, expected);

    // No word of secrets leaves them as they are; a list is the whole list; a hash stands for its text.
    stage.write("clients.yaml", &with(""));
    assert!(changed(&stage.apply().await.unwrap()).is_empty());
    let hex = hash_of("C_SECRET").map(|byte| format!("{byte:02x}")).concat();
    stage.write("clients.yaml", &with(&format!("secrets: [{{label: a, sha256: {hex}}}]")));
    let told = changed(&stage.apply().await.unwrap());
    assert_eq!(
        told,
        ["client @myorg.is/a  updated  secrets.a set → replaced, secrets.b set until 2027-01-01T00:00:00Z → none"]
    );
    let registered = Arc::clone(snapshot::load(&stage.pool).await.unwrap().client("@myorg.is/a").unwrap());
    assert_eq!(registered.secrets.iter().map(|secret| secret.sha256).collect::<Vec<_>>(), [hash_of("C_SECRET")]);
}

#[tokio::test]
async fn secrets_of_an_api_resource_can_be_changed_and_taken_away() {
    let stage = Stage::with_demo().await;
    stage.apply().await.unwrap();
    stage.edit("api_resources.yaml", "label: demo", "label: new");
    let told = changed(&stage.apply().await.unwrap());
    assert_eq!(told, ["api resource @otherorg.is/cases-api  updated  secrets.new none → set, secrets.demo set → none"]);
}

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
        "b.yaml:21: clients[2].secrets: web and machine clients need a secret",
        "b.yaml:24: clients[3]: expected keys with values",
        "b.yaml:25: identity_provider: unknown key `identity_provider`; did you mean `identity_providers`?",
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
    let faults = production::faults(snapshot.clients().map(Arc::as_ref), snapshot.identity_providers().iter().map(Arc::as_ref));
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
    assert!(snapshot.client("@myorg.is/worker").is_none() && snapshot.is_disabled_client("@myorg.is/worker"));
    assert!(snapshot.client("@otherorg.is/portal").is_none() && snapshot.is_disabled_client("@otherorg.is/portal"));
    assert!(!snapshot.is_disabled_client("@myorg.is/webapp") && !snapshot.is_disabled_client("@myorg.is/unknown"));
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

#[tokio::test]
async fn a_path_without_files_is_refused() {
    let stage = Stage::new(Environment::Development).await;
    assert!(matches!(stage.apply().await, Err(ApplyError::NoFiles(_))));
    let absent = stage.folder.path().join("absent.yaml");
    assert!(matches!(stage.apply_path(&absent).await, Err(ApplyError::Unreadable { .. })));
}
