//! Secrets that are made one by one: `ias secrets` (CAU-07, CAU-09).

use ias::flows::admin::made_secrets::{self, OwnerName, SecretError};

use super::*;

const WEBAPP: OwnerName<'static> = OwnerName { name: "@myorg.is/webapp", of_api_resource: false };
const API: OwnerName<'static> = OwnerName { name: "@otherorg.is/cases-api", of_api_resource: true };

async fn add(stage: &Stage, owner: OwnerName<'_>, label: &str, end: Option<OffsetDateTime>) -> Result<String, SecretError> {
    let made = made_secrets::add(&stage.pool, stage.environment, owner, label, end, NOW).await?;
    Ok(made.expose().clone())
}

async fn demo() -> Stage {
    let stage = Stage::with_demo().await;
    stage.apply().await.unwrap();
    stage
}

#[tokio::test]
async fn cau_07_a_secret_is_made_with_256_bits_and_a_prefix_and_kept_as_its_hash() {
    let stage = demo().await;
    let version = stage.version().await;
    let (first, second) = (add(&stage, WEBAPP, "new", None).await.unwrap(), add(&stage, API, "new", None).await.unwrap());
    assert_ne!(first, second);
    for secret in [&first, &second] {
        let random = secret.strip_prefix("ias_cs_").expect("the prefix");
        assert_eq!(digest::from_base64url(random).expect("base64url").len(), 32);
    }
    assert_eq!(stage.version().await, version + 2, "the nodes are told");
    let snapshot = snapshot::load(&stage.pool).await.unwrap();
    let hash = |text: &String| digest::sha256(&[text.as_bytes()]);
    let of_client = &snapshot.client(WEBAPP.name).unwrap().secrets;
    assert!(of_client.len() == 2 && of_client.iter().any(|secret| secret.sha256 == hash(&first)));
    let of_api = &snapshot.api_resource(API.name).unwrap().secrets;
    assert!(of_api.len() == 2 && of_api.iter().any(|secret| secret.sha256 == hash(&second)));
}

#[tokio::test]
async fn cau_09_secrets_are_listed_without_their_text_and_taken_away() {
    let stage = demo().await;
    for owner in [WEBAPP, API] {
        let end = NOW + Duration::days(30);
        add(&stage, owner, "new", Some(end)).await.unwrap();
        let listed = made_secrets::list(&stage.pool, owner).await.unwrap();
        let told: Vec<_> = listed.iter().map(|it| (it.label.as_str(), it.created_at, it.expires_at, it.last_used_at)).collect();
        assert_eq!(told, [("demo", NOW, None, None), ("new", NOW, Some(end), None)]);
        made_secrets::remove(&stage.pool, stage.environment, owner, "demo", NOW).await.unwrap();
        let listed = made_secrets::list(&stage.pool, owner).await.unwrap();
        assert_eq!(listed.iter().map(|it| it.label.as_str()).collect::<Vec<_>>(), ["new"]);
    }
    let snapshot = snapshot::load(&stage.pool).await.unwrap();
    assert_eq!(snapshot.client(WEBAPP.name).unwrap().secrets.len(), 1);
}

