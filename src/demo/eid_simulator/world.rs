//! Everything that changes while the simulator runs, behind one lock: people, sessions, certificates, moods and records.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    path::PathBuf,
    sync::Arc,
};

use anyhow::Context as _;
use time::{Duration, OffsetDateTime};
use tokio::sync::broadcast;
use uuid::Uuid;

use super::{
    answer,
    authority::Authority,
    behaviour::{Action, Behaviour, Outcome, Scenario},
    certificate::{self, Validity},
    event::Event,
    key::PersonKey,
    mode::{Mode, Settings},
    people::{self, Person, StoredPerson},
    record::Record,
    register::{Register, Revocation, Status},
    services::Services,
    session::{Authentication, Decision, Plan, Session},
};
use crate::base::{digest, entropy};

const SWEEP_EVERY: Duration = Duration::seconds(10);

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
    swept_at: OffsetDateTime,
}

/// The service is told to answer the start with HTTP 500.
#[derive(Debug)]
pub struct StartFails;

impl World {
    /// A world with the people of `people_file`, or with the first people where there is none.
    pub fn open(
        authority: Authority,
        base_url: String,
        people_file: PathBuf,
        settings: Settings,
        now: OffsetDateTime,
    ) -> anyhow::Result<Self> {
        let mut world = Self {
            authority,
            base_url,
            people: BTreeMap::new(),
            sessions: HashMap::new(),
            register: Register::default(),
            services: Services::default(),
            settings,
            records: VecDeque::new(),
            events: broadcast::channel(256).0,
            people_file,
            swept_at: now,
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
        let holder = certificate::Holder { national_id: &stored.national_id, name: &stored.name, profile: stored.profile };
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

    /// Revokes a person's certificate, or takes that back.
    pub fn set_revocation(&mut self, national_id: &str, revocation: Option<Revocation>) {
        if let Some(person) = self.people.get_mut(national_id) {
            person.revocation = revocation;
            self.register.set(&person.certificate.serial, Status { revocation, silent: false });
        }
    }

    /// Everything as at the beginning; the first people keep their keys.
    pub fn reset(&mut self, mode: Mode, now: OffsetDateTime) -> anyhow::Result<()> {
        for (_, session) in self.sessions.drain() {
            session.changed.notify_waiters();
        }
        self.records.clear();
        self.services = Services::default();
        self.settings = Settings::new(mode, None);
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

    /// Begins a session.
    pub fn start(&mut self, request: Authentication, now: OffsetDateTime) -> Result<Uuid, StartFails> {
        self.sweep(now);
        let person = self
            .holder_of(&request.phone, request.national_id.as_deref())
            .map(|person| (person.national_id.clone(), person.blocked));
        let behaviour = match &person {
            None => None,
            Some((_, true)) => Some((Action::SimError, 0, None)),
            Some((national_id, false)) => {
                let behaviour = self.take_behaviour(national_id);
                Some((behaviour.action, behaviour.delay_ms, behaviour.fault))
            }
        };
        let (action, delay_ms, fault) = behaviour.unwrap_or((Action::NotClient, 0, None));
        if action == Action::ServerError {
            return Err(StartFails);
        }
        let delay = Duration::milliseconds(i64::try_from(delay_ms).unwrap_or(i64::MAX));
        let plan = action.outcome().map(|outcome| Plan { at: now.saturating_add(delay), outcome });
        let id = uuid::Builder::from_random_bytes(entropy::bytes()).into_uuid();
        let session = Session {
            id,
            request,
            person: person.map(|(national_id, _)| national_id),
            created_at: now,
            plan,
            fault,
            decision: None,
            polled: false,
            changed: Arc::default(),
        };
        self.tell(Event::created(&session));
        self.sessions.insert(id, session);
        Ok(id)
    }

    /// The certificate behind a phone number, base64 of DER.
    pub fn certificate_of(&self, phone: &str, national_id: Option<&str>) -> Option<String> {
        self.holder_of(phone, national_id).map(|person| digest::base64(&person.certificate.der))
    }

    /// The person with the phone number, if the national id fits where one was sent (eid.md §2.4).
    fn holder_of(&self, phone: &str, national_id: Option<&str>) -> Option<&Person> {
        let local = phone.strip_prefix("+354")?;
        let person = self.people.values().find(|person| person.phone == local)?;
        national_id.is_none_or(|sent| sent == person.national_id).then_some(person)
    }

    fn take_behaviour(&mut self, national_id: &str) -> Behaviour {
        let prescribed = self.people.get_mut(national_id).and_then(|person| {
            let behaviour = person.behaviour?;
            match behaviour.times {
                None => {}
                Some(0 | 1) => person.behaviour = None,
                Some(times) => person.behaviour = Some(Behaviour { times: Some(times - 1), ..behaviour }),
            }
            Some(behaviour)
        });
        let scenario = || Scenario::of(national_id).filter(|_| self.settings.scenario_numbers).map(Scenario::behaviour);
        prescribed.or_else(scenario).unwrap_or_else(|| self.settings.next_behaviour())
    }

    /// The session, with whatever was due by `now` done; none where it is unknown or forgotten.
    pub fn session(&mut self, id: Uuid, now: OffsetDateTime) -> Option<&mut Session> {
        let session = self.sessions.get(&id)?;
        if session.is_expired(now) {
            self.sessions.remove(&id);
            return None;
        }
        if let Some(outcome) = session.due(now) {
            self.decide(id, outcome, now);
        }
        self.sessions.get_mut(&id)
    }

    /// Ends a session, unless it has ended; whether it did.
    pub fn decide(&mut self, id: Uuid, outcome: Outcome, now: OffsetDateTime) -> bool {
        let Some(session) = self.sessions.get(&id).filter(|session| session.decision.is_none()) else { return false };
        let (person, request, fault) = (session.person.clone(), session.request.clone(), session.fault);
        let signed = match (outcome, person) {
            (Outcome::Ok, Some(person)) => answer::sign(self, &person, &request, fault, now).map(Some),
            (Outcome::Ok, None) => Err(anyhow::anyhow!("nobody holds this number")),
            _ => Ok(None),
        };
        let decision = match signed {
            Ok(answer) => Decision { at: now, outcome, answer },
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "the simulated SIM card could not sign");
                Decision { at: now, outcome: Outcome::SimError, answer: None }
            }
        };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.decision = Some(decision);
            session.changed.notify_waiters();
            let ended = Event::ended(session);
            self.tell(ended);
        }
        true
    }

