//! People for load tests (eid.md §11.2): up to a hundred thousand, who share a few keys. Nobody of them exists before somebody first asks for
//! them; then they get a certificate of their own, like everybody else.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    certificate::Profile,
    key::{KeyKind, PersonKey, StoredKey},
    people::StoredPerson,
    storage,
    world::World,
};

/// The most people that there can be; theirs are the national ids from `0099200000` and the phone numbers from `0200000`.
pub const MOST_PEOPLE: u32 = 100_000;
/// The most keys that they can share.
pub const MOST_KEYS: usize = 1024;
const FIRST: u32 = 200_000;

/// The people for load tests, as the file keeps them.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stored {
    count: u32,
    keys: Vec<StoredKey>,
}

/// The people for load tests.
pub struct Crowd {
    file: PathBuf,
    stored: Stored,
}

impl Crowd {
    /// The people of the file, or nobody where there is no file yet.
    pub fn open(file: PathBuf) -> anyhow::Result<Self> {
        if !file.exists() {
            return Ok(Self { file, stored: Stored::default() });
        }
        let text = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        let stored = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not the simulator's file of people for load", file.display()))?;
        Ok(Self { file, stored })
    }

    /// From now on they are so many, with new keys.
    fn set(&mut self, count: u32, keys: usize) -> anyhow::Result<()> {
        let key = || PersonKey::generate(KeyKind::Ec256)?.store();
        self.stored = Stored { count, keys: (0..keys).map(|_| key()).collect::<anyhow::Result<_>>()? };
        storage::write(&self.file, &serde_json::to_vec(&self.stored)?)
    }

    /// The national id and the phone number of one of them, the first being 0.
    pub fn numbers(index: u32) -> (String, String) {
        let number = FIRST + index;
        (format!("0099{number}"), format!("0{number}"))
    }

    /// Whose phone number it is.
    pub fn national_id_of(&self, phone: &str) -> Option<String> {
        let digits = phone.strip_prefix('0')?;
        self.index(digits).map(|_| format!("0099{digits}"))
    }

    /// Whether it is the national id of one of them.
    pub fn has(&self, national_id: &str) -> bool {
        national_id.strip_prefix("0099").and_then(|digits| self.index(digits)).is_some()
    }

    fn index(&self, digits: &str) -> Option<u32> {
        let number: u32 = digits.parse().ok().filter(|_| digits.len() == 6)?;
        number.checked_sub(FIRST).filter(|index| *index < self.stored.count)
    }

    fn person(&self, national_id: &str) -> Option<StoredPerson> {
        let index = self.index(national_id.strip_prefix("0099")?)?;
        let key = self.stored.keys.get(usize::try_from(index).ok()?.checked_rem(self.stored.keys.len())?)?;
        let (national_id, phone) = Self::numbers(index);
        let name = format!("Álag {phone}");
        let key = key.clone();
        Some(StoredPerson { national_id, name, phone, profile: Profile::Etsi, key, revocation: None, blocked: false })
    }
}

impl World {
    /// From now on there are so many people for load tests, who share so many keys.
    pub fn gather(&mut self, count: u32, keys: usize) -> anyhow::Result<()> {
        self.people.retain(|_, person| !person.of_crowd);
        self.crowd.set(count, keys)
    }

    /// Sees to it that a person for load tests is there; whoever else it is is there already, or is nobody.
    pub fn meet(&mut self, national_id: &str, now: OffsetDateTime) -> anyhow::Result<()> {
        if self.people.contains_key(national_id) {
            return Ok(());
        }
        let Some(stored) = self.crowd.person(national_id) else { return Ok(()) };
        self.admit(stored, now)?;
        if let Some(person) = self.people.get_mut(national_id) {
            person.of_crowd = true;
        }
        Ok(())
    }

    /// The same, by the phone number with its country.
    pub fn meet_at(&mut self, phone: &str, now: OffsetDateTime) -> anyhow::Result<()> {
        match phone.strip_prefix("+354").and_then(|local| self.crowd.national_id_of(local)) {
            Some(national_id) => self.meet(&national_id, now),
            None => Ok(()),
        }
    }
}
