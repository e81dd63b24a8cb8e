//! The issuers' revocation lists: fetched where they are configured to be, kept until a newer one comes, believed while they hold
//! (RFC 5280 §5 and §6.3; eid.md §5.4).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use der::{Decode as _, Header, Reader as _, SliceReader, Tag, asn1::BitString};
use reqwest::StatusCode;
use rustls_pki_types::CertificateDer;
use spki::AlgorithmIdentifierOwned;
use time::OffsetDateTime;
use url::Url;
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, OwnedCertRevocationList, RevocationCheckDepth,
    RevocationOptionsBuilder, UnknownStatusPolicy,
};
use x509_parser::{prelude::FromDer as _, revocation_list::CertificateRevocationList};

use super::{
    super::{
        address,
        certificate::{AnyUsage, Leaf, SIGNATURE_ALGORITHMS, unix_time},
        error::DriverFault,
        trust,
    },
    CrlEvidence, RevocationEvidence, RevocationFault, Verdict, answer, listed,
};
use crate::{
    model::{environment::Environment, identity_provider::TrustProfile},
    outbound::client::OutboundClient,
};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Lists of whole nations are longer than other answers.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// X5-03: what we know of revocation is at most this old, where a newer list can be had.
const FETCHED_EVERY: time::Duration = time::Duration::minutes(10);

/// A server that gave no list is left alone for this long.
const PAUSE: time::Duration = time::Duration::seconds(10);

/// How far an issuer's clock may be ahead of ours.
const SKEW: time::Duration = time::Duration::seconds(60);

/// Addresses whose lists are kept.
const MOST_ADDRESSES: usize = 32;

/// The lists of one trust profile.
#[derive(Debug)]
pub(super) struct Lists {
    http: OutboundClient,
    urls: Vec<Url>,
    hosts: Vec<String>,
    /// whose lists are kept: nobody else's can say anything of a certificate that is believed
    issuers: Vec<CertificateDer<'static>>,
    kept: Mutex<HashMap<Url, Arc<tokio::sync::Mutex<Place>>>>,
}

/// What is known of one address. Who fetches holds its lock, so that the others wait for the same answer.
#[derive(Debug, Default)]
struct Place {
    /// what it has served, the newest of each issuer
    lists: Vec<Kept>,
    fetched_at: Option<OffsetDateTime>,
    failed_at: Option<OffsetDateTime>,
}

/// A list, and the key that has signed it.
#[derive(Clone, Debug)]
struct Kept {
    list: Arc<List>,
    /// SubjectPublicKeyInfo, DER
    signer: Vec<u8>,
}

/// A list that could be read; whose it is and whether it is signed is looked at with each use.
#[derive(Debug)]
struct List {
    list: CertRevocationList<'static>,
    issuer: String,
    this_update: OffsetDateTime,
    next_update: OffsetDateTime,
}

impl Lists {
    pub(super) fn new(profile: &TrustProfile, http: OutboundClient, environment: Environment) -> Result<Self, DriverFault> {
        let urls = profile.crl_urls.iter().map(|url| address::parse("crl_urls", url, environment));
        Ok(Self {
            http: http.named("crl"),
            urls: urls.collect::<Result<_, _>>()?,
            hosts: profile.crl_hosts.clone(),
            issuers: [&profile.anchors_pem, &profile.intermediates_pem]
                .into_iter()
                .map(|pem| trust::certificates(pem, environment == Environment::Production))
                .collect::<Result<Vec<_>, _>>()?
                .concat(),
            kept: Mutex::default(),
        })
    }