    /// Does whatever is due in any session.
    pub fn settle(&mut self, now: OffsetDateTime) {
        let open = self.sessions.values().filter(|session| session.decision.is_none());
        for id in open.map(|session| session.id).collect::<Vec<_>>() {
            self.session(id, now);
        }
    }

    /// The oldest request that waits on a person's phone.
    pub fn pending(&mut self, national_id: &str, now: OffsetDateTime) -> Option<&Session> {
        self.settle(now);
        self.sessions
            .values()
            .filter(|session| session.decision.is_none() && session.person.as_deref() == Some(national_id))
            .min_by_key(|session| (session.created_at, session.id))
    }

    /// A person's answer to a session: the right PIN signs, three wrong ones in a row block the electronic ID.
    pub fn approve(&mut self, id: Uuid, pin: &str, now: OffsetDateTime) -> anyhow::Result<PinVerdict> {
        let Some(session) = self.session(id, now).filter(|session| session.decision.is_none()) else {
            return Ok(PinVerdict::Over);
        };
        let Some(national_id) = session.person.clone() else { return Ok(PinVerdict::Over) };
        let person = self.people.get_mut(&national_id).context("the person is gone")?;
        if pin == people::PIN {
            person.wrong_pins = 0;
            self.decide(id, Outcome::Ok, now);
            return Ok(PinVerdict::Right);
        }
        person.wrong_pins += 1;
        let left = people::MOST_WRONG_PINS.saturating_sub(person.wrong_pins);
        if left > 0 {
            return Ok(PinVerdict::Wrong { left });
        }
        person.blocked = true;
        self.decide(id, Outcome::SimError, now);
        self.save_people()?;
        Ok(PinVerdict::Blocked)
    }

    fn tell(&self, event: Event) {
        // An error only means that nobody listens.
        let _ = self.events.send(event);
    }

    fn sweep(&mut self, now: OffsetDateTime) {
        if self.swept_at + SWEEP_EVERY <= now {
            self.sessions.retain(|_, session| !session.is_expired(now));
            self.swept_at = now;
        }
    }
}

/// What became of a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinVerdict {
    /// signed
    Right,
    /// not signed
    Wrong {
        /// how many tries are left
        left: u8,
    },
    /// not signed, and never again until unblocked
    Blocked,
    /// the session had ended
    Over,
}
