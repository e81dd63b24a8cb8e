//! The guard for addresses that clients supply (SSR-01 … SSR-03): https on port 443 of a host name, resolved once for each
//! connection, and connected to only where every address of the name is one of the public internet.

use std::{error::Error, net::SocketAddr, sync::Arc, time::Duration};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::client::{OutboundClient, OutboundError, UnusableRoots};
use crate::base::internet;

const HTTPS_PORT: u16 = 443;

/// Why an address is not asked. For the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardFault {
    /// scheme, port, user, fragment or an address in figures
    #[error("only https:// with a host name and port 443 is asked")]
    Form,
    /// the name has no address
    #[error("the host name has no address")]
    NoAddress,
    /// the name leads to a network that is not the internet
    #[error("the host name leads to an address that is not of the public internet")]
    NotPublic,
}

/// The rules, and the hosts that a developer's machine opens.
#[derive(Clone, Debug)]
pub struct Guard {
    open: Arc<[String]>,
    port: u16,
}

impl Guard {
    /// Open to these hosts beside the internet, whatever their scheme, port and address: `outbound.allowed_hosts`, which only
    /// development may set.
    pub fn new(open: &[String]) -> Self {
        Self { open: open.into(), port: HTTPS_PORT }
    }

    /// Judges the address itself, before its name is looked up.
    ///
    /// # Errors
    /// [`GuardFault::Form`].
    pub fn check(&self, url: &Url) -> Result<(), GuardFault> {
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let is_named = matches!(url.host(), Some(Host::Domain(_)));
        let fits = is_named && url.scheme() == "https" && url.port_or_known_default() == Some(self.port);
        let opened = url.host_str().is_some_and(|host| self.is_open(host)) && matches!(url.scheme(), "http" | "https");
        if plain && (fits || opened) { Ok(()) } else { Err(GuardFault::Form) }
    }

    fn is_open(&self, name: &str) -> bool {
        self.open.iter().any(|open| open == name)
    }

    /// Every address of the name, where all may be connected to: one that may not is a sign of rebinding.
    fn admit(&self, name: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, GuardFault> {
        if found.is_empty() {
            Err(GuardFault::NoAddress)
        } else if self.is_open(name) || found.iter().all(|address| internet::is_public(address.ip())) {
            Ok(found)
        } else {
            Err(GuardFault::NotPublic)
        }
    }
}

/// A client for addresses that clients supply.
#[derive(Clone, Debug)]
pub struct GuardedClient {
    guard: Guard,
    client: OutboundClient,
}

impl GuardedClient {
    /// A client behind a guard. It believes the system's TLS roots and these others (PEM, may be empty).
    ///
    /// # Errors
    /// As [`OutboundClient::new`].
    pub fn new(guard: Guard, more_roots_pem: &str) -> Result<Self, UnusableRoots> {
        let client = OutboundClient::guarded(&guard, more_roots_pem)?;
        Ok(Self { guard, client: client.named("jwks") })
    }

    /// GET of a JSON document, answered within `timeout`.
    ///
    /// # Errors
    /// Where the address is not one to be asked, or nothing usable comes back.
    pub async fn get_json(&self, url: Url, timeout: Duration) -> Result<Vec<u8>, OutboundError> {
        self.guard.check(&url)?;
        self.client.get_json(url, timeout).await
    }
}

/// The client connects to what this gives and resolves nothing itself, so that the address that was judged is the one that is
/// connected to (SSR-02).
impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let admitted = guard.admit(name.as_str(), found).map_err(Box::<dyn Error + Send + Sync>::from)?;
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn ssr_02_one_address_that_is_not_public_closes_the_name() {
        let guard = Guard::new(&["localhost".to_owned()]);
        let of = |list: &[&str]| list.iter().map(|ip| SocketAddr::new(ip.parse().expect(ip), 0)).collect::<Vec<_>>();
        assert_eq!(guard.admit("app.myorg.is", of(&["1.1.1.1"])), Ok(of(&["1.1.1.1"])));
        assert_eq!(guard.admit("app.myorg.is", of(&["1.1.1.1", "127.0.0.1"])), Err(GuardFault::NotPublic));
        assert_eq!(guard.admit("app.myorg.is", vec![]), Err(GuardFault::NoAddress));
        assert_eq!(guard.admit("localhost", of(&["127.0.0.1"])), Ok(of(&["127.0.0.1"])), "opened");
    }

    #[test]
    fn ssr_01_only_https_on_a_name_and_port_443_is_asked() {
        let guard = Guard::new(&["localhost".to_owned(), "127.0.0.2".to_owned(), "[::2]".to_owned()]);
        let check = |text: &str| guard.check(&Url::parse(text).expect(text)).is_ok();
        for good in [
            "https://app.myorg.is/jwks",
            "https://app.myorg.is:443/",
            "http://localhost:8080/",
            "https://localhost:1/",
            "https://127.0.0.2:8443/",
            "http://[::2]:8080/",
        ] {
            assert!(check(good), "{good}");
        }
        for bad in [
            "http://app.myorg.is/",
            "https://app.myorg.is:8443/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://[::1]/",
            "https://u@app.myorg.is/",
            "https://u:p@app.myorg.is/",
            "https://app.myorg.is/#a",
            "http://localhost.myorg.is/",
            "ftp://localhost/",
            "file:///etc/passwd",
            "http://u@localhost/",
        ] {
            assert!(!check(bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn ssr_02_a_name_that_leads_to_loopback_is_never_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let url = Url::parse(&format!("https://localhost:{port}/jwks")).expect("a URL");
        let ask = async |open: &[String]| {
            // as if https were spoken on the listener's port, so that only the address keeps the client away
            let guard = Guard { open: open.into(), port };
            guard.check(&url).expect("its form is right");
            let client = GuardedClient::new(guard, "").expect("a client");
            let (answer, connected) = tokio::join!(
                client.get_json(url.clone(), Duration::from_millis(500)),
                tokio::time::timeout(Duration::from_millis(500), listener.accept())
            );
            assert!(answer.is_err());
            connected.is_ok()
        };
        assert!(!ask(&[]).await, "no packet leaves");
        assert!(ask(&["localhost".to_owned()]).await, "the listener does see who comes");
    }
}
