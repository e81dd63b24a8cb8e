//! The life cycle of signing keys: when the next one is announced and when an old one leaves (KEY-04). The plan is pure; the
//! rest carries it out under a lock, so that two nodes make one key.

use sqlx::PgPool;
use time::{Duration, OffsetDateTime};

use super::{
    DATA_KEY, KeyFault, SIGNING_KEY,
    generate::{self, NewKey},
    ring::{PURPOSES, open},
};
use crate::{
    base::{entropy, seal::SealingKey},
    model::{
        audit::{About, AuditEvent, AuditRecord},
        signing_key::{KeyLifetimes, KeyState, KeyTimes, signer},
    },
    store::{
        audit_log, configuration,
        signing_keys::{self, StoredDataKey, StoredSigningKey},
    },
};

/// A key that is made for use at once signs after this (KEY-05): a node that has not read it by then has stopped to serve, which it
/// does 3 s after it last heard of the configuration, also where the clocks of two nodes differ by the 5 s that they may.
pub const READ_BY_ALL: Duration = Duration::seconds(10);

/// What there is to do at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// make a key that signs from then on
    Announce {
        /// first signature
        signs_from: OffsetDateTime,
    },
    /// nothing
    Wait,
}

/// The next step: the first key signs at once, since no cache knows another; every later one is announced first.
pub fn plan(keys: &[KeyTimes], lifetimes: KeyLifetimes, now: OffsetDateTime) -> Step {
    let announced = keys.iter().any(|key| key.state(now) == KeyState::Announced);
    match signer(keys, now) {
        None if !announced => Step::Announce { signs_from: now },
        Some(signer) if !announced && now >= signer.signs_from + lifetimes.signing - lifetimes.announce => {
            Step::Announce { signs_from: now + lifetimes.announce }
        }
        _ => Step::Wait,
    }
}

/// Makes what is missing and deletes what has been retired long enough; `true` where something changed.
pub async fn keep(
    pool: &PgPool,
    master: &SealingKey,
    bits: u16,
    lifetimes: KeyLifetimes,
    now: OffsetDateTime,
) -> Result<bool, KeyFault> {
    // a key takes time to make, and the lock is not held for that: the loser of two nodes throws its own away
    let new = match plan(&times(&signing_keys::list(pool).await?), lifetimes, now) {
        Step::Announce { .. } => Some(make(bits).await?),
        Step::Wait => None,
    };
    let mut transaction = pool.begin().await?;
    signing_keys::lock(&mut transaction).await?;
    let mut changed = false;
    let data_keys = proven(&mut transaction, master).await?;
    for purpose in PURPOSES.into_iter().filter(|purpose| data_keys.iter().all(|key| key.purpose != *purpose)) {
        let sealed = master.seal(&format!("{DATA_KEY} {purpose}"), &entropy::bytes::<32>());
        signing_keys::insert_data_key(&mut transaction, purpose, &sealed, now).await?;
        changed = true;
    }
    let step = plan(&times(&signing_keys::list(&mut *transaction).await?), lifetimes, now);
    if let (Step::Announce { signs_from }, Some(new)) = (step, new) {
        announce(&mut transaction, master, &new, signs_from, now).await?;
        changed = true;
    }
    if signing_keys::delete_retired(&mut *transaction, now - lifetimes.retired, now).await? > 0 {
        // every node leaves it out of its JWKS when the version moves
        configuration::bump(&mut transaction, now).await?;
        changed = true;
    }
    transaction.commit().await?;
    Ok(changed)
}

/// Announces a new key at once, whatever the age of the one that signs; gives its kid.
pub async fn rotate(
    pool: &PgPool,
    master: &SealingKey,
    bits: u16,
    signs_from: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<String, KeyFault> {
    let new = make(bits).await?;
    let mut transaction = pool.begin().await?;
    signing_keys::lock(&mut transaction).await?;
    proven(&mut transaction, master).await?;
    let kid = announce(&mut transaction, master, &new, signs_from, now).await?;
    transaction.commit().await?;
    Ok(kid)
}

/// What a revocation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// the key vouches for nothing any more; `successor` is the key that was made in its place, where it signed or was to sign
    Revoked {
        /// kid of the new key
        successor: Option<String>,
    },
    /// it was revoked before
    RevokedBefore,
}

