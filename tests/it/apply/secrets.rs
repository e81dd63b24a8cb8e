//! Secrets of clients and API resources.

use super::*;

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
