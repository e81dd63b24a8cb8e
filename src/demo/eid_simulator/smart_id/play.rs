//! App sessions in the world: how they begin, what apps and persons do with them, how they end.

use std::sync::Arc;

use anyhow::Context as _;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{
    super::{
        behaviour::{Action, Method, Outcome},
        people,
        play::PinVerdict,
        session::Plan,
        world::World,
    },
    answer::{self, Signed},
    session::{AppSession, Decision, Flow, Link, Request},
};
use crate::base::{digest, entropy};

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// nobody has such an app: HTTP 404
    NoAccount,
    /// the service is told to fail: HTTP 500
    Fails,
}

impl World {
    /// Begins a session for the app of a person.
    pub fn notify_app(&mut self, request: Request, national_id: &str, now: OffsetDateTime) -> Result<Uuid, NotTaken> {
        self.meet(national_id, now).map_err(|_| NotTaken::Fails)?;
        let person = self.people.get(national_id).ok_or(NotTaken::NoAccount)?;
        let (action, delay_ms, fault) = if person.blocked {
            (Action::SimError, 0, None)
        } else {
            let behaviour = self.take_behaviour(national_id, Method::App);
            let behaviour = behaviour.unwrap_or_else(|| self.settings.next_behaviour());
            (behaviour.action, behaviour.delay_ms, behaviour.fault)
        };
        match action {
            Action::NotClient => return Err(NotTaken::NoAccount),
            Action::ServerError => return Err(NotTaken::Fails),
            _ => {}
        }
        let at = now.saturating_add(Duration::milliseconds(i64::try_from(delay_ms).unwrap_or(i64::MAX)));
        let mut session = new_session(request, Flow::Notification, now);
        session.person = Some(national_id.to_owned());
        session.plan = action.outcome().map(|outcome| Plan { at, outcome });
        session.fault = fault;
        Ok(self.keep_app_session(session))
    }

