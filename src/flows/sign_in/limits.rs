//! How often a number, a browser and a network may ask for a prompt (EID-06, RAT-02; eid.md §6). Sign-ins that the person
//! approved are taken off again.

use std::net::IpAddr;

use time::{Duration, OffsetDateTime};

use crate::{
    app::App,
    base::digest,
    config::sign_in::SignIn,
    store::rate_limits::{self, Counter},
};

/// What is counted.
#[derive(Clone, Copy)]
enum Limit {
    Number,
    /// the number, from browsers that it is closed to: they ask nobody, and may use nothing up (RAT-03)
    ClosedNumber,
    Browser,
    Network,
    /// the person refused on the phone: a cool-down for the number
    Refusals,
}

impl Limit {
    /// What keeps its counters apart from others of the same value; a number's value is a keyed hash of its own already, by which the
    /// row of the attempt finds the counter.
    fn word(self) -> Option<&'static [u8]> {
        match self {
            Self::Number => None,
            Self::ClosedNumber => Some(b"closed number"),
            Self::Browser => Some(b"browser"),
            Self::Network => Some(b"network"),
            Self::Refusals => Some(b"refusals"),
        }
    }

    fn most_and_window(self, limits: &SignIn) -> (u32, Duration) {
        match self {
            Self::Number | Self::ClosedNumber => (limits.attempts_per_number, limits.attempts_window),
            Self::Browser => (limits.attempts_per_browser, limits.attempts_window),
            Self::Network => (limits.attempts_per_address, limits.attempts_window),
            Self::Refusals => (limits.refusals_before_pause, limits.attempts_window),
        }
    }

    fn key(self, app: &App, value: &[u8]) -> Vec<u8> {
        self.word().map_or_else(
            || value.to_vec(),
            |word| digest::hmac_sha256(app.keys().pseudonyms().expose(), &[b"limit", word, value]).to_vec(),
        )
    }
}

/// Who asks for a prompt, as the counters see them: keyed hashes, so that no number stands in them.
pub(super) struct Asker<'a> {
    /// keyed hash of the number; none where nobody is named
    pub(super) subject_key: Option<&'a [u8]>,
    /// SHA-256 of the binding cookie
    pub(super) binding_hash: &'a [u8],
    /// address of the browser
    pub(super) address: IpAddr,
}

impl Asker<'_> {
    fn value(&self, limit: Limit) -> Option<Vec<u8>> {
        match limit {
            Limit::Number | Limit::ClosedNumber | Limit::Refusals => self.subject_key.map(<[u8]>::to_vec),
            Limit::Browser => Some(self.binding_hash.to_vec()),
            // RAT-02: a /64 is one asker
            Limit::Network => Some(match self.address {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets()[..8].to_vec(),
            }),
        }
    }

    fn key(&self, app: &App, limit: Limit) -> Option<Vec<u8>> {
        self.value(limit).map(|value| limit.key(app, &value))
    }
}

/// Counts a start for the browser and the network, and only then judges it, and whether the number rests after refusals (RAT-01);
/// `Err` holds the time after which it may be tried again.
pub(super) async fn count_start(app: &App, asker: &Asker<'_>, now: OffsetDateTime) -> sqlx::Result<Result<(), Duration>> {
    let settings = &app.settings.sign_in;
    let (counted, keys): (Vec<Limit>, Vec<Vec<u8>>) =
        [Limit::Browser, Limit::Network].into_iter().filter_map(|limit| Some((limit, asker.key(app, limit)?))).unzip();
    let ends: Vec<OffsetDateTime> = counted.iter().map(|limit| now + limit.most_and_window(settings).1).collect();
    let refusals = asker.key(app, Limit::Refusals);
    let counters = rate_limits::count(&app.pool, &keys, &ends, refusals.as_slice(), now).await?;
    let is_over = |counter: &&Counter| match counted.iter().zip(&keys).find(|(_, key)| counter.key == **key) {
        Some((limit, _)) => exceeds(counter, limit.most_and_window(settings).0),
        None => reaches(counter, settings.refusals_before_pause),
    };
    let pause = counters.iter().filter(is_over).map(|counter| counter.expires_at - now).max();
    Ok(pause.map_or(Ok(()), Err))
}

/// Until when the prompts of a number are counted together, from the first one of them at `now`.
pub(super) fn prompts_counted_until(app: &App, now: OffsetDateTime) -> OffsetDateTime {
    now + Limit::Number.most_and_window(&app.settings.sign_in).1
}

/// The name of a number for browsers that it is closed to.
pub(super) fn closed_key(app: &App, subject_key: &[u8]) -> Vec<u8> {
    Limit::ClosedNumber.key(app, subject_key)
}

/// Judges the counter of a number, in which the prompt that is about to leave was counted (RAT-01).
pub(super) fn judge_prompt(app: &App, prompts: &Counter, now: OffsetDateTime) -> Result<(), Duration> {
    if exceeds(prompts, Limit::Number.most_and_window(&app.settings.sign_in).0) {
        return Err(prompts.expires_at - now);
    }
    Ok(())
}

/// The counters beside the number's that an approved sign-in takes one off again.
pub(super) fn forgivable(app: &App, binding_hash: &[u8], address: IpAddr) -> Vec<Vec<u8>> {
    let asker = Asker { subject_key: None, binding_hash, address };
    [Limit::Browser, Limit::Network].into_iter().filter_map(|limit| asker.key(app, limit)).collect()
}

/// The person said no on the phone; several such in a window stop every start for the number for a while.
pub(super) async fn count_refusal(app: &App, subject_key: &[u8], now: OffsetDateTime) -> sqlx::Result<()> {
    let limits = &app.settings.sign_in;
    let (most, window) = Limit::Refusals.most_and_window(limits);
    let key = Limit::Refusals.key(app, subject_key);
    let counters = rate_limits::count(&app.pool, std::slice::from_ref(&key), &[now + window], &[], now).await?;
    if counters.iter().any(|counter| reaches(counter, most)) {
        rate_limits::hold(&app.pool, &key, now + limits.refusal_pause).await?;
    }
    Ok(())
}

fn exceeds(counter: &Counter, number: u32) -> bool {
    reaches(counter, number.saturating_add(1))
}

fn reaches(counter: &Counter, number: u32) -> bool {
    u32::try_from(counter.count).is_ok_and(|count| count >= number)
}
