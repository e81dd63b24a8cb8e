//! Signing keys and their life: announced in the JWKS before they sign, retired but still published after (KEY-04).

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

/// Where a key stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// in the JWKS, does not sign yet
    Announced,
    /// signs
    Signing,
    /// signs no more; still in the JWKS
    Retired,
    /// out of the JWKS; its public part remains for old `id_token_hint`s, its private part is gone
    Deleted,
    /// perhaps in wrong hands: out of the JWKS, and believed in nothing
    Revoked,
}

/// The times of a key's life; the state is read from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTimes {
    /// RFC 7638 thumbprint
    pub kid: String,
    /// since when it is in the JWKS
    pub announced_at: OffsetDateTime,
    /// from when on it may sign
    pub signs_from: OffsetDateTime,
    /// from when on it signs no more
    pub retires_at: Option<OffsetDateTime>,
    /// when it left the JWKS
    pub deleted_at: Option<OffsetDateTime>,
    /// when it was revoked
    pub revoked_at: Option<OffsetDateTime>,
}

/// How long each part of a key's life lasts.
#[derive(Clone, Copy, Debug)]
pub struct KeyLifetimes {
    /// in the JWKS before the first signature: longer than every cache of the JWKS
    pub announce: Duration,
    /// age at which the next key is announced
    pub signing: Duration,
    /// in the JWKS after the last signature: longer than every token
    pub retired: Duration,
}

impl KeyState {
    /// Whether the JWKS lists the key.
    pub const fn is_published(self) -> bool {
        matches!(self, Self::Announced | Self::Signing | Self::Retired)
    }
}

impl KeyTimes {
    /// The state at `now`.
    pub fn state(&self, now: OffsetDateTime) -> KeyState {
        // whatever the clock of this node says
        if self.revoked_at.is_some() {
            KeyState::Revoked
        } else if self.deleted_at.is_some_and(|at| at <= now) {
            KeyState::Deleted
        } else if self.retires_at.is_some_and(|at| at <= now) {
            KeyState::Retired
        } else if self.signs_from <= now {
            KeyState::Signing
        } else {
            KeyState::Announced
        }
    }
}

/// The key that signs at `now`: of those that may, the one that began last; where none may, the announced one that begins first, as
/// after a revocation by a clock that is a little ahead.
pub fn signer<'a>(keys: impl IntoIterator<Item = &'a KeyTimes>, now: OffsetDateTime) -> Option<&'a KeyTimes> {
    let order = |a: &&KeyTimes, b: &&KeyTimes| (a.signs_from, &a.kid).cmp(&(b.signs_from, &b.kid));
    let (signing, others): (Vec<&KeyTimes>, Vec<&KeyTimes>) =
        keys.into_iter().partition(|key| key.state(now) == KeyState::Signing);
    let announced = others.into_iter().filter(|key| key.state(now) == KeyState::Announced);
    signing.into_iter().max_by(order).or_else(|| announced.min_by(order))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kid: &str, announced: i64, signs: i64, retires: Option<i64>, deleted: Option<i64>) -> KeyTimes {
        let at = |hours| OffsetDateTime::UNIX_EPOCH + Duration::hours(hours);
        KeyTimes {
            kid: kid.into(),
            announced_at: at(announced),
            signs_from: at(signs),
            retires_at: retires.map(at),
            deleted_at: deleted.map(at),
            revoked_at: None,
        }
    }

    #[test]
    fn a_key_is_announced_signs_retires_and_is_deleted_key_04() {
        let key = key("a", 0, 24, Some(100), Some(101));
        let state = |hours| key.state(OffsetDateTime::UNIX_EPOCH + Duration::hours(hours));
        assert_eq!(
            [state(0), state(23), state(24), state(99), state(100), state(101)],
            [
                KeyState::Announced,
                KeyState::Announced,
                KeyState::Signing,
                KeyState::Signing,
                KeyState::Retired,
                KeyState::Deleted
            ]
        );
    }

    #[test]
    fn a_revoked_key_is_revoked_at_every_moment_key_04() {
        let mut key = key("a", 0, 24, Some(100), Some(101));
        key.revoked_at = Some(OffsetDateTime::UNIX_EPOCH + Duration::hours(50));
        for hours in [0, 30, 50, 100, 101] {
            let state = key.state(OffsetDateTime::UNIX_EPOCH + Duration::hours(hours));
            assert_eq!((state, state.is_published()), (KeyState::Revoked, false));
        }
    }

    #[test]
    fn the_newest_key_that_may_sign_signs() {
        let keys = [key("old", 0, 0, None, None), key("new", 10, 34, None, None)];
        let signer_at = |hours| signer(&keys, OffsetDateTime::UNIX_EPOCH + Duration::hours(hours)).map(|key| key.kid.clone());
        assert_eq!(signer_at(33).as_deref(), Some("old"));
        assert_eq!(signer_at(34).as_deref(), Some("new"));
        assert_eq!(signer(&[], OffsetDateTime::UNIX_EPOCH), None);
    }
}