    /// Begins a session for whoever opens its link, or for one person who does.
    pub fn link_app(
        &mut self,
        request: Request,
        asked_for: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<(Uuid, Link), NotTaken> {
        if let Some(national_id) = asked_for {
            self.meet(national_id, now).map_err(|_| NotTaken::Fails)?;
            self.people.get(national_id).ok_or(NotTaken::NoAccount)?;
        }
        let link = Link { token: digest::base64url(entropy::bytes::<18>()), secret: entropy::bytes() };
        let flow = if request.callback.is_some() { Flow::Web2App } else { Flow::Qr };
        let mut session = new_session(request, flow, now);
        session.link = Some(link.clone());
        session.asked_for = asked_for.map(str::to_owned);
        Ok((self.keep_app_session(session), link))
    }

    fn keep_app_session(&mut self, session: AppSession) -> Uuid {
        self.apps.sessions.retain(|_, old| !old.is_expired(session.created_at));
        let id = session.id;
        self.apps.sessions.insert(id, session);
        id
    }

    /// The session, with whatever was due by `now` done; none where it is unknown or forgotten.
    pub fn app_session(&mut self, id: Uuid, now: OffsetDateTime) -> Option<&mut AppSession> {
        let session = self.apps.sessions.get(&id)?;
        if session.is_expired(now) {
            self.apps.sessions.remove(&id);
            return None;
        }
        if let Some(outcome) = session.due(now) {
            self.decide_app(id, outcome, now);
        }
        self.apps.sessions.get_mut(&id)
    }

    /// Does whatever is due in any session.
    pub fn settle_apps(&mut self, now: OffsetDateTime) {
        for id in self.apps.sessions.keys().copied().collect::<Vec<_>>() {
            self.app_session(id, now);
        }
    }

    /// The oldest request that waits on a person's app.
    pub fn app_pending(&mut self, national_id: &str, now: OffsetDateTime) -> Option<&AppSession> {
        self.settle_apps(now);
        let open = self.apps.sessions.values().filter(|session| session.decision.is_none());
        open.filter(|session| session.person.as_deref() == Some(national_id))
            .min_by_key(|session| (session.created_at, session.id))
    }

    /// The session of a link.
    pub fn linked_session(&mut self, token: &str, now: OffsetDateTime) -> Option<&mut AppSession> {
        let is_named = |session: &AppSession| session.link.as_ref().is_some_and(|link| link.token == token);
        let id = self.apps.sessions.values().find(|session| is_named(session))?.id;
        self.app_session(id, now)
    }

    /// Ends a session, unless it has ended; whether it did.
    pub fn decide_app(&mut self, id: Uuid, outcome: Outcome, now: OffsetDateTime) -> bool {
        let Some(session) = self.apps.sessions.get(&id).filter(|session| session.decision.is_none()) else { return false };
        let (person, request, fault) = (session.person.clone(), session.request.clone(), session.fault);
        let (flow, link) = (session.flow, session.link.clone());
        let signed = match (outcome, person) {
            (Outcome::Ok, Some(person)) => answer::sign(self, &person, &request, (flow, link.as_ref()), fault, now).map(Some),
            (Outcome::Ok, None) => Err(anyhow::anyhow!("nobody has opened the link")),
            _ => Ok(None),
        };
        let decision = match signed {
            Ok(Some(Signed { answer, redirect })) => Decision { at: now, outcome, answer: Some(answer), redirect },
            Ok(None) => Decision { at: now, outcome, answer: None, redirect: None },
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "the simulated app could not sign");
                Decision { at: now, outcome: Outcome::SimError, answer: None, redirect: None }
            }
        };
        if let Some(session) = self.apps.sessions.get_mut(&id) {
            session.decision = Some(decision);
            session.changed.notify_waiters();
        }
        true
    }

    /// A person's answer to a session: the right PIN signs, unless another code was chosen; three wrong ones in a row block.
    pub fn approve_in_app(
        &mut self,
        id: Uuid,
        pin: &str,
        chosen: Option<&str>,
        now: OffsetDateTime,
    ) -> anyhow::Result<PinVerdict> {
        let Some(session) = self.app_session(id, now).filter(|session| session.decision.is_none()) else {
            return Ok(PinVerdict::Over);
        };
        let is_right = session.choices().is_empty() || chosen.is_none() || chosen == session.verification_code().as_deref();
        let Some(national_id) = session.person.clone() else { return Ok(PinVerdict::Over) };
        let person = self.people.get_mut(&national_id).context("the person is gone")?;
        if pin == people::PIN {
            person.wrong_pins = 0;
            self.decide_app(id, if is_right { Outcome::Ok } else { Outcome::WrongCode }, now);
            return Ok(PinVerdict::Right);
        }
        person.wrong_pins += 1;
        let left = people::MOST_WRONG_PINS.saturating_sub(person.wrong_pins);
        if left > 0 {
            return Ok(PinVerdict::Wrong { left });
        }
        person.blocked = true;
        self.decide_app(id, Outcome::SimError, now);
        self.save_people()?;
        Ok(PinVerdict::Blocked)
    }

    /// Whoever has opened a link answers it: `national_id` is the person who holds the device. What was prescribed for that person's
    /// app happens now.
    pub fn answer_link(
        &mut self,
        id: Uuid,
        national_id: &str,
        (pin, approves): (&str, bool),
        now: OffsetDateTime,
    ) -> anyhow::Result<PinVerdict> {
        self.meet(national_id, now)?;
        let person = self.people.get(national_id).context("there is no such person")?;
        let is_blocked = person.blocked;
        let Some(session) = self.app_session(id, now).filter(|session| session.decision.is_none()) else {
            return Ok(PinVerdict::Over);
        };
        if session.asked_for.as_deref().is_some_and(|asked_for| asked_for != national_id) {
            return Ok(PinVerdict::NotTheirs);
        }
        session.person = Some(national_id.to_owned());
        if !approves || is_blocked {
            self.decide_app(id, if is_blocked { Outcome::SimError } else { Outcome::UserCancelled }, now);
            return Ok(PinVerdict::Right);
        }
        if pin != people::PIN {
            return self.approve_in_app(id, pin, None, now);
        }
        let behaviour = self.take_behaviour(national_id, Method::App);
        if let Some(session) = self.apps.sessions.get_mut(&id) {
            session.fault = behaviour.and_then(|behaviour| behaviour.fault);
        }
        let outcome = behaviour.and_then(|behaviour| behaviour.action.outcome()).unwrap_or(Outcome::Ok);
        self.decide_app(id, outcome, now);
        Ok(PinVerdict::Right)
    }
}

fn new_session(request: Request, flow: Flow, now: OffsetDateTime) -> AppSession {
    AppSession {
        id: uuid::Builder::from_random_bytes(entropy::bytes()).into_uuid(),
        request,
        link: None,
        flow,
        person: None,
        asked_for: None,
        created_at: now,
        plan: None,
        fault: None,
        decision: None,
        polled: false,
        changed: Arc::default(),
    }
}
