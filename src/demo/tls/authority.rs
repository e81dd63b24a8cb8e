//! The demo's authority and what it issues: files in the demo's directory, the same over every restart.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints,
};
use time::{Duration, OffsetDateTime};
use tokio_util::sync::CancellationToken;

use crate::base::clock::Clock;

/// All that it leaves in the directory.
pub const FILES: [&str; 6] = [AUTHORITY, KEY, IDENTITY, "ca.pem.new", "ca.key.new", "tls.pem.new"];

const AUTHORITY: &str = "ca.pem";
const KEY: &str = "ca.key";
/// certificate and key in one file, so that both are replaced in one step
const IDENTITY: &str = "tls.pem";

/// Whom browsers and servers reach here.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const AUTHORITY_TTL: Duration = Duration::days(3650);
const TTL: Duration = Duration::days(365);
/// A certificate that ends sooner is replaced.
const NEAR_ITS_END: Duration = Duration::days(30);
/// Machines whose clock is a little behind believe it, too.
const EARLIER: Duration = Duration::hours(1);
const BETWEEN_LOOKS: std::time::Duration = std::time::Duration::from_hours(6);

/// An authority that can vouch for this machine's own names and nobody else's, whoever trusts it.
#[derive(Clone, Debug)]
pub struct LocalAuthority {
    directory: PathBuf,
    clock: Clock,
    pem: String,
}

impl LocalAuthority {
    /// The authority of a directory, with a certificate that is not near its end; made where they are missing.
    ///
    /// # Errors
    /// Where files cannot be read or written.
    pub fn open(directory: &Path, clock: Clock) -> anyhow::Result<Self> {
        let now = clock.now();
        if !directory.join(AUTHORITY).exists() {
            let key = KeyPair::generate()?;
            write(directory, KEY, 0o600, &key.serialize_pem())?;
            issue(directory, now, key.serialize_pem().as_str())?;
            // last: where it stands, everything stands
            write(directory, AUTHORITY, 0o644, &params(now).self_signed(&key)?.pem())?;
        }
        let authority = Self { directory: directory.to_owned(), clock, pem: read(&directory.join(AUTHORITY))? };
        authority.renew()?;
        Ok(authority)
    }

    /// The authority's certificate, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Where that is kept.
    pub fn file(&self) -> PathBuf {
        self.directory.join(AUTHORITY)
    }

    /// Where certificate and key for this machine are kept.
    pub fn identity_file(&self) -> PathBuf {
        self.directory.join(IDENTITY)
    }

    /// Renews the certificate where it comes near its end, until `stop`.
    ///
    /// # Errors
    /// Where files cannot be read or written.
    pub async fn keep(self, stop: CancellationToken) -> anyhow::Result<()> {
        while stop.run_until_cancelled(tokio::time::sleep(BETWEEN_LOOKS)).await.is_some() {
            self.renew()?;
        }
        Ok(())
    }

    fn renew(&self) -> anyhow::Result<()> {
        let now = self.clock.now();
        let ends_at = fs::read(self.identity_file()).ok().and_then(|pem| ends_at(&pem));
        if ends_at.is_none_or(|ends_at| ends_at - now < NEAR_ITS_END) {
            issue(&self.directory, now, &read(&self.directory.join(KEY))?)?;
        }
        Ok(())
    }
}

fn ends_at(pem: &[u8]) -> Option<OffsetDateTime> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem).ok()?;
    Some(pem.parse_x509().ok()?.validity().not_after.to_datetime())
}

fn issue(directory: &Path, now: OffsetDateTime, authority_key: &str) -> anyhow::Result<()> {
    let issuer = Issuer::new(params(now), KeyPair::from_pem(authority_key)?);
    let mut params = CertificateParams::new(NAMES.map(ToOwned::to_owned))?;
    params.distinguished_name.push(DnType::CommonName, NAMES[0]);
    params.not_before = now - EARLIER;
    params.not_after = now + TTL;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?.pem();
    write(directory, IDENTITY, 0o600, &format!("{certificate}{}", key.serialize_pem()))
}

