//! The binary `ias`: it only calls the library's command line.

fn main() {}
