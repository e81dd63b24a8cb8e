//! Families that stand in the database before the first round, with refresh tokens that work: their chains are as good as any, so
//! that refreshing can be measured in a full table.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;
use sqlx::PgConnection;
use time::Duration;

use crate::{
    base::{clock::Clock, id::FamilyId},
    model::refresh_token::{RefreshToken, RefreshTokenKey},
    store::bench::{self, FilledFamily},
};

/// So many families are inserted by one statement.
const BATCH: usize = 20_000;
/// Their people have signed in over the last hours.
const HOURS: Duration = Duration::hours(12);

/// Families and the key of their refresh tokens.
#[derive(Debug)]
pub struct Families {
    key: RefreshTokenKey,
    chains: Vec<Chain>,
}

#[derive(Debug)]
struct Chain {
    first: RefreshToken,
    generation: AtomicU32,
}

impl Families {
    /// None yet.
    pub fn none(key: RefreshTokenKey) -> Self {
        Self { key, chains: Vec::new() }
    }

    /// Makes `count` of them, of one client.
    pub async fn fill(&mut self, database: &mut PgConnection, count: usize, client_id: &str) -> anyhow::Result<()> {
        let now = Clock::System.now();
        let step = HOURS / i32::try_from(count.max(1))?;
        let mut auth_time = now - HOURS;
        while self.chains.len() < count {
            let mut filled = Vec::new();
            for _ in 0..BATCH.min(count - self.chains.len()) {
                auth_time += step;
                let first = RefreshToken::first(FamilyId::new(auth_time));
                filled.push(FilledFamily { id: first.family_id, secret_hash: first.secret_hash(), auth_time });
                self.chains.push(Chain { first, generation: AtomicU32::new(0) });
            }
            // whatever idleness ends chains of this client: these are used when their turn comes
            let used_at = now + Duration::days(1);
            bench::fill_families(&mut *database, &filled, used_at, client_id).await.context("families cannot be filled in")?;
        }
        Ok(bench::settle_families(database).await?)
    }

    /// How many there are with tokens.
    pub fn len(&self) -> usize {
        self.chains.len() / 2
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those whose rows are changed without their tokens.
    pub fn without_tokens(&self) -> Vec<FamilyId> {
        self.chains.iter().skip(1).step_by(2).map(|chain| chain.first.family_id).collect()
    }

    /// The refresh token of a family that can be used now.
    pub fn token(&self, number: usize) -> Option<String> {
        let chain = self.chains.get(number * 2)?;
        let mut token = chain.first.clone();
        token.generation = chain.generation.load(Ordering::Relaxed);
        Some(token.to_text(&self.key))
    }

    /// It has been used.
    pub fn rotated(&self, number: usize) {
        if let Some(chain) = self.chains.get(number * 2) {
            chain.generation.fetch_add(1, Ordering::Relaxed);
        }
    }
}
