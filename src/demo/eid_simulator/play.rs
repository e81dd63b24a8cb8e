//! Sessions in the world: how they begin, what phones and persons do with them, how they end.

use std::sync::Arc;

use anyhow::Context as _;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{
    answer,
    behaviour::{Action, Behaviour, Method, Outcome, Scenario},
    event::Event,
    people,
    session::{Authentication, Decision, Plan, Session},
    world::World,
};
use crate::base::entropy;

const SWEEP_EVERY: Duration = Duration::seconds(10);

/// The service is told to answer the start with HTTP 500.
#[derive(Debug)]
pub struct StartFails;

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
    /// the session waits for another person's app
    NotTheirs,
}

impl World {
    /// Begins a session.
    pub fn start(&mut self, request: Authentication, now: OffsetDateTime) -> Result<Uuid, StartFails> {
        self.sweep(now);
        self.meet_at(&request.phone, now).map_err(|_| StartFails)?;
        let person = self
            .holder_of(&request.phone, request.national_id.as_deref())
            .map(|person| (person.national_id.clone(), person.blocked));
        let behaviour = match &person {
            None => None,
            Some((_, true)) => Some((Action::SimError, 0, None)),
            Some((national_id, false)) => {
                let behaviour = self.take_behaviour(national_id, Method::Sim);
                let behaviour = behaviour.unwrap_or_else(|| self.settings.next_behaviour());
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

    /// What was prescribed for this electronic ID of a person, by the control API or by its number.
    pub fn take_behaviour(&mut self, national_id: &str, method: Method) -> Option<Behaviour> {
        let prescribed = self.people.get_mut(national_id).and_then(|person| {
            let behaviour = person.behaviour.filter(|behaviour| behaviour.method.covers(method))?;
            match behaviour.times {
                None => {}
                Some(0 | 1) => person.behaviour = None,
                Some(times) => person.behaviour = Some(Behaviour { times: Some(times - 1), ..behaviour }),
            }
            Some(behaviour)
        });
        let scenario = || Scenario::of(national_id).filter(|_| self.settings.scenario_numbers).map(Scenario::behaviour);
        prescribed.or_else(|| scenario().filter(|behaviour| behaviour.method.covers(method)))
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
