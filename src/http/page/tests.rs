//! Every page with samples: in both languages, with hostile data, and against the catalogues.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use regex::Regex;

use super::{
    Button, Chrome, Label, Page, Service,
    consent::{ConsentOrganisation, ConsentPage, ScopeLine},
    end_session::{EndSessionPage, LoggedOutPage},
    form_post::FormPostPage,
    message::{Message, MessagePage},
    problem::Problem,
    signin::{ChoosePage, StartPage, WaitPage, WaitState},
};
use crate::{
    base::text::Language,
    http::assets,
    model::{environment::Environment, identity_provider::IdentityProviderKind},
};

const MESSAGES: [Message; 17] = [
    Message::InvalidRequest,
    Message::UnknownClient,
    Message::InvalidRedirectUri,
    Message::Embedded,
    Message::Expired,
    Message::Ended,
    Message::Unreadable,
    Message::OtherBrowser,
    Message::CookiesOff,
    Message::InvalidForm,
    Message::LogoutExpired,
    Message::TooManyRequests { minutes: 2 },
    Message::NotFound,
    Message::MethodNotAllowed,
    Message::TooLarge,
    Message::Failure,
    Message::Unavailable,
];

const PROBLEMS: [Problem; 14] = [
    Problem::InvalidPhoneNumber,
    Problem::InvalidNationalId,
    Problem::CompanyNationalId,
    Problem::Cancelled,
    Problem::TimedOut,
    Problem::Unreachable,
    Problem::NotAvailable,
    Problem::Blocked,
    Problem::WrongCode,
    Problem::AppOutdated,
    Problem::Rejected,
    Problem::Busy,
    Problem::TooManyAttempts { minutes: 21 },
    Problem::Unavailable,
];

/// What a page shows that is not ours.
struct Data {
    service: String,
    organisation: String,
    person: String,
    opaque: String,
    host: String,
    detail: String,
}

impl Data {
    fn kind(language: Language) -> Self {
        Self {
            service: if language == Language::Is { "Skjalagátt".into() } else { "Document Portal".into() },
            organisation: if language == Language::Is { "Mín stofnun".into() } else { "My Organisation".into() },
            person: "Gervimaður Ameríka".into(),
            opaque: "AVgk3rP0uZ".into(),
            host: "app.myorg.is".into(),
            detail: "client_id @myorg.is/webapp; redirect_uri https://app.myorg.is/oauth/Callback".into(),
        }
    }

    fn all(text: &str) -> Self {
        let text = || text.to_owned();
        Self { service: text(), organisation: text(), person: text(), opaque: text(), host: text(), detail: text() }
    }
}

/// Every page in every state: (name, document).
fn samples(language: Language, data: &Data) -> Vec<(String, String)> {
    let other = if language == Language::Is { Language::En } else { Language::Is };
    let chrome = Chrome {
        language,
        environment: Environment::Development,
        service: Some(Service { display_name: &data.service, organisation_name: &data.organisation }),
        language_links: vec![(other, format!("{}.html?request={}&lang={}", other.tag(), data.opaque, other.tag()))],
    };
    let mut pages = sign_in_samples(&chrome, data);
    pages.extend(wait_samples(&chrome, data));
    pages.extend(other_samples(&chrome, data));
    pages.into_iter().map(|(name, html)| (format!("{name}.{}", language.tag()), html)).collect()
}

fn sign_in_samples(chrome: &Chrome<'_>, data: &Data) -> Vec<(String, String)> {
    let (request, csrf) = (&*data.opaque, &*data.opaque);
    let choose = ChoosePage {
        chrome: chrome.clone(),
        progress: None,
        request,
        csrf,
        methods: &IdentityProviderKind::ALL,
        last_used: Some(IdentityProviderKind::App),
        signed_in: None,
    };
    let start = StartPage {
        chrome: chrome.clone(),
        request,
        csrf,
        kind: IdentityProviderKind::Sim,
        identifier: "",
        valid_seconds: 121,
        problem: None,
        other_url: Some("/signin/choose?request=AVgk3rP0uZ"),
    };
    let mut pages = vec![
        ("choose".to_owned(), choose.render()),
        ("select-account".to_owned(), ChoosePage { signed_in: Some(&data.person), ..choose.clone() }.render()),
        ("start-sim".to_owned(), start.render()),
        ("start-app".to_owned(), StartPage { kind: IdentityProviderKind::App, ..start.clone() }.render()),
    ];
    for problem in PROBLEMS {
        let page = StartPage { problem: Some(problem), identifier: &data.opaque, ..start.clone() };
        pages.push((format!("start-{}", problem.key()), page.render()));
    }
    pages
}

