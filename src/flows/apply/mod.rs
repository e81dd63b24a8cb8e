//! x
mod document;
mod read;
mod wording;
