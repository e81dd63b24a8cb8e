//! Every page with samples: in both languages, with hostile data, and with the names that never change.

mod catalogues;
mod samples;

use std::collections::BTreeMap;

use regex::Regex;

use self::samples::{Data, samples};
use super::{Button, Label, consent::ScopeLine};
use crate::{base::text::Language, http::assets};

#[test]
fn every_page_renders_in_both_languages() {
    for language in Language::ALL {
        for (name, html) in samples(language, &Data::kind(language)) {
            assert!(html.starts_with("<!doctype html>"), "{name}");
            assert!(html.contains(&format!("<html lang=\"{}\">", language.tag())), "{name}");
            assert_eq!(html.matches("<h1").count(), 1, "{name}: one main heading");
            assert_eq!(html.matches("<main").count(), 1, "{name}");
            assert!(html.matches("<form").count() <= 1, "{name}: one form per step");
            for missing in ["localization", "{$", "{ $", "{{", "{%"] {
                assert!(!html.contains(missing), "{name}: {missing}");
            }
        }
    }
}

#[test]
fn hostile_data_stays_text_web_04_inj_02() {
    let hostile = r#"'"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;"#;
    for language in Language::ALL {
        for (name, html) in samples(language, &Data::all(hostile)) {
            assert!(!html.contains("<script>") && !html.contains("<img src=x"), "{name}");
            assert!(!html.contains(r#"'">"#), "{name}: quotes leave the attribute");
            assert!(html.contains("&#60;script&#62;alert(1)"), "{name}: shows it as text");
            assert!(html.contains("&#38;amp;"), "{name}");
        }
    }
}

#[test]
fn no_page_has_inline_script_or_style_web_01() {
    let inline = Regex::new(r"(?i)<style|\sstyle=|\son[a-z]+=|javascript:|<script>").unwrap();
    let foreign = Regex::new(r#"<(?:script|link|img)[^>]*(?:src|href)="(?:https?:)?//"#).unwrap();
    for (name, html) in samples(Language::Is, &Data::kind(Language::Is)) {
        assert!(inline.find(&html).is_none(), "{name}: {:?}", inline.find(&html));
        assert!(foreign.find(&html).is_none(), "{name}: RSP-05, nothing from third parties");
    }
}

#[test]
fn the_stable_names_stand_in_the_pages() {
    let pages: BTreeMap<_, _> = samples(Language::Is, &Data::kind(Language::Is)).into_iter().collect();
    let has = |page: &str, parts: &[&str]| {
        for part in parts {
            assert!(pages[&format!("{page}.is")].contains(part), "{page}: {part}");
        }
    };
    let hidden = [r#"type="hidden" name="csrf" value="#, r#"type="hidden" name="request" value="#];
    for page in ["choose", "select-account", "start-sim", "wait", "wait-verified", "consent"] {
        has(page, &hidden);
    }
    has(
        "choose",
        &[
            r#"name="identity_provider" value="sim""#,
            r#"name="identity_provider" value="app""#,
            r#"name="identity_provider" value="card""#,
            r#"name="decision" value="cancel""#,
        ],
    );
    has("select-account", &[r#"name="subject" value="current""#, r#"name="subject" value="other""#]);
    has("start-sim", &[r#"id="phone_number" name="phone_number""#, r#"name="identity_provider" value="sim""#, "tel-national"]);
    has("start-app", &[r#"id="national_id" name="national_id""#]);
    has(
        "wait",
        &[r#"id="verification-code" aria-hidden="true">0742<"#, ">0 7 4 2<", r#"http-equiv="refresh""#, r#"name="attempt""#],
    );
    has("wait-verified", &[r#"name="decision" value="allow""#, r#"name="attempt""#]);
    has("consent", &[r#"name="scope" value="#, r#"value="allow""#, r#"value="deny""#, r#"name="progress""#]);
    has("end-session", &[r#"name="logout" value="#, r#"value="logout""#, r#"value="cancel""#, r#"name="csrf""#]);
    assert!(!pages["wait.is"].contains(r#"value="allow""#), "nothing to allow before the phone has answered");
    assert!(!pages["wait-verified.is"].contains("refresh"));
}

#[test]
fn the_method_used_last_comes_first() {
    let pages: BTreeMap<_, _> = samples(Language::En, &Data::kind(Language::En)).into_iter().collect();
    let place = |kind: &str| pages["choose.en"].find(&format!("value=\"{kind}\"")).unwrap();
    assert!(place("app") < place("sim") && place("sim") < place("card"));
}

#[test]
fn the_consent_page_shows_who_asks_and_for_what_con_03() {
    let pages: BTreeMap<_, _> = samples(Language::En, &Data::kind(Language::En)).into_iter().collect();
    let page = &pages["consent.en"];
    for part in ["Document Portal asks for access", "My Organisation", "app.myorg.is", "Gervimaður Ameríka", "up to 31 days"]
    {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_button_links_to_web_addresses_and_own_paths_alone() {
    for good in ["https://myorg.is/", "http://localhost:3000/x", "/signin/choose?request=a"] {
        assert!(Button::link(Label::Continue, good).is_some(), "{good}");
    }
    for bad in ["javascript:alert(1)", "//evil.example", "/\\evil.example", "data:text/html,x", "is.myorg.app:/x", "", "x"] {
        assert!(Button::link(Label::Continue, bad).is_none(), "{bad}");
    }
}

#[test]
fn a_long_access_is_never_told_as_shorter_than_it_is() {
    let told = |seconds| ScopeLine::offline_access(Language::En, seconds).description;
    assert!(told(30 * 60).contains("30 minutes"));
    assert!(told(60).contains("1 minute "));
    assert!(told(86_400).contains("24 hours"));
    assert!(told(10 * 86_400 + 1).contains("11 days"));
    assert!(ScopeLine::offline_access(Language::Is, 21 * 86_400).description.contains("21 dag "));
}

#[test]
fn each_asset_is_served_under_its_hash_alone() {
    let page = &samples(Language::Is, &Data::kind(Language::Is))[0].1;
    for name in ["main.css", "signin.js", "favicon.svg"] {
        let url = assets::asset_url(name);
        assert!(page.contains(&url) && !url.ends_with(name), "{url}");
    }
}
