//! Use cases with two doors: what pages, the API, files and jobs do alike.
//!
//! Owns decisions that need several rooms below; knows neither HTTP nor the command line. Doors and cli call it.

pub mod apply;
