//! `ias demo` and its further nodes keep to what README promises to people and to tools.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _, path::Path};

use ias::base::digest;
use nix::sys::signal::Signal;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;
use url::Url;

use super::{
    command::{Ended, Running, demo, demo_json, ended, free_port, ias, processes_about},
    directory::Dir,
};
use crate::{
    clients::example_application::the_example_application_is_used,
    support::{
        database::TestDatabase,
        person::{Arrival, Person},
    },
};

const CALLBACK: &str = "https://app.myorg.is/oauth/callback";
const PERSON: (&str, &str) = ("0102989", "Gervimaður Ameríka");

fn authorize(issuer: &str, more: &str) -> String {
    let challenge = digest::base64url(digest::sha256(&[b"a-verifier-of-the-tests-with-43-characters-.-"]));
    let mut url =
        Url::parse(&format!("{issuer}/connect/authorize?response_type=code&code_challenge_method=S256{more}")).unwrap();
    url.query_pairs_mut()
        .append_pair("client_id", "@myorg.is/webapp")
        .append_pair("redirect_uri", CALLBACK)
        .append_pair("scope", "openid")
        .append_pair("code_challenge", &challenge);
    url.into()
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn has(url: &Url, name: &str) -> bool {
    url.query_pairs().any(|(key, _)| key == name)
}

fn client<'a>(file: &'a Value, client_id: &str) -> &'a Value {
    file["clients"].as_array().unwrap().iter().find(|client| client["client_id"] == client_id).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Ended as asked: nothing is left that runs.
fn assert_clean(ended: &Ended, directory: &Path) {
    assert!(ended.status.success(), "{:?}: {}{}", ended.status, ended.out, ended.err);
    assert!(ended.out.ends_with("stopped; everything is kept for the next start\n"), "{}", ended.out);
    assert_eq!(ended.err, "");
    assert_eq!(processes_about(directory), Vec::<String>::new());
}

