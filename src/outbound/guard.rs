//! The guard for addresses that clients supply (SSR-01 … SSR-03): https on port 443 of a host name, resolved once for each
//! connection, and connected to only where every address of the name is one of the public internet.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use ipnet::{Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::client::{OutboundClient, OutboundError, UnusableRoots};

const HTTPS_PORT: u16 = 443;

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(a: u16, b: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

/// What is no host on the internet, of the IANA special-purpose registry; and the platform address of a large cloud, which
/// looks like one.
const CLOSED_V4: [Ipv4Net; 16] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(168, 63, 129, 16, 32),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// Global unicast. Outside of it lie loopback, link-local, unique local and multicast addresses, those that are mapped to IPv4,
/// and NAT64.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);

/// What of it is none: protocol assignments with Teredo, documentation, 6to4.
const CLOSED_V6: [Ipv6Net; 4] = [v6(0x2001, 0, 23), v6(0x2001, 0xdb8, 32), v6(0x2002, 0, 16), v6(0x3fff, 0, 20)];

/// Whether an address may be connected to.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !CLOSED_V4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => GLOBAL_V6.contains(&address) && !CLOSED_V6.iter().any(|net| net.contains(&address)),
    }
}

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
        } else if self.is_open(name) || found.iter().all(|address| is_public(address.ip())) {
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
    fn ssr_02_only_addresses_of_the_internet_are_connected_to() {
        let judged = |text: &str| is_public(text.parse().expect(text));
        for open in ["1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "192.0.1.1", "223.255.255.255"] {
            assert!(judged(open), "{open}");
        }
        for open in ["2606:4700:4700::1111", "2a00:1450:4001::1", "2001:200::1"] {
            assert!(judged(open), "{open}");
        }
        for closed in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:1.1.1.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!judged(closed), "{closed}");
        }
    }

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
