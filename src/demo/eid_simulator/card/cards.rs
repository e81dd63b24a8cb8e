//! The people's identity cards. A card is made when somebody first asks for it, and kept with its certificate, which may have been
//! imported into a browser.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::super::{
    certificate::{self, Holder, Issued, Medium, Validity},
    key::{PersonKey, StoredKey},
    people::{Person, card_key_kind},
    register::{Register, Revocation, Status},
    storage,
    world::World,
};
use crate::base::digest;

/// An identity card.
pub struct Card {
    /// signs for the person
    pub key: PersonKey,
    /// of the key
    pub certificate: Issued,
    /// revoked, since when and why
    revocation: Option<Revocation>,
    /// the first honest signature that the card gave, kept to be replayed
    pub first_signature: Option<Vec<u8>>,
    /// whether the file keeps it
    is_kept: bool,
}

/// Every card that was made.
pub struct Cards {
    file: PathBuf,
    by_person: BTreeMap<String, Card>,
    register: Register,
}

/// A card as the file keeps it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredCard {
    national_id: String,
    key: StoredKey,
    /// base64 of DER
    certificate: String,
    /// base64
    serial: String,
    revocation: Option<Revocation>,
}

impl Cards {
    /// The cards of the file, or none where there is no file yet.
    pub fn open(file: PathBuf) -> anyhow::Result<Self> {
        let mut cards = Self { file, by_person: BTreeMap::new(), register: Register::default() };
        if !cards.file.exists() {
            return Ok(cards);
        }
        let text = fs::read(&cards.file).with_context(|| format!("reading {}", cards.file.display()))?;
        let stored: Vec<StoredCard> = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not the simulator's file of cards", cards.file.display()))?;
        for stored in stored {
            let read = |text: &str| digest::from_base64(text).context("a card is not base64");
            let certificate = Issued { der: read(&stored.certificate)?, serial: read(&stored.serial)? };
            cards.register.set(&certificate.serial, Status { revocation: stored.revocation, silent: false });
            let card = Card {
                key: PersonKey::load(&stored.key)?,
                certificate,
                revocation: stored.revocation,
                first_signature: None,
                is_kept: true,
            };
            cards.by_person.insert(stored.national_id, card);
        }
        Ok(cards)
    }

    /// What the authority of the cards knows of their certificates.
    pub fn register(&self) -> &Register {
        &self.register
    }

    /// The same, to be changed.
    pub fn register_mut(&mut self) -> &mut Register {
        &mut self.register
    }

    /// The card of a person that has one.
    pub fn get(&self, national_id: &str) -> Option<&Card> {
        self.by_person.get(national_id)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, national_id: &str) -> Option<&mut Card> {
        self.by_person.get_mut(national_id)
    }

    /// Revokes a card, or takes that back.
    pub fn set_revocation(&mut self, national_id: &str, revocation: Option<Revocation>) -> anyhow::Result<()> {
        if let Some(card) = self.by_person.get_mut(national_id) {
            card.revocation = revocation;
            self.register.set(&card.certificate.serial, Status { revocation, silent: false });
        }
        self.save()
    }

    /// Everybody gives their card back.
    pub fn reset(&mut self) -> anyhow::Result<()> {
        self.by_person.clear();
        self.register = Register::default();
        self.save()
    }

    fn save(&self) -> anyhow::Result<()> {
        let store = |(national_id, card): (&String, &Card)| {
            Ok(StoredCard {
                national_id: national_id.clone(),
                key: card.key.store()?,
                certificate: digest::base64(&card.certificate.der),
                serial: digest::base64(&card.certificate.serial),
                revocation: card.revocation,
            })
        };
        let kept = self.by_person.iter().filter(|(_, card)| card.is_kept);
        let stored = kept.map(store).collect::<anyhow::Result<Vec<_>>>()?;
        storage::write(&self.file, &serde_json::to_vec(&stored)?)
    }
}

/// Whose certificate is on a person's card.
pub fn holder(person: &Person) -> Holder<'_> {
    Holder { medium: Medium::Card, ..person.holder() }
}

impl World {
    /// Sees to it that the person has a card.
    pub fn hand_out_card(&mut self, national_id: &str, now: OffsetDateTime) -> anyhow::Result<()> {
        if self.cards.by_person.contains_key(national_id) {
            return Ok(());
        }
        let person = self.people.get(national_id).context("there is no such person")?;
        let key = PersonKey::generate(card_key_kind(national_id))?;
        let certificate =
            certificate::issue(&self.authority, &self.base_url, holder(person), &key, Validity::usual(now), None)?;
        let is_kept = !person.of_crowd;
        self.cards.register.set(&certificate.serial, Status::default());
        let card = Card { key, certificate, revocation: None, first_signature: None, is_kept };
        self.cards.by_person.insert(national_id.to_owned(), card);
        if is_kept { self.cards.save() } else { Ok(()) }
    }
}
