//! Rules of the house that the compiler does not know.

mod documents;
mod floors;
mod habits;
mod source;
mod statements;
