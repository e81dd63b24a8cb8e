//! The binary `ias`: it only calls the library's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    ias::cli::run()
}
