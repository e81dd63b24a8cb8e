//! How many connections one address has (DOS-01). Trusted proxies carry everybody's, and are not counted.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use ipnet::IpNet;

/// The connections of each address that has any.
pub(super) struct Addresses {
    most: usize,
    proxies: Vec<IpNet>,
    counts: Counts,
}

type Counts = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// The place of one connection, until it is dropped; a trusted proxy's takes none.
#[derive(Debug)]
pub(super) struct Place(Option<(IpAddr, Counts)>);

impl Addresses {
    pub(super) fn new(most: usize, proxies: &[IpNet]) -> Self {
        Self { most, proxies: proxies.to_vec(), counts: Arc::default() }
    }

    /// A place for one more connection, where the address has one left.
    pub(super) fn admit(&self, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        if self.proxies.iter().any(|proxies| proxies.contains(&peer)) {
            return Some(Place(None));
        }
        let caller = caller(peer);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(caller).or_default();
        // an address that is refused has connections, so its entry stays for a reason
        (*count < self.most).then(|| {
            *count += 1;
            Place(Some((caller, Arc::clone(&self.counts))))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((caller, counts)) = &self.0 else { return };
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(caller) {
            *count -= 1;
            if *count == 0 {
                counts.remove(caller);
            }
        }
    }
}

/// RAT-02: a /64 is one caller.
fn caller(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn dos_01_an_address_has_a_number_of_places_and_gets_them_back() {
        let addresses = Addresses::new(2, &[]);
        let first = addresses.admit(ip("192.0.2.1")).expect("a place");
        let second = addresses.admit(ip("::ffff:192.0.2.1")).expect("a place: the same address, written as IPv6");
        assert!(addresses.admit(ip("192.0.2.1")).is_none());
        assert!(addresses.admit(ip("192.0.2.2")).is_some(), "another address");
        drop(first);
        drop(addresses.admit(ip("192.0.2.1")).expect("a place again"));
        drop(second);
        assert!(addresses.counts.lock().expect("unpoisoned").is_empty(), "nothing is kept of who has gone (DOS-07)");
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller_and_trusted_proxies_are_not_counted() {
        let addresses = Addresses::new(1, &[ip("10.0.0.0").into(), "10.1.0.0/16".parse().expect("a net")]);
        let _one = addresses.admit(ip("2001:db8::1")).expect("a place");
        assert!(addresses.admit(ip("2001:db8::2")).is_none());
        assert!(addresses.admit(ip("2001:db8:0:1::2")).is_some());
        let _proxy = (addresses.admit(ip("10.1.2.3")).expect("a place"), addresses.admit(ip("10.1.2.3")).expect("a place"));
    }
}