#[tokio::test]
async fn aud_01_each_edit_of_a_secret_is_audited_without_it_and_leaves_its_owner_to_the_files() {
    let stage = demo().await;
    let owner = stage.database.owner_pool().await;
    let row = async || {
        let row = "select managed_by || version::text from clients where client_id = '@myorg.is/webapp'";
        sqlx::query_scalar::<_, String>(row).fetch_one(&owner).await.unwrap()
    };
    let before = row().await;
    let text = add(&stage, WEBAPP, "new", None).await.unwrap();
    made_secrets::remove(&stage.pool, stage.environment, WEBAPP, "new", NOW).await.unwrap();
    assert_eq!(row().await, before);
    let audit: Vec<String> = sqlx::query_scalar(
        "select detail::text from audit_log where kind = 'configuration_changed' and detail->'changes' ? 'secrets.new' order by id",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    assert_eq!(audit.len(), 2, "{audit:?}");
    assert!(audit.iter().all(|row| row.contains("@myorg.is/webapp") && !row.contains(&text)), "{audit:?}");
    // a file that says nothing of secrets leaves them; one that lists them has the last word
    add(&stage, WEBAPP, "new", None).await.unwrap();
    let told = changed(&stage.apply().await.unwrap());
    assert_eq!(told, ["client @myorg.is/webapp  updated  secrets.new set → none"]);
}

#[tokio::test]
async fn what_cannot_be_done_says_why() {
    let mut stage = demo().await;
    let nobody = OwnerName { name: "@myorg.is/nobody", of_api_resource: false };
    let native = OwnerName { name: "@myorg.is/app", of_api_resource: false };
    let client_of_that_name = OwnerName { of_api_resource: false, ..API };
    let yesterday = Some(NOW - Duration::days(1));
    for (owner, label, end, words) in [
        (nobody, "new", None, "there is no client `@myorg.is/nobody`"),
        (client_of_that_name, "new", None, "there is no client `@otherorg.is/cases-api`"),
        (OwnerName { of_api_resource: true, ..WEBAPP }, "new", None, "there is no API resource `@myorg.is/webapp`"),
        (native, "new", None, "the client is public: it cannot keep a secret"),
        (WEBAPP, "demo", None, "the label `demo` stands in the list already"),
        (WEBAPP, "", None, "the label is required: it tells one secret from another"),
        (WEBAPP, "a\nb", None, "the label may not hold the character U+000A"),
        (WEBAPP, "new", yesterday, "the secret would have expired already"),
    ] {
        let refused = add(&stage, owner, label, end).await.expect_err(words).to_string();
        assert!(refused.starts_with(words), "{refused}");
    }
    let refused = made_secrets::remove(&stage.pool, stage.environment, WEBAPP, "new", NOW).await.unwrap_err();
    assert_eq!(refused.to_string(), "there is no secret `new`");
    stage.environment = Environment::Production;
    let refused = add(&stage, WEBAPP, "new", None).await.unwrap_err();
    assert_eq!(refused.to_string(), "the database belongs to the environment development, not to production");
    assert_eq!(made_secrets::list(&stage.pool, WEBAPP).await.unwrap().len(), 1, "nothing was done");
}

#[tokio::test]
async fn cau_14_a_client_with_keys_needs_no_secret_and_one_without_gets_it_later() {
    let stage = Stage::new(Environment::Production).await;
    stage.write("organisations.yaml", MYORG);
    let keyed = client("    redirect_uris: [\"https://a.myorg.is/cb\"]\n    jwks_uri: https://a.myorg.is/jwks\n");
    let without = |text: String| text.replace("    secrets: [{label: a, value_env: A_SECRET}]\n", "");
    stage.write("clients.yaml", &without(keyed));
    stage.apply().await.unwrap();
    let snapshot = snapshot::load(&stage.pool).await.unwrap();
    let registered = snapshot.client("@myorg.is/a").unwrap();
    assert_eq!(registered.client.token_endpoint_auth_method, TokenEndpointAuthMethod::PrivateKeyJwt);
    assert_eq!(registered.client.jwks_uri.as_deref(), Some("https://a.myorg.is/jwks"));
    assert!(registered.secrets.is_empty());
    assert!(changed(&stage.apply().await.unwrap()).is_empty(), "again");

    stage.write("clients.yaml", &without(client("    redirect_uris: [\"https://a.myorg.is/cb\"]\n")));
    let told = changed(&stage.apply().await.unwrap());
    assert!(told.len() == 1 && told[0].contains("jwks_uri https://a.myorg.is/jwks → none"), "{told:?}");
    let owner = OwnerName { name: "@myorg.is/a", of_api_resource: false };
    add(&stage, owner, "first", None).await.unwrap();
    assert!(changed(&stage.apply().await.unwrap()).is_empty(), "and the file leaves it");
    let snapshot = snapshot::load(&stage.pool).await.unwrap();
    assert_eq!(snapshot.client("@myorg.is/a").unwrap().secrets.len(), 1);
}
