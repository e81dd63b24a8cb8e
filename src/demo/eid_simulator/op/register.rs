//! What the simulated brokers remember: clients, codes, access tokens, and what was prescribed for people.

use std::collections::{BTreeMap, HashMap};

use time::{Duration, OffsetDateTime};

use super::{OpFault, Style, client::Client};
use crate::base::{digest::base64url, entropy};

/// The client that every broker knows.
pub const CLIENT_ID: &str = "ias-demo";
/// Its secret.
pub const CLIENT_SECRET: &str = "the-simulated-brokers-secret-of-ias-demo";

const CODE_TTL: Duration = Duration::minutes(1);
const TOKEN_TTL: Duration = Duration::minutes(5);

/// Everything that the brokers remember.
#[derive(Debug)]
pub struct OpRegister {
    /// by client id
    pub clients: BTreeMap<String, Client>,
    /// by national id
    pub faults: BTreeMap<String, OpFault>,
    /// `jti` of assertions that were used
    pub assertions: HashMap<String, OffsetDateTime>,
    codes: HashMap<String, Grant>,
    tokens: HashMap<String, Grant>,
}

/// What a person has approved.
#[derive(Clone, Debug)]
pub struct Grant {
    pub(super) style: Style,
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: String,
    pub(super) nonce: String,
    pub(super) acr_values: Option<String>,
    pub(super) national_id: String,
    pub(super) name: String,
    pub(super) phone: String,
    pub(super) at: OffsetDateTime,
    pub(super) fault: Option<OpFault>,
}

impl Default for OpRegister {
    fn default() -> Self {
        Self {
            clients: BTreeMap::from([(CLIENT_ID.to_owned(), Client::with_secret(CLIENT_SECRET))]),
            faults: BTreeMap::new(),
            assertions: HashMap::new(),
            codes: HashMap::new(),
            tokens: HashMap::new(),
        }
    }
}

impl OpRegister {
    /// A code for a grant.
    pub(super) fn code(&mut self, grant: Grant) -> String {
        keep(&mut self.codes, CODE_TTL, grant)
    }

    /// What the code was given for, once.
    pub(super) fn redeem(&mut self, code: &str, now: OffsetDateTime) -> Option<Grant> {
        self.codes.remove(code).filter(|grant| now < grant.at + CODE_TTL)
    }

    /// An access token for a grant.
    pub(super) fn token(&mut self, grant: Grant) -> String {
        keep(&mut self.tokens, TOKEN_TTL, grant)
    }

    /// What the access token was given for.
    pub(super) fn holder(&self, token: &str, now: OffsetDateTime) -> Option<&Grant> {
        self.tokens.get(token).filter(|grant| now < grant.at + TOKEN_TTL)
    }
}

fn keep(grants: &mut HashMap<String, Grant>, ttl: Duration, grant: Grant) -> String {
    grants.retain(|_, old| grant.at < old.at + ttl);
    let name = base64url(entropy::bytes::<32>());
    grants.insert(name.clone(), grant);
    name
}
