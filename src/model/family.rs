//! Families: what one code exchange gave, its access tokens and, where the client may refresh, its chain of refresh tokens
//! (architecture.md, decisions C, D, E). Here is the judgement over a refresh token that the guarded update did not take.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::authorization_code::Authentication;
use crate::base::id::FamilyId;

/// How long the direct predecessor of a refresh token is accepted again, where the client is set to [`RefreshTokenRetry::UntilUsed`]
/// (decision D).
pub const RETRY_WINDOW: Duration = Duration::seconds(60);

/// What a used refresh token means (decision D).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum RefreshTokenRetry {
    /// reuse, always: the chain is revoked
    Strict,
    /// a retry after a lost answer, where it is the direct predecessor, within [`RETRY_WINDOW`] of its rotation, and its successor
    /// has not been used
    UntilUsed,
}

/// What a family gives: who and what its tokens are about.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct FamilyGrant {
    /// the family
    #[sqlx(rename = "id")]
    pub family_id: FamilyId,
    /// of whom
    #[sqlx(flatten)]
    pub authentication: Authentication,
    /// national id of the subject
    pub national_id: String,
    /// name of the subject
    pub name: Option<String>,
    /// of the authorization request, for the first ID token
    pub nonce: Option<String>,
    /// what was granted
    pub scope: Vec<String>,
    /// whether it has a chain of refresh tokens
    pub refreshable: bool,
    /// no token of the family outlives it
    pub ends_at: OffsetDateTime,
}

/// A family as it is when a refresh token of it is judged, its row locked. The token is genuine: the family's own secret is in it,
/// and the client that shows it is the family's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
    /// how many refreshes the family has had
    pub generation: u32,
    /// how many refreshes came before the token that is shown
    pub shown: u32,
    /// last refresh
    pub last_used_at: OffsetDateTime,
    /// whether the family was revoked
    pub revoked: bool,
    /// whether nothing else stands in the way: times, person, not-before, consent, identity provider
    pub alive: bool,
    /// whether the requested scope is within the granted one
    pub covers_scope: bool,
}

/// What becomes of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// the current one of a living family
    Rotate,
    /// a lost answer is given again: the same successor
    Repeat,
    /// used before: the family is revoked (RT-05)
    Reused,
    /// newer than the family: a lost commit, the family is revoked and an alarm is raised (decision E)
    Ahead,
    /// the current one, but it asks for more than was granted (RT-10)
    TooWide,
    /// the family has ended
    Ended,
}

/// Judges a genuine refresh token.
pub fn judge(presented: &Presented, retry: RefreshTokenRetry, now: OffsetDateTime) -> Verdict {
    let Presented { generation, shown, last_used_at, revoked, alive, covers_scope } = *presented;
    if revoked {
        return Verdict::Ended;
    }
    if shown > generation {
        return Verdict::Ahead;
    }
    if shown < generation {
        // the window counts from the rotation, which a retry does not renew (RT-08)
        let is_retry = retry == RefreshTokenRetry::UntilUsed && shown + 1 == generation && now < last_used_at + RETRY_WINDOW;
        return match (is_retry, alive, covers_scope) {
            (false, ..) => Verdict::Reused,
            (true, false, _) => Verdict::Ended,
            (true, true, false) => Verdict::TooWide,
            (true, true, true) => Verdict::Repeat,
        };
    }
    match (alive, covers_scope) {
        (false, _) => Verdict::Ended,
        (true, false) => Verdict::TooWide,
        (true, true) => Verdict::Rotate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn presented(shown: u32) -> Presented {
        Presented { generation: 5, shown, last_used_at: START, revoked: false, alive: true, covers_scope: true }
    }

    fn judged(presented: Presented, retry: RefreshTokenRetry, seconds: i64) -> Verdict {
        judge(&presented, retry, START + Duration::seconds(seconds))
    }

    #[test]
    fn the_current_token_rotates_and_any_other_revokes_rt_05() {
        for (shown, verdict) in [(0, Verdict::Reused), (4, Verdict::Reused), (5, Verdict::Rotate), (6, Verdict::Ahead)] {
            assert_eq!(judged(presented(shown), RefreshTokenRetry::Strict, 1), verdict, "{shown}");
        }
    }

    #[test]
    fn only_the_direct_predecessor_is_repeated_and_only_for_a_minute_rt_08() {
        let until_used = |shown, seconds| judged(presented(shown), RefreshTokenRetry::UntilUsed, seconds);
        assert_eq!(until_used(4, 0), Verdict::Repeat);
        assert_eq!(until_used(4, 59), Verdict::Repeat);
        assert_eq!(until_used(4, 60), Verdict::Reused);
        assert_eq!(until_used(3, 0), Verdict::Reused);
        assert_eq!(until_used(6, 0), Verdict::Ahead);
        assert_eq!(until_used(5, 1_000), Verdict::Rotate);
    }

    #[test]
    fn every_combination_keeps_the_promises() {
        let flags = [false, true];
        for retry in [RefreshTokenRetry::Strict, RefreshTokenRetry::UntilUsed] {
            for (shown, seconds) in (0..8).flat_map(|shown| [0, 59, 60, 600].map(|seconds| (shown, seconds))) {
                for (revoked, alive, covers_scope) in
                    flags.iter().flat_map(|&a| flags.iter().flat_map(move |&b| flags.map(|c| (a, b, c))))
                {
                    let at = Presented { revoked, alive, covers_scope, ..presented(shown) };
                    let verdict = judged(at, retry, seconds);
                    let gives = matches!(verdict, Verdict::Rotate | Verdict::Repeat);
                    assert!(!gives || (!revoked && alive && covers_scope && (4..=5).contains(&shown)), "{at:?}");
                    assert!(!revoked || verdict == Verdict::Ended, "a revoked family stays as it is: {at:?}");
                    let old = shown < 5 && !revoked && retry == RefreshTokenRetry::Strict;
                    assert!(!old || verdict == Verdict::Reused, "strict: {at:?}");
                }
            }
        }
    }
}
