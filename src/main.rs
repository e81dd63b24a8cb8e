//! The binary `ias`: it only calls the library's command line.

use std::process::ExitCode;

use mimalloc::MiMalloc;

// A request makes and drops some hundred small values: with the allocator of the system that was a fifth of the server's time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    ias::cli::run()
}