fn assert_refused(ended: &Ended, words: &[&str]) {
    assert!(!ended.status.success());
    assert_eq!(ended.out, "");
    for word in words {
        assert!(ended.err.contains(word), "{word} is not in: {}", ended.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_starts_everything_and_tells_people_and_programs_about_it() {
    let (dir, port) = (Dir::new(), free_port());
    let running = Running::demo(dir.path(), port, &["--auto-approve"]).await;
    assert_eq!(running.address(), format!("http://localhost:{port}"));
    let file = demo_json(dir.path());
    tells_programs(&file, port, dir.path());
    let table = running.said.join("\n");
    for list in ["clients", "persons"] {
        for row in file[list].as_array().unwrap() {
            let text = row.get("client_id").or(row.get("phone_number")).unwrap().as_str().unwrap();
            assert!(table.contains(text), "{text} is not in {table}");
        }
    }
    for name in ["demo.json", "ias.log", "state.json"] {
        assert_eq!(fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }

    let webapp = format!("http://localhost:{}", port - 10);
    the_example_application_is_used(Person::new(), &webapp, PERSON.0, PERSON.1).await;
    let worker = client(&file, "@myorg.is/worker");
    assert_eq!(client_credentials(port, "@myorg.is/worker", worker["client_secret"].as_str().unwrap()).await, 200);
    apply_a_client_of_ones_own(dir.path(), port).await;
    let ready = http().get(format!("{}/readyz", file["operations"].as_str().unwrap())).send().await.unwrap();
    assert_eq!(ready.status(), 200);

    // a refused request is found by the id that its page shows
    let mut person = Person::new();
    person.get(format!("http://localhost:{port}/connect/authorize?client_id=nobody")).await;
    let incident = person.page().text_of("#incident").unwrap();
    let log = fs::read_to_string(dir.path().join("ias.log")).unwrap();
    assert!(log.lines().any(|line| line.contains(&incident) && line.contains("refused")), "{incident} is not in {log}");

    let ended = running.end_by(Signal::SIGINT).await;
    assert_eq!(ended.out, "stopping …\nstopped; everything is kept for the next start\n");
    assert_clean(&ended, dir.path());
}

async fn client_credentials(port: u16, client_id: &str, secret: &str) -> StatusCode {
    let form = [("grant_type", "client_credentials"), ("scope", "@myorg.is/documents:read")];
    let request = http().post(format!("http://localhost:{port}/connect/token")).form(&form);
    let client_id: String = form_urlencoded::byte_serialize(client_id.as_bytes()).collect();
    request.basic_auth(client_id, Some(secret)).send().await.unwrap().status()
}

async fn apply_a_client_of_ones_own(directory: &Path, port: u16) {
    let own = Dir::new();
    let text = r#"
clients:
  - client_id: "@myorg.is/mine"
    client_type: machine
    display_name: { is: Mitt, en: Mine }
    secrets: [{ label: first, value_env: MINE_SECRET }]
    scopes: ["@myorg.is/documents:read"]
"#;
    fs::write(own.path().join("mine.yaml"), text).unwrap();
    let secret = digest::base64url([7_u8; 32]);
    let mut command = ias();
    command.arg("apply").arg(own.path()).arg("--demo-dir").arg(directory).env("MINE_SECRET", &secret);
    let applied = ended(command).await;
    assert_eq!(applied.out, "client @myorg.is/mine  created\nthe one node that serves has taken it over\n", "{}", applied.err);
    assert_eq!(client_credentials(port, "@myorg.is/mine", &secret).await, 200, "it is known when the command has ended");
}

fn tells_programs(file: &Value, port: u16, directory: &Path) {
    assert_eq!(keys(file), ["ca_file", "clients", "issuer", "operations", "persons", "scenarios", "simulator", "webapp"]);
    assert_eq!(file["issuer"], format!("http://localhost:{port}"));
    assert_eq!(file["webapp"], format!("http://localhost:{}", port - 10));
    assert!(Path::new(file["ca_file"].as_str().unwrap()).exists());
    for client in file["clients"].as_array().unwrap() {
        assert_eq!(
            keys(client),
            ["client_id", "client_secret", "post_logout_redirect_uris", "redirect_uris", "token_endpoint_auth_method"]
        );
    }
    let names: Vec<_> =
        file["clients"].as_array().unwrap().iter().map(|client| client["client_id"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "@conformance.is/basic-1",
            "@conformance.is/basic-2",
            "@conformance.is/post",
            "@myorg.is/app",
            "@myorg.is/delegations",
            "@myorg.is/webapp",
            "@myorg.is/worker",
            "@otherorg.is/portal"
        ]
    );
    assert_eq!(client(file, "@myorg.is/app")["client_secret"], Value::Null);
    assert_eq!(client(file, "@myorg.is/webapp")["token_endpoint_auth_method"], "client_secret_post");
    let app = format!("http://localhost:{}", port - 10);
    assert_eq!(client(file, "@myorg.is/webapp")["redirect_uris"], json!([CALLBACK, format!("{app}/oauth/callback")]));
    assert_eq!(client(file, "@conformance.is/post")["redirect_uris"][0], format!("{app}/oauth/callback"));
    assert_eq!(file["persons"].as_array().unwrap().len(), 13);
    assert_eq!(keys(&file["persons"][0]), ["name", "national_id", "phone_number"]);
    assert_eq!(keys(&file["scenarios"][0]), ["app_outcome", "card_outcome", "national_id", "outcome", "phone_number"]);
    assert_eq!(file["scenarios"][1]["card_outcome"], "ERR_WEBEID_USER_CANCELLED: declines");
    let simulator = format!("http://localhost:{}", port + 10);
    let play = &file["simulator"]["play"];
    assert_eq!(keys(play), ["behaviour", "broker", "certificate", "load", "mode", "services"]);
    assert_eq!(play["broker"]["request"], format!("PUT {simulator}/control/op/persons/{{national_id}}"));
    assert!(play["behaviour"]["fault"].as_array().unwrap().contains(&json!("wrongOrigin")));
    assert!(play["services"]["ocsp"].as_array().unwrap().contains(&json!("slow")));
    let token = file["simulator"]["token"].as_str().unwrap();
    let brokers = ["audkenni", "signicat", "kenni"].map(|style| format!("{simulator}/op/{style}"));
    let card = &file["simulator"]["card"];
    assert!(card["host"].as_str().unwrap().starts_with("https://localhost:"), "{card}");
    assert!(std::path::Path::new(card["host_ca_file"].as_str().unwrap()).exists(), "{card}");
    assert_eq!(
        file["simulator"],
        json!({
            "wire": format!("{simulator}/mid-api"),
            "app_wire": format!("{simulator}/smart-id-rp/v3"),
            "device_link": format!("{simulator}/device-link"),
            "phone": format!("{simulator}/phone"),
            "control": format!("{simulator}/control"),
            "play": play,
            "token": token,
            "brokers": brokers,
            "card": {
                "sign": format!("{simulator}/card/sign"),
                "shim": format!("{simulator}/card/shim.js"),
                "client_certificate": format!("{simulator}/card/{{national_id}}.p12"),
                "pin": "1234",
                "host": file["simulator"]["card"]["host"],
                "host_ca_file": file["simulator"]["card"]["host_ca_file"],
            },
            "broker_client": { "client_id": "ias-demo", "client_secret": "the-simulated-brokers-secret-of-ias-demo" },
        })
    );
    assert!(token.len() >= 40 && directory.join("state.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_sessions_outlive_a_stop_and_a_kill() {
    let (dir, port) = (Dir::new(), free_port());
    let first = Running::demo(dir.path(), port, &["--auto-approve"]).await;
    let before = demo_json(dir.path());
    let mut person = Person::new().stopping_at(CALLBACK);
    assert!(has(&person.sign_in(authorize(first.address(), ""), PERSON.0).await, "code"));
    assert_clean(&first.end_by(Signal::SIGTERM).await, dir.path());

    let base = "https://localhost.emobix.co.uk:8443/test/a/ias";
    let second = Running::demo(dir.path(), port, &["--conformance-base", base]).await;
    let after = demo_json(dir.path());
    assert_eq!(after["simulator"]["token"], before["simulator"]["token"]);
    for old in before["clients"].as_array().unwrap() {
        let client_id = old["client_id"].as_str().unwrap();
        let new = client(&after, client_id);
        assert_eq!(new["client_secret"], old["client_secret"]);
        if client_id.starts_with("@conformance.is/") {
            let callbacks = [format!("{base}/callback"), format!("{base}/callback?dummy1=lorem&dummy2=ipsum")];
            assert_eq!(new["redirect_uris"], json!(callbacks));
            assert_eq!(new["post_logout_redirect_uris"], json!([format!("{base}/post_logout_redirect")]));
        } else {
            assert_eq!(new, old);
        }
    }
    // without --auto-approve nobody would confirm: the session of the first run is used
    assert!(has(&person.get(authorize(second.address(), "&prompt=none")).await.stopped(), "code"));

    assert!(!second.end_by(Signal::SIGKILL).await.status.success());
    let third = Running::demo(dir.path(), port, &[]).await;
    assert!(has(&person.get(authorize(third.address(), "&prompt=none")).await.stopped(), "code"));
    assert_clean(&third.end_by(Signal::SIGINT).await, dir.path());

    fs::write(dir.path().join("notes.txt"), "somebody's own").unwrap();
    assert_refused(&ended(demo(dir.path(), port, &["--fresh"])).await, &["notes.txt", "--data-dir"]);
    fs::remove_file(dir.path().join("notes.txt")).unwrap();
    let fresh = Running::demo(dir.path(), port, &["--fresh"]).await;
    assert_ne!(
        client(&demo_json(dir.path()), "@myorg.is/webapp")["client_secret"],
        client(&after, "@myorg.is/webapp")["client_secret"]
    );
    assert!(has(&person.get(authorize(fresh.address(), "&prompt=none")).await.stopped(), "error"));
    assert_clean(&fresh.end_by(Signal::SIGINT).await, dir.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_one_node_began_is_finished_by_another() {
    let (dir, port, database) = (Dir::new(), free_port(), TestDatabase::empty().await);
    let url = database.owner().to_url_lossy().to_string();
    let mut command = demo(dir.path(), port, &["--auto-approve"]);
    command.env("DATABASE_URL", &url);
    let first = Running::of(command).await;
    assert!(!dir.path().join("postgres").exists(), "the database is the one that was named");
    let mut command = ias();
    command.args(["serve", "--listen", "127.0.0.1:0", "--demo-dir"]).arg(dir.path()).env("DATABASE_URL", &url);
    let second = Running::of(command).await;
    let operations = second.said[0].strip_prefix("operations ").unwrap();
    assert_ne!(operations, demo_json(dir.path())["operations"]);
    assert_eq!(http().get(format!("{operations}/readyz")).send().await.unwrap().status(), 200);

    let theirs = Url::parse(second.address()).unwrap().port().unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{theirs}/.well-known/openid-configuration");
        let document: Value = http().get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(document["issuer"], first.address());
    }
    let mut person = Person::new().stopping_at(CALLBACK);
    person.get(authorize(first.address(), "")).await;
    let mut page = person.page().url.clone();
    assert_eq!(page.port(), Some(port));
    page.set_port(Some(theirs)).unwrap();
    let mut arrival = person.get(page).await;
    while let Arrival::Page = arrival {
        arrival = person.walk_through_sign_in(arrival, PERSON.0).await;
    }
    let back = arrival.stopped();
    assert!(has(&back, "code"), "{back}");

    assert!(second.end_by(Signal::SIGTERM).await.status.success());
    assert_clean(&first.end_by(Signal::SIGINT).await, dir.path());
    let owner = database.owner_pool().await;
    // roles outlive databases
    sqlx::raw_sql(
        "do $$ declare role text; begin
            for role in select distinct grantee from information_schema.table_privileges where grantee like 'ias\\_demo\\_%' loop
                execute format('drop owned by %I; drop role %I', role, role);
            end loop;
        end $$",
    )
    .execute(&owner)
    .await
    .unwrap();
}

#[tokio::test]
async fn what_cannot_start_says_what_to_type() {
    let (dir, port) = (Dir::new(), free_port());
    let taken = TcpListener::bind(("127.0.0.1", port + 10)).unwrap();
    let refused = ended(demo(dir.path(), port, &["--fresh"])).await;
    assert_refused(&refused, &[&format!("127.0.0.1:{}", port + 10), "--port"]);
    drop(taken);

    let mut command = demo(dir.path(), port, &["--fresh"]);
    command.env("DATABASE_URL", "postgres://localhost/somebodys");
    assert_refused(&ended(command).await, &["--fresh", "DATABASE_URL"]);
    let mut command = demo(dir.path(), port, &[]);
    command.env("DATABASE_URL", "mysql://root:its-password@localhost/x");
    let refused = ended(command).await;
    assert_refused(&refused, &["DATABASE_URL", "postgres://"]);
    assert!(!refused.err.contains("its-password"), "{}", refused.err);

    let mut command = ias();
    command.args(["serve", "--listen", "127.0.0.1:0", "--demo-dir", "no-such-directory"]);
    assert_refused(&ended(command).await, &["ias demo --data-dir no-such-directory"]);

    let foreign = Dir::new();
    fs::write(foreign.path().join("thesis.txt"), "years of work").unwrap();
    for more in [&[][..], &["--fresh"]] {
        assert_refused(&ended(demo(foreign.path(), port, more)).await, &["thesis.txt", "--data-dir"]);
    }
    assert_eq!(fs::read_dir(foreign.path()).unwrap().count(), 1);
}
