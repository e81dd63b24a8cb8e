//! Everything that changes while the simulator runs, behind one lock: people, sessions, certificates, moods and records.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    path::PathBuf,
};

use anyhow::Context as _;
use time::OffsetDateTime;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::{
    AppKey,
    authority::Authority,
    behaviour::Method,
    card::Cards,
    certificate::{self, Medium, Validity},
    crowd::Crowd,
    event::Event,
    key::PersonKey,
    mode::{Mode, Settings},
    op::OpRegister,
    people::{self, Person, StoredPerson},
    record::Record,
    register::{Register, Revocation, Status},
    services::Services,
    session::Session,
    smart_id::Apps,
};
use crate::base::digest;

/// The state of the simulator.
pub struct World {
    /// issues certificates
    pub authority: Authority,
    /// where the simulator is reached, without a slash at the end; goes into certificates
    pub base_url: String,
    /// by national id
    pub people: BTreeMap<String, Person>,
    /// by id
    pub sessions: HashMap<Uuid, Session>,
    /// what the SIM authority issued
    pub register: Register,
    /// the brokers' clients, codes and lies
    pub op: OpRegister,
    /// how the services feel
    pub services: Services,
    /// who answers
    pub settings: Settings,
    /// what relying parties asked, the newest last
    pub records: VecDeque<Record>,
    /// tells listeners of the control API
    pub events: broadcast::Sender<Event>,
    /// where the people are kept
    pub people_file: PathBuf,
    /// when forgotten sessions were last cleared away
    pub swept_at: OffsetDateTime,
    /// the people for load tests
    pub crowd: Crowd,
    /// the people's identity cards
    pub cards: Cards,
    /// the people's apps, and what is asked of them
    pub apps: Apps,
}

impl World {
    /// A world with the people of `people_file`, or with the first people where there is none.
    pub fn open(
        authority: Authority,
        base_url: String,
        people_file: PathBuf,
        settings: Settings,
        app_key: AppKey,
        now: OffsetDateTime,
    ) -> anyhow::Result<Self> {
        let cards = Cards::open(people_file.with_file_name("cards.json"))?;
        let crowd = Crowd::open(people_file.with_file_name("crowd.json"))?;
        let mut world = Self {
            authority,
            base_url,
            people: BTreeMap::new(),
            sessions: HashMap::new(),
            register: Register::default(),
            op: OpRegister::default(),
            services: Services::default(),
            settings,
            records: VecDeque::new(),
            events: broadcast::channel(256).0,
            people_file,
            swept_at: now,
            crowd,
            cards,
            apps: Apps::new(app_key),
        };
        let kept = people::load(&world.people_file)?;
        let fresh = kept.is_none();
        for stored in kept.map_or_else(people::seed, Ok)? {
            world.admit(stored, now)?;
        }
        if fresh {
            world.save_people()?;
        }
        Ok(world)
    }

    /// Takes a person in and issues its certificate.
    pub fn admit(&mut self, stored: StoredPerson, now: OffsetDateTime) -> anyhow::Result<()> {
        let key = PersonKey::load(&stored.key)?;
        let holder = certificate::Holder {
            national_id: &stored.national_id,
            name: &stored.name,
            profile: stored.profile,
            medium: Medium::Sim,
        };
        let certificate = certificate::issue(&self.authority, &self.base_url, holder, &key, Validity::usual(now), None)?;
        self.register.set(&certificate.serial, Status { revocation: stored.revocation, silent: false });
        let person = Person {
            national_id: stored.national_id.clone(),
            name: stored.name,
            phone: stored.phone,
            profile: stored.profile,
            key,
            certificate,
            revocation: stored.revocation,
            blocked: stored.blocked,
            wrong_pins: 0,
            behaviour: None,
            first_signature: None,
            of_crowd: false,
        };
        self.people.insert(stored.national_id, person);
        Ok(())
    }

    /// Issues a person's certificate anew; the old one stays what it was.
    pub fn reissue(&mut self, national_id: &str, validity: Validity) -> anyhow::Result<()> {
        let person = self.people.get_mut(national_id).context("the person is gone")?;
        let certificate = certificate::issue(&self.authority, &self.base_url, person.holder(), &person.key, validity, None)?;
        self.register.set(&certificate.serial, Status::default());
        (person.certificate, person.revocation) = (certificate, None);
        Ok(())
    }

    /// Revokes a person's certificates for these electronic IDs, or takes that back.
    pub fn set_revocation(
        &mut self,
        national_id: &str,
        method: Method,
        revocation: Option<Revocation>,
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        if method.covers(Method::Sim)
            && let Some(person) = self.people.get_mut(national_id)
        {
            person.revocation = revocation;
            self.register.set(&person.certificate.serial, Status { revocation, silent: false });
        }
        if method.covers(Method::Card) {
            self.hand_out_card(national_id, now)?;
            self.cards.set_revocation(national_id, revocation)?;
        }
        if method.covers(Method::App) {
            self.install_app(national_id, now)?;
            self.apps.set_revocation(national_id, revocation);
        }
        Ok(())
    }

    /// Everything as at the beginning; the first people keep their keys.
    pub fn reset(&mut self, mode: Mode, now: OffsetDateTime) -> anyhow::Result<()> {
        for (_, session) in self.sessions.drain() {
            session.changed.notify_waiters();
        }
        self.records.clear();
        self.op = OpRegister::default();
        self.services = Services::default();
        self.settings = Settings::new(mode, None);
        self.gather(0, 0)?;
        self.cards.reset()?;
        self.apps.reset();
        let mut before = std::mem::take(&mut self.people);
        for first in people::first() {
            let key = match before.remove(first.national_id) {
                Some(person) => person.key.store()?,
                None => PersonKey::generate(first.key_kind)?.store()?,
            };
            self.admit(first.with_key(key), now)?;
        }
        self.save_people()
    }

    /// Writes the people to their file.
    pub fn save_people(&self) -> anyhow::Result<()> {
        people::save(&self.people_file, &self.people)
    }

    /// The certificate behind a phone number, base64 of DER.
    pub fn certificate_of(&mut self, phone: &str, national_id: Option<&str>, now: OffsetDateTime) -> Option<String> {
        self.meet_at(phone, now).ok()?;
        self.holder_of(phone, national_id).map(|person| digest::base64(&person.certificate.der))
    }

    /// The person with the phone number, if the national id fits where one was sent (eid.md §2.4).
    pub fn holder_of(&self, phone: &str, national_id: Option<&str>) -> Option<&Person> {
        let local = phone.strip_prefix("+354")?;
        let is_theirs = |person: &&Person| person.phone == local;
        // of many people not one after the other is asked
        let one_of_many = self.crowd.national_id_of(local).and_then(|id| self.people.get(&id)).filter(is_theirs);
        let person = one_of_many.or_else(|| self.people.values().find(is_theirs))?;
        national_id.is_none_or(|sent| sent == person.national_id).then_some(person)
    }
}
