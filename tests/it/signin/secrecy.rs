//! What of a person is kept of a sign-in, how long, and that none of it stands in a log.

use std::{
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex},
};

use ias::{
    base::{clock::Clock, digest, secret::Secret},
    demo::eid_simulator::{self, Mode, RelyingParty, Simulator},
    jobs,
};
use serde_json::Value;
use time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing_subscriber::filter::LevelFilter;

use crate::support::{
    app::{self, named},
    broker::{add_brokers, approve, at_the_broker, secrets},
    card::{AtTheCardHost, at_the_reader, by_proxy, card_lies, certificate_of, read_card, to_the_card_host, token},
    database::count,
    person::Person,
    phone::{CLIENT, Phone, confirm, signed_in, started, until_answered},
    server::{TestServer, configure},
};

#[tokio::test]
async fn x5_09_the_evidence_is_kept_sealed_and_opens_again() {
    let server = TestServer::start().await;
    let phone = Phone::new().await;
    signed_in(&server, &phone).await;
    let evidence: Vec<u8> =
        sqlx::query_scalar("select evidence from sign_in_evidence").fetch_one(&server.owner().await).await.unwrap();
    let opened = server.app.keys().sealing().open("evidence of a sign-in", &evidence).unwrap();
    let opened: Value = serde_json::from_slice(&opened).unwrap();
    for field in ["hash_input", "hash", "signature", "algorithm", "certificate", "issuer", "serial", "verified_at"] {
        assert!(opened[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {opened}");
    }
    assert_eq!(opened["revocation"]["status"], "good");
    // EID-02: 32 fresh bytes, our name, the client id, the time
    let decoded = |field: &str| digest::from_base64(opened[field].as_str().unwrap()).unwrap();
    let signed = decoded("hash_input");
    assert!(String::from_utf8_lossy(&signed[32..]).starts_with(&format!("{}\n{CLIENT}\n20", server.issuer)));
    assert_eq!(decoded("hash"), digest::sha256(&[&signed]));
    let holds_id = decoded("certificate").windows(10).any(|window| window == phone.national_id.as_bytes());
    assert!(holds_id, "the certificate names the person");
    assert!(!evidence.windows(10).any(|window| window == phone.national_id.as_bytes()), "and the row does not show it");
}

#[tokio::test]
async fn nothing_of_the_person_outlives_its_use_in_an_attempt() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let phone = Phone::new().await;
    signed_in(&server, &phone).await;
    let refusing = Phone::new().await;
    refusing.does("refuse").await;
    let mut person = started(&server, &refusing).await;
    until_answered(&mut person).await;
    let asking = Phone::asking().await;
    let abandoned = started(&server, &asking).await;
    asking.prompt().await;
    let kept = async || -> Vec<(String, bool, bool)> {
        let rows = "select state, driver_state is not null, input is not null from sign_in_attempts order by state";
        sqlx::query_as(rows).fetch_all(&owner).await.unwrap()
    };
    let row = |state: &str, driver, input| (state.to_owned(), driver, input);
    // what was typed serves a second try
    assert_eq!(kept().await, [row("consumed", false, false), row("failed", false, true), row("pending", true, true)]);
    let clear: i64 = sqlx::query_scalar(
        "select count(*) from sign_in_attempts
         where position(convert_to($1, 'utf8') in coalesce(driver_state, '') || coalesce(input, '')) > 0",
    )
    .bind(&asking.number)
    .fetch_one(&owner)
    .await
    .unwrap();
    assert_eq!(clear, 0, "and is sealed");
    server.clock.advance(Duration::minutes(15) - Duration::SECOND);
    jobs::sweep::run_once(server.app.clone()).await.unwrap();
    assert!(kept().await[1].2, "a second try is still possible");
    server.clock.advance(Duration::SECOND);
    jobs::sweep::run_once(server.app.clone()).await.unwrap();
    let swept = kept().await;
    assert_eq!(swept, [row("consumed", false, false), row("expired", false, false), row("failed", false, false)]);
    assert_eq!(count(&owner, "open_attempts").await, 0);
    drop(abandoned);
}

#[tokio::test]
async fn the_sweep_deletes_small_rows_when_they_have_run_out_and_not_before() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let now = server.app.clock.now();
    for (table, columns, values) in [
        ("open_attempts", "subject_key, attempt_id, binding_hash", "decode(md5(i::text), 'hex'), gen_random_uuid(), ''"),
        ("rate_limits", "key, count", "decode(md5(i::text), 'hex'), 1"),
        ("finished_requests", "request_id", "decode(md5(i::text), 'hex')"),
        ("revoked_access_tokens", "jti", "decode(md5(i::text), 'hex')"),
        ("replay", "key", "decode(md5(i::text), 'hex')"),
    ] {
        // more than one batch
        let insert = format!("insert into {table} ({columns}, expires_at) select {values}, $1 from generate_series(1, $2) i");
        let later = format!("insert into {table} ({columns}, expires_at) select {values}, $1 from generate_series(-1, 0) i");
        sqlx::query(sqlx::AssertSqlSafe(insert)).bind(now).bind(1001).execute(&owner).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(later)).bind(now + Duration::SECOND).execute(&owner).await.unwrap();
    }
    jobs::sweep::run_once(server.app.clone()).await.unwrap();
    for table in ["open_attempts", "rate_limits", "finished_requests", "revoked_access_tokens", "replay"] {
        assert_eq!(count(&owner, table).await, 2, "{table}");
    }
}

