//! `kill -9` in the middle of rotations, of the server and of Postgres in turns: no acknowledged rotation is lost, and nothing is
//! accepted twice (RT-03, RT-06, STO-08).
//!
//! `IAS_CRASH_ROUNDS` sets the number of rounds.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::future::join_all;
use ias::{base::digest, demo::postgres, model::refresh_token::PREFIX};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use sqlx::{ConnectOptions as _, PgConnection};
use url::Url;
use uuid::Uuid;

use super::command::{Running, demo_json, free_port};
use crate::support::{
    person::Person,
    tokens::{VERIFIER, http, parameter},
};

const CLIENTS: [&str; 2] = ["@myorg.is/webapp", "@conformance.is/post"];
const CHAINS: usize = 6;

/// A chain as its client knows it.
struct Chain {
    client: usize,
    newest: String,
    previous: Option<String>,
    generation: i32,
    /// the last use was not answered
    uncertain: bool,
}

/// What a refresh was answered.
enum Outcome {
    Tokens(String),
    Refused,
    Unknown,
}

struct Demo {
    directory: tempfile::TempDir,
    port: u16,
    running: Option<Running>,
    person: Person,
    secrets: Vec<String>,
}

impl Demo {
    async fn start() -> Self {
        let (directory, port) = (tempfile::tempdir().unwrap(), free_port());
        let running = Some(Running::demo(directory.path(), port, &["--auto-approve"]).await);
        let clients = demo_json(directory.path());
        let secret = |client_id: &str| {
            let clients = clients["clients"].as_array().unwrap();
            let client = clients.iter().find(|client| client["client_id"] == client_id).unwrap();
            client["client_secret"].as_str().unwrap().to_owned()
        };
        let secrets = CLIENTS.map(secret).to_vec();
        let demo = Self { directory, port, running, person: Person::new(), secrets };
        demo.set_up().await;
        demo
    }

    async fn restart(&mut self) {
        self.running = Some(Running::demo(self.directory.path(), self.port, &["--auto-approve"]).await);
        self.set_up().await;
    }