fn wait_samples(chrome: &Chrome<'_>, data: &Data) -> Vec<(String, String)> {
    let page = |kind, state| {
        let opaque = &*data.opaque;
        WaitPage { chrome: chrome.clone(), request: opaque, attempt: opaque, csrf: opaque, kind, state }.render()
    };
    let sim = IdentityProviderKind::Sim;
    let pending = WaitState::Pending { code: "0742", status_url: "/signin/status?request=A&attempt=B", seconds_left: 97 };
    let failed = |problem, incident| WaitState::Failed {
        problem,
        incident,
        retry_url: "/signin/start?request=A&attempt=B",
        other_url: Some("/signin/choose?request=A"),
    };
    let mut pages = vec![
        ("wait-app".to_owned(), page(IdentityProviderKind::App, pending.clone())),
        ("wait".to_owned(), page(sim, pending)),
        ("wait-verified".to_owned(), page(sim, WaitState::Verified)),
        ("wait-elsewhere".to_owned(), page(sim, WaitState::Elsewhere { continue_url: "/connect/authorize?request=A" })),
        ("wait-incident".to_owned(), page(sim, failed(Problem::Rejected, Some(&data.opaque)))),
    ];
    pages.extend(PROBLEMS.map(|problem| (format!("wait-{}", problem.key()), page(sim, failed(problem, None)))));
    pages
}

fn other_samples(chrome: &Chrome<'_>, data: &Data) -> Vec<(String, String)> {
    let opaque = &*data.opaque;
    let own = |name: &str, required, emphasize| ScopeLine {
        name: opaque.to_owned().leak(),
        display_name: format!("{name} {}", data.service),
        description: format!("{name} {}", data.organisation),
        required,
        emphasize,
    };
    let scopes = [
        ScopeLine::openid(chrome.language),
        ScopeLine::profile(chrome.language),
        own("@myorg.is/documents:read", false, false),
        own("@myorg.is/documents:write", false, true),
        own("@myorg.is/required", true, true),
        ScopeLine::offline_access(chrome.language, 31 * 86_400),
    ];
    let consent = ConsentPage {
        chrome: chrome.clone(),
        request: opaque,
        progress: opaque,
        csrf: opaque,
        organisation: ConsentOrganisation { name: &data.organisation, domain: &data.host },
        client_name: &data.service,
        redirect_host: Some(&data.host),
        person_name: &data.person,
        scopes: &scopes,
        remember: true,
    };
    let again = Button::post(Label::StartAgain, "/signin/choose", vec![("request", opaque), ("csrf", opaque)]);
    let fields = [("code", opaque), ("state", opaque), (opaque, "name")];
    let mut pages = vec![
        ("consent".to_owned(), consent.render()),
        ("consent-once".to_owned(), ConsentPage { remember: false, redirect_host: None, ..consent }.render()),
        (
            "end-session".to_owned(),
            EndSessionPage { chrome: chrome.clone(), logout: opaque, csrf: opaque, person_name: &data.person }.render(),
        ),
        (
            "logged-out".to_owned(),
            LoggedOutPage {
                chrome: chrome.clone(),
                button: Button::link(Label::BackToService, "https://myorg.is/?a=b&c=\"d\""),
            }
            .render(),
        ),
        (
            "form-post".to_owned(),
            FormPostPage { chrome: chrome.clone(), action: "https://app.myorg.is/oauth/callback?a=b&c=d", fields: &fields }
                .render(),
        ),
    ];
    for message in MESSAGES {
        let page = MessagePage {
            chrome: chrome.clone(),
            message,
            refusal_id: Some("IAS-1003"),
            error_id: Some(opaque),
            detail: Some(&data.detail),
            button: Some(again.clone()),
        };
        pages.push((format!("message-{message:?}").replace(" { minutes: 2 }", ""), page.render()));
    }
    pages
}

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
fn samples_are_written_where_asked() {
    let Ok(folder) = std::env::var("IAS_PAGE_SAMPLES") else { return };
    let folder = Path::new(&folder);
    fs::create_dir_all(folder.join("static")).unwrap();
    for name in ["main.css", "signin.js", "favicon.svg"] {
        fs::copy(Path::new("static").join(name), folder.join(&assets::asset_url(name)[1..])).unwrap();
    }
    for language in Language::ALL {
        for (name, html) in samples(language, &Data::kind(language)) {
            fs::write(folder.join(format!("{name}.html")), html).unwrap();
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
    let inline =
        Regex::new(r#"(?i)<style|\sstyle=|\son[a-z]+=|javascript:|<script(?! ?src)"#.replace("(?! ?src)", ">").as_str())
            .unwrap();
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

/// The content of every file below `folder`.
fn files(folder: &Path) -> Vec<String> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
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