    /// What the list of the certificate's issuer says.
    pub(super) async fn check(&self, leaf: &Leaf, now: OffsetDateTime) -> Result<Verdict, RevocationFault> {
        let mut last = RevocationFault::NoList;
        for url in self.addresses(&leaf.crl_urls) {
            let read = match self.current(&url, leaf, now).await {
                Ok(list) => list.verdict(leaf, now),
                Err(fault) => Err(fault),
            };
            match read {
                Ok(verdict) => return Ok(verdict),
                // of another issuer: that says nothing where a later one cannot be had
                Err(RevocationFault::AnotherList) if !matches!(last, RevocationFault::NoList) => {}
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    /// The configured addresses, else the certificate's own where its host is one that we may ask (SSR-06).
    fn addresses(&self, named: &[String]) -> Vec<Url> {
        if self.urls.is_empty() { listed(named, &self.hosts).into_iter().collect() } else { self.urls.clone() }
    }

    /// The list at an address: the one in hand while it is young, else a new one, else the one in hand while it holds.
    async fn current(&self, url: &Url, leaf: &Leaf, now: OffsetDateTime) -> Result<Arc<List>, RevocationFault> {
        let place = self.place(url)?;
        let mut place = place.lock().await;
        let within = |at: Option<OffsetDateTime>, span| at.is_some_and(|at| (at..at + span).contains(&now));
        // one that has run out says nothing any more, of newer ones either
        place.lists.retain(|kept| kept.list.holds_at(now));
        let (is_young, rests) = (within(place.fetched_at, FETCHED_EVERY), within(place.failed_at, PAUSE));
        match place.list_of_issuer_of(leaf) {
            Some(list) if is_young || rests => return Ok(list),
            // lists of several issuers at addresses of their own: this one is another's
            None if is_young && !place.lists.is_empty() => return Err(RevocationFault::AnotherList),
            None if rests => return Err(RevocationFault::ListTime),
            _ => {}
        }
        match self.fetch(url, now).await {
            // an older list would forget what was revoked since
            Ok(new) if place.lists.iter().all(|before| !before.is_newer_than(&new)) => {
                place.lists.retain(|before| !before.is_of_issuer_of(&new));
                place.lists.push(new);
                (place.fetched_at, place.failed_at) = (Some(now), None);
                place.list_of_issuer_of(leaf).ok_or(RevocationFault::AnotherList)
            }
            Ok(_) => place.keep(leaf, RevocationFault::ListTime, now),
            Err(fault) => place.keep(leaf, fault, now),
        }
    }

    fn place(&self, url: &Url) -> Result<Arc<tokio::sync::Mutex<Place>>, RevocationFault> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_ADDRESSES && !kept.contains_key(url) {
            return Err(RevocationFault::NoList);
        }
        Ok(Arc::clone(kept.entry(url.clone()).or_default()))
    }

    /// A list that holds, signed by an issuer of the profile: what anybody may have written on the way takes no list's place.
    async fn fetch(&self, url: &Url, now: OffsetDateTime) -> Result<Kept, RevocationFault> {
        let answer = self.http.get_up_to(url.clone(), TIMEOUT, MOST_BYTES).await.map_err(RevocationFault::NoListAnswer)?;
        if answer.status != StatusCode::OK {
            return Err(RevocationFault::ListStatus(answer.status.as_u16()));
        }
        let list = List::read(&answer.body)?;
        if !list.holds_at(now) {
            return Err(RevocationFault::ListTime);
        }
        let signer = self.issuers.iter().find(|issuer| list.names(issuer) && is_signed_by(&answer.body, issuer));
        let signer = signer.and_then(|issuer| trust::parse(issuer)).ok_or(RevocationFault::AnotherList)?;
        Ok(Kept { list: Arc::new(list), signer: signer.public_key().raw.to_vec() })
    }
}

impl Place {
    fn list_of_issuer_of(&self, leaf: &Leaf) -> Option<Arc<List>> {
        let issuer = trust::parse(&leaf.issuer)?;
        let found = |kept: &&Kept| kept.signer == issuer.public_key().raw && kept.list.names(&leaf.issuer);
        self.lists.iter().find(found).map(|kept| Arc::clone(&kept.list))
    }

    /// Remembers that no newer list came; the one in hand serves while it holds.
    fn keep(&mut self, leaf: &Leaf, fault: RevocationFault, now: OffsetDateTime) -> Result<Arc<List>, RevocationFault> {
        self.failed_at = Some(now);
        let in_hand = self.list_of_issuer_of(leaf);
        tracing::warn!(cause = %fault, still_holds = in_hand.is_some(), "a revocation list could not be renewed");
        in_hand.ok_or(fault)
    }
}

impl Kept {
    fn is_of_issuer_of(&self, other: &Self) -> bool {
        self.signer == other.signer && self.list.list.issuer() == other.list.list.issuer()
    }

    fn is_newer_than(&self, other: &Self) -> bool {
        self.is_of_issuer_of(other) && self.list.this_update > other.list.this_update
    }
}

/// Whether a list is signed by the key of this certificate (RFC 5280 §5.1.1).
fn is_signed_by(list: &[u8], issuer: &CertificateDer<'_>) -> bool {
    let parts = || -> der::Result<_> {
        let mut reader = SliceReader::new(list)?;
        Header::decode(&mut reader)?.tag.assert_eq(Tag::Sequence)?;
        Ok((reader.tlv_bytes()?, AlgorithmIdentifierOwned::decode(&mut reader)?, BitString::decode(&mut reader)?))
    };
    parts().is_ok_and(|(signed, algorithm, signature)| answer::is_signed_by(issuer, signed, &algorithm, &signature))
}

impl List {
    fn read(der: &[u8]) -> Result<Self, RevocationFault> {
        let (rest, parsed) = CertificateRevocationList::from_der(der).map_err(|_| RevocationFault::MalformedList)?;
        let list = OwnedCertRevocationList::from_der(der).map_err(|_| RevocationFault::MalformedList)?;
        // RFC 5280 §5.1.2.5: nextUpdate is always there
        let next_update = parsed.next_update().filter(|_| rest.is_empty()).ok_or(RevocationFault::MalformedList)?;
        let moment = |time: x509_parser::time::ASN1Time| {
            OffsetDateTime::from_unix_timestamp(time.timestamp()).map_err(|_| RevocationFault::MalformedList)
        };
        Ok(Self {
            list: list.into(),
            issuer: parsed.issuer().to_string(),
            this_update: moment(parsed.last_update())?,
            next_update: moment(next_update)?,
        })
    }

    /// Whether it is in the name of this certificate's subject.
    fn names(&self, issuer: &CertificateDer<'_>) -> bool {
        // the list's name lacks the outer tag of the certificate's
        trust::parse(issuer).is_some_and(|issuer| issuer.subject().as_raw().ends_with(self.list.issuer()))
    }

    fn holds_at(&self, now: OffsetDateTime) -> bool {
        self.this_update <= now + SKEW && now < self.next_update
    }

    /// What this list says of the certificate, where it is its issuer's, signed by it, and holds (RFC 5280 §6.3.3).
    fn verdict(&self, leaf: &Leaf, now: OffsetDateTime) -> Result<Verdict, RevocationFault> {
        let issuer = trust::parse(&leaf.issuer).ok_or(RevocationFault::AnotherList)?;
        let may_sign = issuer.key_usage().is_ok_and(|usage| usage.is_none_or(|usage| usage.value.crl_sign()));
        if !may_sign {
            return Err(RevocationFault::AnotherList);
        }
        let lists = [&self.list];
        let options = RevocationOptionsBuilder::new(&lists)
            .map_err(|_| RevocationFault::NoList)?
            .with_depth(RevocationCheckDepth::EndEntity)
            .with_status_policy(UnknownStatusPolicy::Deny)
            .with_expiration_policy(ExpirationPolicy::Enforce)
            .build();
        let anchor = webpki::anchor_from_trusted_cert(&leaf.issuer).map_err(|_| RevocationFault::AnotherList)?;
        let checked = EndEntityCert::try_from(&leaf.der).and_then(|certificate| {
            let now = unix_time(now);
            certificate.verify_for_usage(SIGNATURE_ALGORITHMS, &[anchor], &[], now, AnyUsage, Some(options), None).map(drop)
        });
        match checked {
            Ok(()) => Ok(Verdict::Good(RevocationEvidence::Crl(CrlEvidence {
                status: "good",
                issuer: self.issuer.clone(),
                this_update: self.this_update,
                next_update: self.next_update,
            }))),
            Err(webpki::Error::CertRevoked) => Ok(Verdict::Revoked),
            Err(webpki::Error::CrlExpired { .. }) => Err(RevocationFault::ListTime),
            // of another issuer or scope, or not signed by its key
            Err(_) => Err(RevocationFault::AnotherList),
        }
    }
}

#[cfg(test)]
#[cfg(feature = "demo")]
mod tests;
