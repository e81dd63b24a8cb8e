//! The server that is measured, and what one needs to use it.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::Context as _;
use serde_json::json;
use sqlx::postgres::PgConnectOptions;
use url::{Host, Url};

use super::families::Families;
use crate::base::secret::Secret;

/// Names of people begin so; the number of the person follows.
const NAME: &str = "Prófun Símadóttir";

/// A server that is used as its clients would use it.
#[derive(Debug)]
pub struct Target {
    /// where connections go
    pub address: SocketAddr,
    /// the value of `Host`
    pub host: String,
    /// signs people in and refreshes
    pub web: Client,
    /// acts for itself
    pub machine: Client,
    /// what was given before
    pub families: Arc<Families>,
    /// whoever picks up approves at once
    pub phones: Vec<String>,
    /// the processes that work for it
    pub processes: Processes,
    /// reads the counters of the database, which it owns
    pub owner: PgConnectOptions,
    /// the role by which the server's statements are known
    pub serving_role: String,
}

/// A client of the demo's configuration.
#[derive(Clone, Debug)]
pub struct Client {
    /// its id
    pub id: String,
    /// its secret
    pub secret: Secret<String>,
    /// where its answers go; nobody listens there
    pub redirect_uri: String,
    /// what it asks for
    pub scope: String,
}

/// Who works; none where that is not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Processes {
    /// the server
    pub server: Option<u32>,
    /// the first process of Postgres
    pub postgres: Option<u32>,
    /// the electronic-ID simulator, which is part of no figure of the server
    pub simulator: Option<u32>,
}

/// The address of a server on this machine. Any other is refused: a load generator has no business elsewhere.
pub fn loopback(url: &Url) -> anyhow::Result<SocketAddr> {
    let ip = match url.host() {
        Some(Host::Domain("localhost")) => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        _ => None,
    };
    let is_plain_http = url.scheme() == "http";
    let ip = ip.filter(|ip| is_plain_http && ip.to_canonical().is_loopback());
    let ip = ip.with_context(|| format!("{url} is refused: only http on the loopback of this machine is measured"))?;
    Ok(SocketAddr::new(ip, url.port_or_known_default().unwrap_or(80)))
}

/// Gives the simulator `count` people whose telephones nobody else uses, and tells their numbers.
pub async fn add_people(control: &str, token: &Secret<String>, count: u32) -> anyhow::Result<Vec<String>> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut phones = Vec::new();
    for number in 0..count {
        // eid.md §11.2: no real person has the prefix 0099, and no real telephone 00
        let (national_id, phone) = (format!("00998{number:05}"), format!("00{}", 80_000 + number));
        let person = json!({ "nationalId": national_id, "name": format!("{NAME}{number}"), "phone": phone });
        let answer = http.post(format!("{control}/persons")).bearer_auth(token.expose()).json(&person).send().await?;
        // who is there from an earlier run will do
        let is_there = answer.status().is_success() || answer.status().as_u16() == 409;
        anyhow::ensure!(is_there, "the simulator takes no persons: {}", answer.status());
        phones.push(phone);
    }
    Ok(phones)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_measured() {
        for right in ["http://localhost:8080", "http://127.0.0.1:8080/", "http://127.8.9.1", "http://[::1]:8080"] {
            assert!(loopback(&right.parse().expect("a URL")).is_ok(), "{right}");
        }
        for wrong in [
            "https://localhost:8443",
            "http://localhost.example:8080",
            "http://192.0.2.1:8080",
            "http://[2001:db8::1]:8080",
            "http://0.0.0.0:8080",
            "http://innskra.example",
        ] {
            let refusal = loopback(&wrong.parse().expect("a URL")).expect_err(wrong);
            assert!(refusal.to_string().contains("loopback"), "{refusal}");
        }
    }
}
