//! Rules of the house that the compiler does not know.

mod statements;
mod statements;
