//! Sources as tokens: which paths they write, whatever the layout; comments and texts in quotes are none.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A source file with the module that it is.
pub struct Source {
    pub path: String,
    pub module: Vec<String>,
    text: String,
}

impl Source {
    pub fn all(folder: &str) -> Vec<Self> {
        let rust = files(folder).into_iter().filter(|path| is_rust(path));
        rust.map(|path| {
            let names = path.strip_prefix("src/").unwrap_or(&path).trim_end_matches(".rs").trim_end_matches("/mod");
            let module = names.split('/').filter(|name| !matches!(*name, "lib" | "main" | "mod")).map(str::to_owned).collect();
            Self { module, text: read(&path), path }
        })
        .collect()
    }

    pub fn tokens(&self) -> Vec<TokenTree> {
        let stream: TokenStream = self.text.parse().unwrap_or_else(|error| panic!("{}: {error}", self.path));
        stream.into_iter().collect()
    }

    /// Whether the file declares and re-exports only, as `lib.rs`, `main.rs` and the folders' own files do.
    pub fn only_names_modules(&self) -> bool {
        let code = self
            .text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with("//") && !line.starts_with("#["));
        matches!(&*self.path, "src/main.rs")
            || code.into_iter().all(|line| line.starts_with("pub mod ") || line.starts_with("mod "))
    }

    /// Every path of ours that the file writes, from the crate's root.
    pub fn crate_paths(&self) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        find_paths(&self.tokens(), &self.module, &mut found);
        found
    }

    /// Whether the file writes `name::`, as the name of another crate.
    pub fn names_crate(&self, name: &str) -> bool {
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
pub fn flatten(tokens: &[TokenTree]) -> Vec<String> {
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

pub fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &str) -> String {
    let bytes = fs::read(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every file below a folder, from the root of the package; what others wrote (node_modules, .venv) is left out.
pub fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                let skipped = ["node_modules", ".venv", "artifacts"].iter().any(|name| path.ends_with(name));
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

#[test]
fn paths_are_found_however_they_are_written() {
    let text = "use crate::{base::{clock::Clock, id::*}, model}; mod tests { use super::super::store::pool; fn f() { m!(crate::keys::ring) } }";
    let file = Source { path: String::new(), module: vec!["flows".into(), "consent".into()], text: text.into() };
    let found: Vec<_> = file.crate_paths().iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["base::clock::Clock", "base::id", "model", "flows::store::pool", "keys::ring"]);
}