/// A log of everything that runs on this thread, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A simulator on this thread, so that the log is its own as well; the server signs people in with it from now on.
async fn own_simulator(server: &TestServer) -> (Simulator, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let directory = tempfile::tempdir().unwrap();
    let options = eid_simulator::Options {
        data_dir: directory.path().to_owned(),
        public_url: url.clone(),
        relying_party: RelyingParty::default(),
        apps: eid_simulator::AppOptions { key: eid_simulator::AppKey::Short, http_callbacks: true },
        mode: Mode::Auto { delay_ms: 0..=0 },
        control_token: Secret::new(String::new()),
        clock: Clock::System,
    };
    let simulator = Simulator::new(options).await.unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(simulator.clone().serve(listener, stop.clone()));
    configure(&server.owner().await, Path::new("config/demo"), &url, &simulator).await;
    server.app.confirm().await.unwrap();
    (simulator, stop.drop_guard())
}

#[tokio::test]
async fn log_01_no_level_of_any_log_names_a_person_a_number_or_a_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = TestServer::start().await;
    let (simulator, _stop) = own_simulator(&server).await;
    let someone = &simulator.persons()[0];
    // the people of the scenarios are named so
    let mut secrets = vec!["Sviðsmynd".to_owned()];
    secrets.extend([&someone.national_id, &someone.phone_number, &someone.name].map(Clone::clone));
    let phone = |number: &str| Phone { number: number.to_owned(), ..Phone::nobodys() };
    let signed_in = signed_in(&server, &phone(&someone.phone_number)).await;
    let mut urls = signed_in.visited.clone();
    secrets.extend(["ias_session", "ias_browser"].map(|name| signed_in.cookie("localhost", name).unwrap().to_owned()));
    for scenario in simulator.scenarios() {
        // the others have nothing new, or take half a minute
        if ["0000002", "0000005", "0000009", "0000010", "0000012", "0000014", "0000019"].contains(&&*scenario.phone_number) {
            let mut person = started(&server, &phone(&scenario.phone_number)).await;
            until_answered(&mut person).await;
            assert!(person.page().text_of("#incident").is_some());
            secrets.extend([scenario.phone_number, scenario.national_id]);
            urls.append(&mut person.visited);
        }
    }
    let written = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for word in ["a sign-in failed", "security_event", "answered", "select"] {
        assert!(written.contains(word), "the log holds what it should: {word}");
    }
    assert!(urls.len() > 20, "{}", urls.len());
    for secret in &secrets {
        let url = urls.iter().find(|url| url.as_str().contains(secret));
        assert!(url.is_none(), "{secret} stands in {url:?}");
    }
    for secret in secrets {
        let line = written.lines().find(|line| line.contains(&secret));
        assert!(line.is_none(), "{secret} stands in {line:?}");
    }
}

