//! /connect/authorize, by the rules of its specifications and of the house.

mod destination;
mod interaction;
mod live_state;
mod parameters;
mod races;
mod reauthentication;
mod response;
mod writes;
