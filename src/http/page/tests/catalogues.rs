//! The catalogues: complete in both languages, and nothing in them that no page says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use regex::Regex;

use crate::base::text::Language;

/// key → names of its values, for one language.
fn catalogue(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let (key, value) = (Regex::new(r"^([a-z][a-z0-9-]*) =").unwrap(), Regex::new(r"\$[a-z]+").unwrap());
    let mut keys = BTreeMap::new();
    for file in files(&Path::new("templates/i18n").join(language.tag())) {
        let mut current = String::new();
        for line in file.lines() {
            if let Some(found) = key.captures(line) {
                found[1].clone_into(&mut current);
                assert!(keys.insert(current.clone(), BTreeSet::new()).is_none(), "{current} stands twice");
            }
            if let Some(values) = keys.get_mut(&current) {
                values.extend(value.find_iter(line).map(|found| found.as_str().to_owned()));
            }
        }
    }
    keys
}

/// The content of every source, template and catalogue below `folder`.
fn files(folder: &Path) -> Vec<String> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| ["rs", "html", "ftl"].iter().any(|text| extension == *text)) {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
    found
}

#[test]
fn both_catalogues_have_the_same_keys_with_the_same_values() {
    assert_eq!(catalogue(Language::Is), catalogue(Language::En));
}

#[test]
fn every_key_that_is_used_exists_and_no_key_is_unused() {
    let call = Regex::new(r#"text(?:_with)?\(\s*"([a-z][a-z0-9-]*)""#).unwrap();
    let texts: Vec<_> = [files(Path::new("templates")), files(Path::new("src"))].concat();
    let keys = catalogue(Language::Is);
    for text in &texts {
        for found in call.captures_iter(text) {
            assert!(keys.contains_key(&found[1]), "{} is in no catalogue", &found[1]);
        }
    }
    for key in keys.keys() {
        let used = format!("\"{key}\"");
        assert!(texts.iter().any(|text| text.contains(&used)), "{key} is never used");
    }
}
