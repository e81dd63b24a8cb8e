//! The house keeps its plan: floors, habits and the production build, read from ARCHITECTURE.md and the sources themselves.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

#[test]
fn no_room_imports_from_above_or_from_its_right() {
    let plan = Plan::read();
    let mut faults = BTreeSet::new();
    let mut edges = 0;
    for file in Source::all("src") {
        let Some(from) = plan.room_of(&file.module) else {
            if !file.only_names_modules() {
                faults.insert(format!("{}: stands in no room of ARCHITECTURE.md", file.path));
            }
            continue;
        };
        let paths = file.crate_paths();
        for path in &paths {
            // A folder above the rooms (`crate::http`) is no edge: it only names what is below it.
            let Some(to) = plan.room_of(path) else { continue };
            edges += 1;
            if !plan.allows(from, to) {
                faults.insert(format!("{}: {} may not see {}", file.path, plan.rooms[from].name, path.join("::")));
            }
        }
        for name in &plan.rooms[from].never {
            if paths.iter().any(|path| path.first() == Some(name)) || file.names_crate(name) {
                faults.insert(format!("{}: {} never uses {name}", file.path, plan.rooms[from].name));
            }
        }
    }
    assert!(edges > 50, "the test sees the imports");
    assert_eq!(faults, BTreeSet::new(), "ARCHITECTURE.md, floors");
}

#[test]
fn the_plan_allows_what_it_says_and_no_more() {
    let plan = Plan::read();
    let room = |name: &str| plan.rooms.iter().position(|room| room.name == name).expect(name);
    let allows = |from: &str, to: &str| plan.allows(room(from), room(to));
    assert!(allows("model", "base") && allows("http/signin", "flows") && allows("cli", "demo") && allows("keys", "store"));
    assert!(
        !allows("base", "config") && !allows("base", "model") && !allows("flows", "http/page") && !allows("model", "store")
    );
    assert!(!allows("store", "outbound") && !allows("outbound", "store"), "rooms with a bar between them");
    assert!(!allows("http/oidc", "http/signin") && !allows("http/signin", "http/oidc"), "doors hand over by URL");
    assert!(plan.rooms.iter().all(|from| from.name == "cli" || from.name == "demo" || !allows(&from.name, "demo")));
}

#[test]
fn every_place_that_the_plan_names_is_there() {
    let text = read("ARCHITECTURE.md");
    let folders = ["src/", "templates/", "static/", "config/", "migrations/", "tests/"];
    let places = quoted(&text).into_iter().filter(|name| folders.iter().any(|folder| name.starts_with(folder)));
    let gone: Vec<_> = places.filter(|place| !root().join(place).exists()).collect();
    assert_eq!(gone, Vec::<String>::new(), "ARCHITECTURE.md sends people there");
}

#[test]
fn paths_are_found_however_they_are_written() {
    let text = "use crate::{base::{clock::Clock, id::*}, model}; mod tests { use super::super::store::pool; fn f() { m!(crate::keys::ring) } }";
    let file = Source { path: String::new(), module: vec!["flows".into(), "consent".into()], text: text.into() };
    let found: Vec<_> = file.crate_paths().iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["base::clock::Clock", "base::id", "model", "flows::store::pool", "keys::ring"]);
}

#[test]
fn sql_is_only_in_the_store() {
    let names =
        ["query", "query_as", "query_scalar", "query_with", "query_as_with", "query_scalar_with", "raw_sql", "QueryBuilder"];
    let calls = names.map(|name| ["sqlx", "::", name]);
    let sequences: Vec<&[&str]> = calls.iter().map(|call| &call[..]).collect();
    refuse(Source::all("src"), |file| !file.path.starts_with("src/store/") && !is_test(file), &sequences);
}

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
    let mut places = vec![root().display().to_string()];
    places.extend(["home", "root", "Users"].map(|folder| format!("/{folder}/")));
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

/// The table of floors in ARCHITECTURE.md.
struct Plan {
    rooms: Vec<Room>,
}

struct Room {
    name: String,
    module: Vec<String>,
    floor: usize,
    /// The place on the floor; rooms with a bar between them have the same.
    place: usize,
    never: Vec<String>,
}

impl Plan {
    fn read() -> Self {
        let text = read("ARCHITECTURE.md");
        let rows =
            text.lines().skip_while(|line| !line.starts_with("| Floor ")).skip(2).take_while(|line| line.starts_with('|'));
        let mut rooms = Vec::new();
        for (floor, row) in rows.enumerate() {
            let row = row.replace("\\|", "¦");
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let [_, title, names, never, _] = cells[..] else { panic!("not a row of floors: {row}") };
            assert!(title.starts_with(&format!("{floor} ")), "floors are in order: {title}");
            for (place, group) in names.split(',').enumerate() {
                for name in quoted(group) {
                    let forbidden = match never.split_once(':') {
                        Some((room, names)) if room == name => quoted(names),
                        Some(_) => vec![],
                        None => quoted(never),
                    };
                    let module = name.split('/').map(str::to_owned).collect();
                    rooms.push(Room { name, module, floor, place, never: forbidden });
                }
            }
        }
        assert!(rooms.len() > 20, "the table is read");
        Self { rooms }
    }

