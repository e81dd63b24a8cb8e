//! One integration binary; folders mirror http/, files mirror endpoints.
#![cfg(test)]

mod clients;
mod house;
mod support;
