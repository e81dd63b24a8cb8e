//! What is measured: one file for each operation. A new one is a file and a line of [`OPERATIONS`].

mod browser;
mod client_credentials;
mod code_flow;
mod discovery;
mod introspection;
mod refresh;
mod sign_in;
mod userinfo;

use axum::http::{HeaderName, HeaderValue, header};
use futures_util::future::BoxFuture;

use super::{
    figures::{Budget, Time},
    http::{Failure, Http},
    target::{Client, Target},
};
use crate::base::digest;

/// Somebody who does an operation again and again over one connection.
pub trait Worker: Send {
    /// Does it once.
    fn once<'a>(&'a mut self, http: &'a mut Http) -> BoxFuture<'a, Result<(), Failure>>;
}

/// A worker that is ready to begin.
pub type Ready = Result<Box<dyn Worker>, Failure>;

/// Something that the server does for others.
#[derive(Debug)]
pub struct Operation {
    /// as the command line has it
    pub name: &'static str,
    /// what it may cost
    pub budget: Budget,
    /// Makes the worker of a place before the clock runs. Places are counted from 0; each has telephones of its own.
    pub prepare: for<'a> fn(&'a Target, Place, &'a mut Http) -> BoxFuture<'a, Ready>,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// from 0
    pub number: usize,
    /// of so many
    pub of: usize,
}

/// Every operation, in the order in which a round does them.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "discovery",
        budget: Budget { time: Time::InS { signatures: 0, cost: 0.1 }, statements: 0 },
        prepare: discovery::prepare,
    },
    Operation {
        name: "client-credentials",
        budget: Budget { time: Time::InS { signatures: 1, cost: 1.3 }, statements: 0 },
        prepare: client_credentials::prepare,
    },
    Operation {
        name: "code-flow",
        budget: Budget { time: Time::InS { signatures: 2, cost: 4.2 }, statements: 4 },
        prepare: code_flow::prepare,
    },
    Operation {
        name: "refresh",
        budget: Budget { time: Time::InS { signatures: 2, cost: 2.8 }, statements: 1 },
        prepare: refresh::prepare,
    },
    Operation {
        name: "userinfo",
        budget: Budget { time: Time::InS { signatures: 0, cost: 0.5 }, statements: 1 },
        prepare: userinfo::prepare,
    },
    Operation {
        name: "introspection",
        budget: Budget { time: Time::InS { signatures: 0, cost: 0.5 }, statements: 1 },
        prepare: introspection::prepare,
    },
    Operation { name: "sign-in", budget: Budget { time: Time::OfServer(15.0), statements: 12 }, prepare: sign_in::prepare },
];

/// Signs the first person in, so that there is one.
pub async fn first_person(target: &Target) -> Result<(), Failure> {
    let mut http = Http::new(target.address, &target.host)?;
    browser::signed_in(target, Place { number: 0, of: 1 }, &mut http).await.map(drop)
}

/// The operation of this name.
pub fn find(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.name == name)
}

/// The body of a form.
fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// A header line.
fn line(name: HeaderName, value: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let value = HeaderValue::try_from(value).map_err(|_| Failure(format!("{name} cannot be sent")))?;
    Ok((name, value))
}

/// RFC 6749 §2.3.1: both halves are form-encoded.
fn basic(client: &Client) -> Result<(HeaderName, HeaderValue), Failure> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(&client.id), encode(client.secret.expose()));
    line(header::AUTHORIZATION, &format!("Basic {}", digest::base64(pair)))
}