    /// Lets one of the clients ask again for a lost answer; each start applies the demo's own configuration.
    async fn set_up(&self) {
        let mut owner = self.database().await;
        for sql in [
            "update clients set refresh_token_retry = 'until_used' where client_id = '@conformance.is/post'",
            "update configuration set version = version + 1",
        ] {
            sqlx::query(sql).execute(&mut owner).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }

    async fn database(&self) -> PgConnection {
        let cluster = postgres::attach(self.directory.path()).await.unwrap().expect("a database");
        let mut connection = None;
        for name in ["ias", "postgres"] {
            let mut candidate = cluster.superuser().database(name).connect().await.ok();
            if let Some(candidate) = &mut candidate
                && sqlx::query("select 1 from families limit 1").execute(candidate).await.is_err()
            {
                continue;
            }
            connection = connection.or(candidate);
        }
        connection.expect("a database with families")
    }

    fn address(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    async fn chain(&mut self, client: usize) -> Chain {
        let redirect_uri = if client == 0 {
            "https://app.myorg.is/oauth/callback".to_owned()
        } else {
            let clients = demo_json(self.directory.path());
            let clients = clients["clients"].as_array().unwrap().clone();
            let found = clients.into_iter().find(|found| found["client_id"] == CLIENTS[client]).unwrap();
            found["redirect_uris"][0].as_str().unwrap().to_owned()
        };
        let mut url = Url::parse(&format!("{}/connect/authorize", self.address())).unwrap();
        let challenge = digest::base64url(digest::sha256(&[VERIFIER.as_bytes()]));
        url.query_pairs_mut().extend_pairs([
            ("client_id", CLIENTS[client]),
            ("redirect_uri", &redirect_uri),
            ("response_type", "code"),
            ("scope", "openid offline_access"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        self.person.stop_at(&redirect_uri);
        let callback = self.person.sign_in(url, "0102989").await;
        let code = parameter(&callback, "code").unwrap();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &redirect_uri),
            ("code_verifier", VERIFIER),
            ("client_id", CLIENTS[client]),
            ("client_secret", &self.secrets[client]),
        ];
        let answer = http().post(format!("{}/connect/token", self.address())).form(&form).send().await.unwrap();
        let tokens: Value = answer.json().await.unwrap();
        let newest = tokens["refresh_token"].as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned();
        Chain { client, newest, previous: None, generation: 0, uncertain: false }
    }

    async fn refresh(&self, client: usize, refresh_token: &str) -> Outcome {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
            ("client_id", CLIENTS[client]),
            ("client_secret", &self.secrets[client]),
        ];
        let Ok(answer) = http().post(format!("{}/connect/token", self.address())).form(&form).send().await else {
            return Outcome::Unknown;
        };
        let status = answer.status().as_u16();
        match (status, answer.json::<Value>().await) {
            (200, Ok(tokens)) => Outcome::Tokens(tokens["refresh_token"].as_str().unwrap().to_owned()),
            (400, Ok(error)) if error["error"] == "invalid_grant" => Outcome::Refused,
            (200 | 503, _) => Outcome::Unknown,
            (status, body) => panic!("{status} {body:?}"),
        }
    }

    /// Refreshes until there is no answer.
    async fn use_up(&self, chain: &mut Chain) {
        loop {
            match self.refresh(chain.client, &chain.newest).await {
                Outcome::Tokens(next) => {
                    chain.previous = Some(std::mem::replace(&mut chain.newest, next));
                    chain.generation += 1;
                }
                Outcome::Unknown => {
                    chain.uncertain = true;
                    return;
                }
                Outcome::Refused => panic!("an acknowledged token is refused at generation {}", chain.generation),
            }
        }
    }

    /// Asks the database how far the chain has come, and goes on from there; a new chain where the old one has ended.
    async fn check(&mut self, mut chain: Chain, owner: &mut PgConnection) -> Chain {
        let bytes = digest::from_base64url(&chain.newest[PREFIX.len()..]).unwrap();
        let id = Uuid::from_slice(&bytes[4..20]).unwrap();
        let stored: i32 =
            sqlx::query_scalar("select generation from families where id = $1").bind(id).fetch_one(owner).await.unwrap();
        let lost = stored - chain.generation;
        assert!(lost == 0 || (chain.uncertain && lost == 1), "{stored} is stored, {} was acknowledged", chain.generation);
        let strict = CLIENTS[chain.client] == CLIENTS[0];
        match self.refresh(chain.client, &chain.newest).await {
            Outcome::Tokens(next) => {
                assert!(lost == 0 || !strict, "a token was accepted twice");
                chain.generation += 1;
                chain.previous = Some(std::mem::replace(&mut chain.newest, next));
                chain.uncertain = false;
                chain
            }
            Outcome::Refused => {
                assert!(lost == 1 && strict, "an acknowledged token is refused after the crash");
                self.chain(chain.client).await
            }
            Outcome::Unknown => panic!("the server is there again"),
        }
    }
}

/// Kills without a warning, the database first where it is its turn.
async fn crash(running: Running, directory: &Path, database: bool) {
    if database {
        let file = pid_file(directory).expect("a database that runs");
        let pid = fs::read_to_string(file).unwrap().lines().next().unwrap().parse().unwrap();
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        // the server sees it: requests are answered 503, not lost
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    running.end_by(Signal::SIGKILL).await;
}

fn pid_file(directory: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.into_iter().find(|path| path.ends_with("postmaster.pid")).or_else(|| folders.iter().find_map(|path| pid_file(path)))
}

#[tokio::test(flavor = "multi_thread")]
async fn rt_06_no_rotation_that_was_acknowledged_is_lost_and_nothing_is_accepted_twice() {
    let rounds = std::env::var("IAS_CRASH_ROUNDS").map_or(20, |rounds| rounds.parse().expect("a number"));
    let mut demo = Demo::start().await;
    let mut chains = Vec::new();
    for at in 0..CHAINS {
        chains.push(demo.chain(at % CLIENTS.len()).await);
    }
    let mut rotations = 0;
    for round in 0..rounds {
        let before: i32 = chains.iter().map(|chain| chain.generation).sum();
        let running = demo.running.take().unwrap();
        let uses = join_all(chains.iter_mut().map(|chain| demo.use_up(chain)));
        let crashes = async {
            // a moment that is different in each round
            tokio::time::sleep(Duration::from_millis(120 + 37 * (round % 9))).await;
            crash(running, demo.directory.path(), round % 2 == 1).await;
        };
        tokio::join!(uses, crashes);
        rotations += chains.iter().map(|chain| chain.generation).sum::<i32>() - before;
        demo.restart().await;
        let mut owner = demo.database().await;
        let mut checked = Vec::new();
        for chain in chains {
            checked.push(demo.check(chain, &mut owner).await);
        }
        chains = checked;
    }
    assert!(rotations > i32::try_from(rounds).unwrap(), "{rotations} rotations in {rounds} rounds prove nothing");
    for chain in chains {
        let Some(previous) = &chain.previous else { continue };
        if CLIENTS[chain.client] == CLIENTS[0] {
            assert!(matches!(demo.refresh(chain.client, previous).await, Outcome::Refused), "a used token is accepted");
        }
    }
    demo.running.take().unwrap().end_by(Signal::SIGTERM).await;
}
