//! The feature `demo`.

mod postgres;