/// Takes a key that may be in wrong hands out of service at once. Where it signs or is announced, a new one signs at once: the
/// others might retire before the next was announced (KEY-04).
pub async fn revoke(
    pool: &PgPool,
    master: &SealingKey,
    bits: u16,
    kid: &str,
    now: OffsetDateTime,
) -> Result<Revocation, KeyFault> {
    let known = times(&signing_keys::list(pool).await?);
    let Some(found) = known.iter().find(|key| key.kid == kid) else {
        return Err(KeyFault::Unknown { kid: kid.to_owned(), known: known.into_iter().map(|key| key.kid).collect() });
    };
    // states only go forward: what needs no successor now needs none under the lock
    let new = match found.state(now) {
        KeyState::Announced | KeyState::Signing => Some(make(bits).await?),
        KeyState::Retired | KeyState::Deleted | KeyState::Revoked => None,
    };
    let mut transaction = pool.begin().await?;
    signing_keys::lock(&mut transaction).await?;
    proven(&mut transaction, master).await?;
    if !signing_keys::revoke(&mut transaction, kid, now).await? {
        return Ok(Revocation::RevokedBefore);
    }
    let event = AuditEvent::SigningKeyRevoked { kid: kid.to_owned() };
    audit_log::insert(&mut *transaction, &AuditRecord::new(now, About::default(), event)).await?;
    let successor = match new {
        Some(new) => Some(announce(&mut transaction, master, &new, now, now).await?),
        None => None,
    };
    configuration::bump(&mut transaction, now).await?;
    transaction.commit().await?;
    Ok(Revocation::Revoked { successor })
}

/// The data keys, opened: what is sealed under another master key than theirs, no node could read.
async fn proven(connection: &mut sqlx::PgConnection, master: &SealingKey) -> Result<Vec<StoredDataKey>, KeyFault> {
    let stored = signing_keys::list_data_keys(connection).await?;
    for key in &stored {
        open(master, &format!("{DATA_KEY} {}", key.purpose), &key.key)?;
    }
    Ok(stored)
}

fn times(stored: &[StoredSigningKey]) -> Vec<KeyTimes> {
    stored.iter().map(Into::into).collect()
}

async fn make(bits: u16) -> Result<NewKey, KeyFault> {
    tokio::task::spawn_blocking(move || generate::rsa(bits)).await.map_err(|_| KeyFault::Generation)?
}

async fn announce(
    connection: &mut sqlx::PgConnection,
    master: &SealingKey,
    key: &NewKey,
    signs_from: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<String, KeyFault> {
    let kid = key.public.kid().to_owned();
    let sealed = master.seal(&format!("{SIGNING_KEY} {kid}"), key.private.expose());
    let public = serde_json::to_value(&key.public).map_err(|_| KeyFault::Generation)?;
    signing_keys::insert(connection, &kid, &sealed, &public, now, signs_from).await?;
    signing_keys::retire_others(connection, &kid, signs_from).await?;
    let event = AuditEvent::SigningKeyMade { kid: kid.clone() };
    audit_log::insert(&mut *connection, &AuditRecord::new(now, About::default(), event)).await?;
    // every node reads the keys anew when the version moves
    configuration::bump(connection, now).await?;
    Ok(kid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIMES: KeyLifetimes =
        KeyLifetimes { announce: Duration::hours(24), signing: Duration::days(90), retired: Duration::hours(24) };

    fn at(days: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::days(days)
    }

    fn key(signs_from: i64) -> KeyTimes {
        KeyTimes {
            kid: signs_from.to_string(),
            announced_at: at(signs_from - 1),
            signs_from: at(signs_from),
            retires_at: None,
            deleted_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn the_first_key_signs_at_once_and_each_later_one_is_announced_a_day_before_key_04() {
        assert_eq!(plan(&[], LIFETIMES, at(0)), Step::Announce { signs_from: at(0) });
        assert_eq!(plan(&[key(0)], LIFETIMES, at(88)), Step::Wait);
        assert_eq!(plan(&[key(0)], LIFETIMES, at(89)), Step::Announce { signs_from: at(90) });
        assert_eq!(plan(&[key(0), key(90)], LIFETIMES, at(89)), Step::Wait, "it is announced already");
        assert_eq!(plan(&[key(0), key(90)], LIFETIMES, at(91)), Step::Wait);
    }

    #[test]
    fn a_server_that_slept_through_a_rotation_announces_as_soon_as_it_wakes() {
        assert_eq!(plan(&[key(0)], LIFETIMES, at(400)), Step::Announce { signs_from: at(401) });
        let mut retired = key(0);
        retired.retires_at = Some(at(90));
        assert_eq!(plan(&[retired], LIFETIMES, at(91)), Step::Announce { signs_from: at(91) });
    }
}