/// A browser that the person has led through one of the other ways, up to the answer; what of the person must not be seen.
async fn walk(server: &TestServer, way: &str, is_honest: bool) -> (Person, Vec<String>) {
    let phone = Phone::new().await;
    if !is_honest {
        app::lies(&phone, "foreignCountry").await;
        phone.lies_at_the_broker("foreignCountry").await;
    }
    let mut secrets = vec![phone.national_id.clone(), phone.number.clone(), phone.name.clone()];
    let mut person = match way {
        "app" => {
            let mut person = named(server, &phone).await;
            app::until_answered(&mut person).await;
            person
        }
        "broker" => {
            let mut person = at_the_broker(server, "signicat").await;
            approve(&mut person, &phone.national_id).await;
            person
        }
        _ => {
            if !is_honest {
                card_lies(&phone, "foreignCountry").await;
            }
            let certificate = certificate_of(&token(server, &phone, "nonce").await);
            secrets.push(digest::base64(&certificate[..90]));
            let mut person = at_the_reader(server).await;
            if way == "card by Web eID" {
                read_card(&mut person, server, &phone).await;
            } else {
                let ticket = to_the_card_host(&mut person).await;
                let shown = AtTheCardHost::of(by_proxy(&ticket, Some(&certificate))).await;
                person.get(shown.location()).await;
            }
            person
        }
    };
    if is_honest {
        assert!(confirm(&mut person).await.stopped().query().unwrap().contains("code="), "{way}");
        secrets.push(person.cookie("localhost", "ias_session").unwrap().to_owned());
    } else {
        assert!(person.page().text_of("#incident").is_some(), "{way}: {}", person.page());
    }
    secrets.push(person.cookie("localhost", "ias_browser").unwrap().to_owned());
    (person, secrets)
}

#[tokio::test]
async fn log_01_neither_app_nor_card_nor_broker_leaves_a_person_in_a_log_or_an_address() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = TestServer::start_with(|settings| {
        settings.sign_in.secrets_dir = Some(secrets());
        settings.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    add_brokers(&server).await;
    for way in ["app", "broker", "card by Web eID", "card by certificate"] {
        for is_honest in [true, false] {
            let (person, secrets) = walk(&server, way, is_honest).await;
            assert!(person.visited.len() > 3, "{way}");
            let written = String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();
            assert!(written.contains("answered") && written.contains("a sign-in failed") != is_honest, "{way}");
            for secret in &secrets {
                let url = person.visited.iter().find(|url| url.as_str().contains(secret));
                assert!(url.is_none(), "{way}: {secret} stands in {url:?}");
                let line = written.lines().find(|line| line.contains(secret));
                assert!(line.is_none(), "{way}: {secret} stands in {line:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_lie_is_logged_as_a_security_event_with_its_incident() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = TestServer::start().await;
    for (lie, event) in [("wrongKey", Some("signature_invalid")), ("expired", Some("certificate_rejected")), ("revoked", None)]
    {
        let phone = Phone::new().await;
        phone.lies(lie).await;
        let mut person = started(&server, &phone).await;
        until_answered(&mut person).await;
        let incident = person.page().text_of("#incident").unwrap();
        let written = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let line = written.lines().find(|line| line.contains(&incident)).expect("the incident is in the log");
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!((line["level"].as_str(), line["security_event"].as_str()), (Some("WARN"), event), "{line}");
        assert!(line["kind"].is_string(), "{line}");
    }
}
