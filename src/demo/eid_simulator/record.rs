//! What relying parties asked on the wire, kept for assertions of tests.

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::world::World;

const MOST: usize = 1_000;

/// One request to a provider's endpoint and the status that it got.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// counts up from 1
    pub number: u64,
    /// when it arrived
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// `GET` or `POST`
    pub method: String,
    /// path and query
    pub path: String,
    /// the body, if it was JSON
    pub body: Option<Value>,
    /// the HTTP status of the answer
    pub status: u16,
}

impl World {
    /// Keeps a record, and forgets the oldest beyond a thousand.
    pub fn keep(&mut self, mut record: Record) {
        record.number = self.records.back().map_or(1, |last| last.number + 1);
        if self.records.len() >= MOST {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }
}
