//! The habits of ARCHITECTURE.md hold: what is done in one place is done nowhere else.

use std::{collections::BTreeSet, process::Command};

use super::source::{Source, files, flatten, is_rust, read, root};

#[test]
fn the_wall_clock_is_read_in_one_place() {
    let reads: [&[&str]; 3] =
        [&["SystemTime", "::", "now"], &["OffsetDateTime", "::", "now_utc"], &["OffsetDateTime", "::", "now_local"]];
    refuse(Source::all("src"), |file| file.path != "src/base/clock.rs", &reads);
}

#[test]
fn random_bytes_come_from_one_place_key_08() {
    let draws: [&[&str]; 7] = [
        &["SecureRandom"],
        &["rand", "::", "fill"],
        &["getrandom", "::"],
        &["thread_rng"],
        &["OsRng"],
        &["Uuid", "::", "new_v4"],
        &["Uuid", "::", "now_v7"],
    ];
    refuse(Source::all("src"), |file| file.path != "src/base/entropy.rs", &draws);
}

#[test]
fn templates_hold_no_inline_script_or_style_and_escape_everything_web_04() {
    let inline = regex::Regex::new(r#"(?i)\|\s*safe\b|<style\b|\sstyle\s*=|\son[a-z]+\s*=|javascript:|escape\s*=\s*"none""#)
        .expect("a pattern");
    let script = regex::Regex::new(r"(?i)<script\b([^>]*)>").expect("a pattern");
    let mut faults = Vec::new();
    for path in files("templates").into_iter().chain(files("src")) {
        let text = read(&path);
        let is_template = path.starts_with("templates/");
        if is_template && let Some(found) = inline.find(&text) {
            faults.push(format!("{path}: {}", found.as_str()));
        }
        if is_template && script.captures_iter(&text).any(|tag| !tag[1].contains("src=")) {
            faults.push(format!("{path}: a script without src"));
        }
        if !is_template && text.contains("escape = \"none\"") {
            faults.push(format!("{path}: a template that does not escape"));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn the_production_build_holds_nothing_of_the_demo() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--edges",
            "normal",
            "--no-default-features",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--locked",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).expect("UTF-8");
    let names: BTreeSet<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains("axum"), "the tree is read");
    // eid.md §12 (8): the simulator's and the demo's own dependencies; then what one cryptographic library makes needless
    for forbidden in ["rcgen", "openidconnect", "nix", "tar", "ring", "openssl-sys", "native-tls"] {
        assert!(!names.contains(forbidden), "{forbidden} is in the production build");
    }
}

#[test]
fn every_source_file_says_what_it_owns() {
    let silent: Vec<_> = files("src").into_iter().filter(|path| is_rust(path) && !read(path).starts_with("//! ")).collect();
    assert_eq!(silent, Vec::<String>::new());
}

#[test]
fn no_file_names_a_place_on_somebodys_machine() {
    let mut places = ["home", "root", "Users"].map(|folder| format!("/{folder}/")).to_vec();
    // a short one, as in a container, may be a word of any file
    places.extend(Some(root().display().to_string()).filter(|root| root.matches('/').count() > 1));
    let folders = ["src", "tests", "templates", "static", "config", "migrations", ".ci"];
    let documents =
        ["README.md", "ARCHITECTURE.md", "SECURITY.md", "CHANGELOG.md", "Cargo.toml", "Dockerfile", "docker-compose.yml"];
    let paths = folders.iter().flat_map(|folder| files(folder)).chain(documents.map(String::from));
    let faults: Vec<_> = paths
        .flat_map(|path| {
            let text = read(&path);
            let found: Vec<_> =
                places.iter().filter(|place| names_place(&text, place)).map(|place| format!("{path}: {place}")).collect();
            found
        })
        .collect();
    assert_eq!(faults, Vec::<String>::new());
}

/// Whether a text names a place on a machine, rather than a part of a URL or of a longer path.
fn names_place(text: &str, place: &str) -> bool {
    text.match_indices(place).any(|(at, _)| {
        text[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric() && !"._-~}{".contains(before))
    })
}

fn refuse(sources: Vec<Source>, applies: impl Fn(&Source) -> bool, sequences: &[&[&str]]) {
    let mut faults = BTreeSet::new();
    for file in sources.into_iter().filter(applies) {
        let flat = flatten(&file.tokens());
        for sequence in sequences {
            if flat.windows(sequence.len()).any(|window| window.iter().eq(sequence.iter())) {
                faults.insert(format!("{}: {}", file.path, sequence.concat()));
            }
        }
    }
    assert_eq!(faults, BTreeSet::new());
}
