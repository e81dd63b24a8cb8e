//! What the documents and container files name is there.

use std::collections::BTreeSet;

use regex::Regex;

use super::source::{read, root};

const DOCUMENTS: [&str; 5] = ["README.md", "ARCHITECTURE.md", "SECURITY.md", "CHANGELOG.md", "docs/performance.md"];

#[test]
fn every_path_that_the_documents_name_is_there() {
    let named =
        Regex::new(r"`((?:src|templates|static|config|migrations|tests|\.ci)/[^`\s{]*)`|\]\(([^)#:]+)\)").expect("a pattern");
    let mut paths = 0;
    let mut faults = BTreeSet::new();
    for document in DOCUMENTS {
        for found in named.captures_iter(&read(document)) {
            let path = found.get(1).or(found.get(2)).expect("one of them").as_str();
            paths += 1;
            if !root().join(path).exists() {
                faults.insert(format!("{document}: {path}"));
            }
        }
    }
    assert_eq!(faults, BTreeSet::new());
    assert!(paths > 20, "the documents are read");
}

#[test]
fn every_setting_that_documents_and_containers_name_exists() {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in read("config/base.toml").lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("__{}", name.trim_end_matches(']'));
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            keys.insert(format!("IAS{section}__{key}").to_uppercase());
        }
    }
    let named = Regex::new("IAS__[A-Z_]*[A-Z]").expect("a pattern");
    let mut faults = BTreeSet::new();
    for file in DOCUMENTS.into_iter().chain(["Dockerfile", "docker-compose.yml"]) {
        let text = read(file);
        let unknown = named.find_iter(&text).map(|found| found.as_str()).filter(|name| !keys.contains(*name));
        // the form of all of them
        faults.extend(unknown.filter(|name| *name != "IAS__SECTION__KEY").map(|name| format!("{file}: {name}")));
    }
    assert_eq!(faults, BTreeSet::new());
    assert!(keys.contains("IAS__ENVIRONMENT") && keys.contains("IAS__SERVER__ISSUER"), "{keys:?}");
}