    /// The room that holds a module: the one with the longest name that leads to it.
    fn room_of(&self, module: &[String]) -> Option<usize> {
        let holds = |room: &&Room| module.starts_with(&room.module);
        let found = self.rooms.iter().filter(holds).max_by_key(|room| room.module.len())?;
        self.rooms.iter().position(|room| room.name == found.name)
    }

    fn allows(&self, from: usize, to: usize) -> bool {
        let (a, b) = (&self.rooms[from], &self.rooms[to]);
        from == to || b.floor < a.floor || (b.floor == a.floor && b.place < a.place)
    }
}

fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A source file with the module that it is.
struct Source {
    path: String,
    module: Vec<String>,
    text: String,
}

impl Source {
    fn all(folder: &str) -> Vec<Self> {
        let rust = files(folder).into_iter().filter(|path| is_rust(path));
        rust.map(|path| {
            let names = path.strip_prefix("src/").unwrap_or(&path).trim_end_matches(".rs").trim_end_matches("/mod");
            let module = names.split('/').filter(|name| !matches!(*name, "lib" | "main" | "mod")).map(str::to_owned).collect();
            Self { module, text: read(&path), path }
        })
        .collect()
    }

    fn tokens(&self) -> Vec<TokenTree> {
        let stream: TokenStream = self.text.parse().unwrap_or_else(|error| panic!("{}: {error}", self.path));
        stream.into_iter().collect()
    }

    /// Whether the file declares and re-exports only, as `lib.rs`, `main.rs` and the folders' own files do.
    fn only_names_modules(&self) -> bool {
        let code = self
            .text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with("//") && !line.starts_with("#["));
        matches!(&*self.path, "src/main.rs")
            || code.into_iter().all(|line| line.starts_with("pub mod ") || line.starts_with("mod "))
    }

    /// Every path of ours that the file writes, from the crate's root.
    fn crate_paths(&self) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        find_paths(&self.tokens(), &self.module, &mut found);
        found
    }

    /// Whether the file writes `name::`, as the name of another crate.
    fn names_crate(&self, name: &str) -> bool {
        let flat = flatten(&self.tokens());
        flat.windows(2).enumerate().any(|(at, pair)| pair == [name, "::"] && (at == 0 || flat[at - 1] != "::"))
    }
}

/// Walks tokens; comments and text in quotes are none.
fn find_paths(tokens: &[TokenTree], module: &[String], found: &mut Vec<Vec<String>>) {
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(word) if word == "mod" => {
                if let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) = (tokens.get(at + 1), tokens.get(at + 2)) {
                    let inner: Vec<_> = module.iter().cloned().chain([name.to_string()]).collect();
                    find_paths(&body.stream().into_iter().collect::<Vec<_>>(), &inner, found);
                    at += 2;
                }
            }
            TokenTree::Ident(word) if (word == "crate" || word == "super") && is_path(tokens, at + 1) => {
                let start = if word == "crate" { vec![] } else { module[..module.len().saturating_sub(1)].to_vec() };
                at = follow(tokens, at + 3, start, found);
                continue;
            }
            TokenTree::Group(group) => find_paths(&group.stream().into_iter().collect::<Vec<_>>(), module, found),
            _ => {}
        }
        at += 1;
    }
}

/// Follows a path from behind a `::`; returns where it ends.
fn follow(tokens: &[TokenTree], mut at: usize, mut path: Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(word)) if word == "super" => {
                path.pop();
            }
            Some(TokenTree::Ident(word)) if word == "self" => {}
            Some(TokenTree::Ident(word)) => path.push(word.to_string()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let inner: Vec<_> = group.stream().into_iter().collect();
                for branch in inner.split(|token| matches!(token, TokenTree::Punct(comma) if comma.as_char() == ',')) {
                    if !branch.is_empty() {
                        follow(branch, 0, path.clone(), found);
                    }
                }
                return at + 1;
            }
            // a glob, or the end
            _ => {
                found.push(path);
                return at;
            }
        }
        if !is_path(tokens, at + 1) {
            found.push(path);
            return at + 1;
        }
        at += 3;
    }
}

fn is_path(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    colon(at) && colon(at + 1)
}

/// The tokens as words, groups opened up, `::` as one.
fn flatten(tokens: &[TokenTree]) -> Vec<String> {
    let mut flat: Vec<String> = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => flat.extend(flatten(&group.stream().into_iter().collect::<Vec<_>>())),
            TokenTree::Punct(punct) if punct.as_char() == ':' && flat.last().is_some_and(|last| last == ":") => {
                flat.pop();
                flat.push("::".into());
            }
            TokenTree::Literal(_) => flat.push(String::new()),
            other => flat.push(other.to_string()),
        }
    }
    flat
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

fn is_test(file: &Source) -> bool {
    file.path.ends_with("tests.rs") || file.path.contains("/tests/")
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    let bytes = fs::read(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every file below a folder, from the root of the package; what others wrote (node_modules) is left out.
fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                let skipped = ["node_modules", "artifacts"].iter().any(|name| path.ends_with(name));
                if !skipped {
                    open.push(path);
                }
            } else if let Ok(path) = path.strip_prefix(root()) {
                found.push(path.display().to_string());
            }
        }
    }
    found.sort();
    found
}
