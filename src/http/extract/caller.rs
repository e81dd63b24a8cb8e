//! From where a request came (PRX-02, RAT-05): forwarded headers count only from configured proxies.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::{app::App, model::audit::Origin};

/// The caller's address, and what of it is kept.
#[derive(Clone, Debug)]
pub struct Caller {
    /// for limits, in memory and hashed
    pub address: IpAddr,
    /// for the audit
    pub origin: Origin,
}

impl FromRequestParts<App> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |ConnectInfo(peer)| peer.ip());
        let address = client_address(peer.to_canonical(), &parts.headers, &app.settings.server.trusted_proxies);
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let origin =
            Origin { network: Some(network(address)), user_agent: user_agent.map(|text| text.chars().take(200).collect()) };
        Ok(Self { address, origin })
    }
}

/// The right-most address that is not a proxy of ours.
fn client_address(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let is_proxy = |address: &IpAddr| proxies.iter().any(|net| net.contains(address));
    if !is_proxy(&peer) {
        return peer;
    }
    let hops: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let mut nearest = peer;
    for hop in hops.iter().rev() {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        nearest = address.to_canonical();
        if !is_proxy(&nearest) {
            break;
        }
    }
    nearest
}

/// The network of an address: a /24 or a /48.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => Ipv4Net::new(address, 24).map(|net| net.trunc().to_string()),
        IpAddr::V6(address) => Ipv6Net::new(address, 48).map(|net| net.trunc().to_string()),
    }
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn address(peer: &str, forwarded: &'static str) -> String {
        let headers =
            HeaderMap::from_iter([(header::HeaderName::from_static("x-forwarded-for"), HeaderValue::from_static(forwarded))]);
        let proxies = ["10.0.0.0/8".parse().expect("a net")];
        client_address(peer.parse().expect("an address"), &headers, &proxies).to_string()
    }

    #[test]
    fn forwarded_addresses_count_only_from_our_proxies_prx_02() {
        assert_eq!(address("192.0.2.1", "203.0.113.9"), "192.0.2.1");
        assert_eq!(address("10.0.0.1", "203.0.113.9"), "203.0.113.9");
        assert_eq!(address("10.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.2"), "203.0.113.9");
        assert_eq!(address("10.0.0.1", "203.0.113.9, nonsense"), "10.0.0.1");
    }

    #[test]
    fn only_the_network_is_kept() {
        assert_eq!(network("192.0.2.77".parse().expect("an address")), "192.0.2.0/24");
        assert_eq!(network("2001:db8:1:2::3".parse().expect("an address")), "2001:db8:1::/48");
    }
}
