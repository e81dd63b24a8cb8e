//! The people's apps and what was asked of them. An app is installed when something is first asked of it, and forgotten at a restart:
//! nobody keeps its certificate.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use anyhow::Context as _;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    super::{
        AppKey,
        certificate::{self, Holder, Issued, Medium, Validity},
        key::{KeyKind, PersonKey},
        people::{Person, has_long_app_key},
        register::{Register, Revocation, Status},
        world::World,
    },
    session::AppSession,
};

/// An app with somebody's electronic ID.
pub struct App {
    /// signs for the person
    pub key: Arc<PersonKey>,
    /// of the key
    pub certificate: Issued,
    /// the first honest signature that the app gave, kept to be replayed
    pub first_signature: Option<Value>,
}

/// Every app that was installed, and every session.
pub struct Apps {
    key: AppKey,
    /// many apps have one key where keys are to be had at once
    shared_key: Option<Arc<PersonKey>>,
    by_person: BTreeMap<String, App>,
    register: Register,
    /// by id
    pub sessions: HashMap<Uuid, AppSession>,
}

impl Apps {
    /// No app yet.
    pub fn new(key: AppKey) -> Self {
        Self { key, shared_key: None, by_person: BTreeMap::new(), register: Register::default(), sessions: HashMap::new() }
    }

    /// What the authority of the apps knows of their certificates.
    pub fn register(&self) -> &Register {
        &self.register
    }

    /// The same, to be changed.
    pub fn register_mut(&mut self) -> &mut Register {
        &mut self.register
    }

    /// The app of a person that has one.
    pub fn get(&self, national_id: &str) -> Option<&App> {
        self.by_person.get(national_id)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, national_id: &str) -> Option<&mut App> {
        self.by_person.get_mut(national_id)
    }

    /// Revokes the certificate of an app, or takes that back.
    pub fn set_revocation(&mut self, national_id: &str, revocation: Option<Revocation>) {
        if let Some(app) = self.by_person.get(national_id) {
            self.register.set(&app.certificate.serial, Status { revocation, silent: false });
        }
    }

    /// Every app is taken off, every session is over.
    pub fn reset(&mut self) {
        for (_, session) in self.sessions.drain() {
            session.changed.notify_waiters();
        }
        self.by_person.clear();
        self.register = Register::default();
    }

    fn new_key(&mut self, national_id: &str, of_crowd: bool) -> anyhow::Result<Arc<PersonKey>> {
        let length = if of_crowd { AppKey::Short } else { self.key };
        match (length, &self.shared_key) {
            _ if has_long_app_key(national_id) => PersonKey::generate(KeyKind::Rsa6144).map(Arc::new),
            (AppKey::Usual, _) => PersonKey::generate(KeyKind::Rsa3072).map(Arc::new),
            (AppKey::Short, Some(key)) => Ok(Arc::clone(key)),
            (AppKey::Short, None) => {
                let key = Arc::new(PersonKey::generate(KeyKind::Rsa2048)?);
                self.shared_key = Some(Arc::clone(&key));
                Ok(key)
            }
        }
    }
}

/// Whose certificate is in a person's app.
pub fn holder(person: &Person) -> Holder<'_> {
    Holder { medium: Medium::App, ..person.holder() }
}

impl World {
    /// Sees to it that the person has an app.
    pub fn install_app(&mut self, national_id: &str, now: OffsetDateTime) -> anyhow::Result<()> {
        if self.apps.by_person.contains_key(national_id) {
            return Ok(());
        }
        let person = self.people.get(national_id).context("there is no such person")?;
        let key = self.apps.new_key(national_id, person.of_crowd)?;
        let certificate =
            certificate::issue(&self.authority, &self.base_url, holder(person), &key, Validity::usual(now), None)?;
        self.apps.register.set(&certificate.serial, Status::default());
        self.apps.by_person.insert(national_id.to_owned(), App { key, certificate, first_signature: None });
        Ok(())
    }
}
