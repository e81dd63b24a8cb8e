//! Hosts that production asks (eid.md §12.2): public names, and none of a demonstration service or a simulator.

use url::{Host, Url};

use crate::base::internet;

/// Endings that no name on the internet has.
const LOCAL_ENDINGS: [&str; 6] = [".local", ".localhost", ".test", ".example", ".invalid", ".internal"];

/// Public demonstration services of electronic IDs, with everything below them.
const DEMONSTRATION_HOSTS: [&str; 1] = ["demo.sk.ee"];

/// Ports of the simulator.
const SIMULATOR_PORTS: [u16; 2] = [8090, 8091];

/// Whether the host can be one on the internet (a name with a dot, or an address of the internet), and serves real
/// people. What a name leads to is looked at with each connection.
pub fn is_public(url: &Url) -> bool {
    let simulator = url.port().is_some_and(|port| SIMULATOR_PORTS.contains(&port));
    !simulator && is_public_host(url)
}

fn is_public_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let is_below = |host: &&str| name.strip_suffix(*host).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            name.contains('.')
                && !LOCAL_ENDINGS.iter().any(|ending| name.ends_with(ending))
                && !DEMONSTRATION_HOSTS.iter().any(is_below)
        }
        Some(Host::Ipv4(ip)) => internet::is_public(ip.into()),
        Some(Host::Ipv6(ip)) => internet::is_public(ip.into()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssr_02_an_address_in_figures_is_judged_as_one_that_was_looked_up() {
        let judged = |host: &str| is_public(&Url::parse(&format!("https://{host}/")).expect(host));
        assert!(judged("1.1.1.1") && judged("[2606:4700:4700::1111]"));
        for host in
            ["0.1.2.3", "100.64.0.1", "198.18.0.1", "168.63.129.16", "240.0.0.1", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"]
        {
            assert!(!judged(host), "{host}");
        }
        assert!(!judged("1681915904"), "100.64.0.0 as one number");
    }

    #[test]
    fn production_asks_public_hosts_alone() {
        let judged = |text: &str| is_public(&Url::parse(text).expect(text));
        for text in ["https://mid.sk.ee/mid-api", "https://mid.example.is:8443/", "https://notdemo.sk.ee/"] {
            assert!(judged(text), "{text}");
        }
        for text in [
            "https://simulator/mid-api",
            "https://localhost:8090/",
            "https://10.0.0.1/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://[fd00::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://mid.test/",
            "https://169.254.169.254/",
            "https://tsp.demo.sk.ee/mid-api",
            "https://sid.demo.sk.ee./smart-id-rp/v3",
            "https://mid.example.is:8090/",
        ] {
            assert!(!judged(text), "{text}");
        }
    }
}
