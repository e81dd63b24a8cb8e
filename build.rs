//! Tells cargo that the migrations are part of the program: without it a new file may not be noticed.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