fn params(now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    // the word by which production knows what is simulated (eid.md §12.3)
    params.distinguished_name.push(DnType::CommonName, "HERMIR TLS");
    params.not_before = now - EARLIER;
    params.not_after = now + AUTHORITY_TTL;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let address = |address, prefix| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, prefix));
    let loopback = [
        GeneralSubtree::DnsName(NAMES[0].to_owned()),
        address(std::net::Ipv4Addr::LOCALHOST.into(), 8),
        address(std::net::Ipv6Addr::LOCALHOST.into(), 128),
    ];
    params.name_constraints = Some(NameConstraints { permitted_subtrees: loopback.into(), excluded_subtrees: Vec::new() });
    params
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read; begin anew with `ias demo --fresh`", path.display()))
}

/// Replaces a file in one step.
fn write(directory: &Path, name: &str, mode: u32, text: &str) -> anyhow::Result<()> {
    let (path, next) = (directory.join(name), directory.join(format!("{name}.new")));
    let written = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&next).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&next, &path)
    });
    written.with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _};

    use super::*;

    fn open(directory: &Path, now: OffsetDateTime) -> LocalAuthority {
        LocalAuthority::open(directory, Clock::fixed(now).0).expect("an authority")
    }

    /// Whether the authority vouches for a certificate, and for which of these names.
    fn vouched(authority: &str, certificate: &[u8], names: &[&str]) -> Vec<bool> {
        let authority = CertificateDer::from_pem_slice(authority.as_bytes()).expect("PEM");
        let anchors = [webpki::anchor_from_trusted_cert(&authority).expect("an anchor")];
        let der = CertificateDer::from_pem_slice(certificate).expect("PEM");
        let leaf = webpki::EndEntityCert::try_from(&der).expect("a certificate");
        let usage = webpki::KeyUsage::server_auth();
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        let ends_at = ends_at(certificate).expect("its end").unix_timestamp().unsigned_abs();
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(ends_at - 60));
        let chain = leaf.verify_for_usage(algorithms, &anchors, &[], time, usage, None, None);
        let is_for = |name: &str| leaf.verify_is_valid_for_subject_name(&ServerName::try_from(name).expect("a name")).is_ok();
        names.iter().map(|name| chain.is_ok() && is_for(name)).collect()
    }

    #[test]
    fn an_authority_stays_and_its_certificate_is_renewed_near_its_end() {
        let directory = tempfile::tempdir().expect("a directory");
        let now = Clock::System.now();
        let first = open(directory.path(), now);
        let identity = || fs::read(directory.path().join(IDENTITY)).expect("the certificate");
        let certificate = identity();
        let names = ["localhost", "127.0.0.1", "::1", "example.is"];
        assert_eq!(vouched(first.pem(), &certificate, &names), [true, true, true, false]);

        let later = open(directory.path(), now + TTL - NEAR_ITS_END - Duration::minutes(1));
        assert_eq!((later.pem(), identity()), (first.pem(), certificate.clone()));
        let near = open(directory.path(), now + TTL - NEAR_ITS_END + Duration::minutes(1));
        assert_eq!(near.pem(), first.pem());
        assert_ne!(identity(), certificate);
        assert_eq!(vouched(first.pem(), &identity(), &names[..1]), [true]);

        let mode = |file: &str| fs::metadata(directory.path().join(file)).expect(file).permissions().mode() & 0o777;
        assert_eq!((mode(AUTHORITY), mode(KEY), mode(IDENTITY)), (0o644, 0o600, 0o600));
        let left = fs::read_dir(directory.path()).expect("a directory").flatten();
        assert!(left.map(|entry| entry.file_name()).all(|name| FILES.iter().any(|file| name == *file)));
    }

    #[test]
    fn whoever_trusts_it_trusts_it_for_this_machine_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let authority = open(directory.path(), Clock::System.now());
        let stolen = KeyPair::from_pem(&read(&directory.path().join(KEY)).expect("the key")).expect("a key");
        let issuer = Issuer::new(params(Clock::System.now()), stolen);
        for (name, believed) in [("localhost", true), ("innskra.example.is", false), ("192.0.2.1", false)] {
            let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
            params.not_after = Clock::System.now() + Duration::DAY;
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            let forged = params.signed_by(&KeyPair::generate().expect("a key"), &issuer).expect("signed").pem();
            assert_eq!(vouched(authority.pem(), forged.as_bytes(), &[name]), [believed], "{name}");
        }
    }
}
