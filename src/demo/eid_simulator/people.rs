//! The simulator's people: the 13 Gervimenn (eid.md §5.3), the scenario numbers, and whoever the control API adds. They are kept in
//! one file with their keys.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::{
    behaviour::{Behaviour, SCENARIOS},
    certificate::{Holder, Issued, Medium, Profile},
    key::{KeyKind, PersonKey, StoredKey},
    register::Revocation,
    storage,
};

/// The PIN of every simulated phone.
pub const PIN: &str = "1234";
/// After this many wrong PINs in a row the electronic ID is blocked.
pub const MOST_WRONG_PINS: u8 = 3;

/// The 13 Gervimenn: Iceland's public test persons. The phone number of each is `010` and the last four digits.
const GERVIMENN: [(&str, &str); 13] = [
    ("0101302129", "Gervimaður Noregur"),
    ("0101302209", "Gervimaður Finnland"),
    ("0101302399", "Gervimaður Færeyjar"),
    ("0101302479", "Gervimaður Danmörk"),
    ("0101302559", "Gervimaður Svíþjóð"),
    ("0101302639", "Gervimaður Grænland"),
    ("0101302719", "Gervimaður Evrópa"),
    ("0101302989", "Gervimaður Ameríka"),
    ("0101303019", "Gervimaður Afríka"),
    ("0101303369", "Gervimaður Asía"),
    ("0101304929", "Gervimaður Bretland"),
    ("0101305069", "Gervimaður Bandaríkin"),
    ("0101307789", "Gervimaður útlönd"),
];
// One of each rarer kind, so that a relying party meets them in every demonstration.
const WITH_RSA: &str = "0101302129";
const WITH_LONG_APP_KEY: &str = "0101302209";
const WITH_OLD_PROFILE: &str = "0101302399";

/// Whose app has a key as long as apps have in truth.
pub fn has_long_app_key(national_id: &str) -> bool {
    national_id == WITH_LONG_APP_KEY
}

/// What the identity card of a person holds.
pub fn card_key_kind(national_id: &str) -> KeyKind {
    if national_id == WITH_RSA { KeyKind::Rsa2048 } else { KeyKind::Ec384 }
}

/// Whether the national id is a Gervimaður's.
pub fn is_gervimadur(national_id: &str) -> bool {
    GERVIMENN.iter().any(|(id, _)| *id == national_id)
}

/// A person with a phone and an electronic ID on its SIM card.
pub struct Person {
    /// ten digits
    pub national_id: String,
    /// the full name
    pub name: String,
    /// seven digits
    pub phone: String,
    /// the shape of the certificate's subject
    pub profile: Profile,
    /// signs for the person
    pub key: PersonKey,
    /// the certificate in use, issued anew at each start
    pub certificate: Issued,
    /// revoked, since when and why
    pub revocation: Option<Revocation>,
    /// blocked by wrong PINs or the control API
    pub blocked: bool,
    /// wrong PINs in a row
    pub wrong_pins: u8,
    /// what the control API prescribed; forgotten at a restart
    pub behaviour: Option<Behaviour>,
    /// the first signature that the person gave, kept to be replayed
    pub first_signature: Option<Vec<u8>>,
    /// one of many for load tests, whom no list shows and no file keeps
    pub of_crowd: bool,
}

/// A person as the file keeps it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StoredPerson {
    /// ten digits
    pub national_id: String,
    /// the full name
    pub name: String,
    /// seven digits
    pub phone: String,
    /// the shape of the certificate's subject
    pub profile: Profile,
    /// the key on the SIM card
    pub key: StoredKey,
    /// revoked, since when and why
    pub revocation: Option<Revocation>,
    /// blocked by wrong PINs or the control API
    pub blocked: bool,
}

impl Person {
    /// Whose certificate it is.
    pub fn holder(&self) -> Holder<'_> {
        Holder { national_id: &self.national_id, name: &self.name, profile: self.profile, medium: Medium::Sim }
    }

    fn store(&self) -> anyhow::Result<StoredPerson> {
        Ok(StoredPerson {
            national_id: self.national_id.clone(),
            name: self.name.clone(),
            phone: self.phone.clone(),
            profile: self.profile,
            key: self.key.store()?,
            revocation: self.revocation,
            blocked: self.blocked,
        })
    }
}

/// Reads the people from the file; none where there is no file yet.
pub fn load(path: &Path) -> anyhow::Result<Option<Vec<StoredPerson>>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{} is not the simulator's file of persons", path.display()))
        .map(Some)
}

/// Writes the people to the file.
pub fn save(path: &Path, people: &BTreeMap<String, Person>) -> anyhow::Result<()> {
    let kept = people.values().filter(|person| !person.of_crowd);
    let people = kept.map(Person::store).collect::<anyhow::Result<Vec<_>>>()?;
    storage::write(path, &serde_json::to_vec(&people)?)
}

/// A person of a fresh start.
pub struct FirstPerson {
    /// ten digits
    pub national_id: &'static str,
    /// what the SIM card holds
    pub key_kind: KeyKind,
    name: String,
    phone: String,
    profile: Profile,
}

impl FirstPerson {
    /// The person with a key.
    pub fn with_key(self, key: StoredKey) -> StoredPerson {
        StoredPerson {
            national_id: self.national_id.to_owned(),
            name: self.name,
            phone: self.phone,
            profile: self.profile,
            key,
            revocation: None,
            blocked: false,
        }
    }
}

/// The people of a fresh start.
pub fn first() -> impl Iterator<Item = FirstPerson> {
    let gervimenn = GERVIMENN.iter().map(|&(national_id, name)| FirstPerson {
        national_id,
        key_kind: if national_id == WITH_RSA { KeyKind::Rsa2048 } else { KeyKind::Ec256 },
        name: name.to_owned(),
        phone: format!("010{}", &national_id[6..]),
        profile: if national_id == WITH_OLD_PROFILE { Profile::IsOld } else { Profile::Etsi },
    });
    let scenarios = SCENARIOS.iter().map(|scenario| FirstPerson {
        national_id: scenario.national_id,
        key_kind: KeyKind::Ec256,
        name: format!("Sviðsmynd {}", &scenario.phone[5..]),
        phone: scenario.phone.to_owned(),
        profile: Profile::Etsi,
    });
    gervimenn.chain(scenarios)
}

/// The people of a fresh start, with new keys.
pub fn seed() -> anyhow::Result<Vec<StoredPerson>> {
    first()
        .map(|person| {
            let key = PersonKey::generate(person.key_kind)?.store()?;
            Ok(person.with_key(key))
        })
        .collect()
}
