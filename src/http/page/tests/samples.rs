//! Every page in every state, filled with kind or with hostile data.

use std::{fs, path::Path};

use super::super::{
    Button, Chrome, Label, Page, Service,
    consent::{ConsentOrganisation, ConsentPage, ScopeLine},
    end_session::{EndSessionPage, LoggedOutPage},
    form_post::FormPostPage,
    message::{Message, MessagePage},
    problem::Problem,
    signin::{ChoosePage, Method, StartPage, WaitPage, WaitState},
};
use crate::{
    base::text::Language,
    http::assets,
    model::{
        environment::Environment,
        identity_provider::{Asks, DeviceLinks, IdentityProviderKind},
    },
    outbound::eid::{Step, card::CardStep},
};

const MESSAGES: [Message; 19] = [
    Message::ReturnedElsewhere,
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
    Message::NoCertificate,
    Message::TooManyRequests { minutes: 2 },
    Message::NotFound,
    Message::MethodNotAllowed,
    Message::TooLarge,
    Message::Failure,
    Message::Unavailable,
];

const PROBLEMS: [Problem; 15] = [
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
    Problem::AssuranceTooLow,
];

/// What a page shows that is not ours.
pub(super) struct Data {
    service: String,
    organisation: String,
    person: String,
    opaque: String,
    host: String,
    detail: String,
}

impl Data {
    pub(super) fn kind(language: Language) -> Self {
        Self {
            service: if language == Language::Is { "Skjalagátt".into() } else { "Document Portal".into() },
            organisation: if language == Language::Is { "Mín stofnun".into() } else { "My Organisation".into() },
            person: "Gervimaður Ameríka".into(),
            opaque: "AVgk3rP0uZ".into(),
            host: "app.myorg.is".into(),
            detail: "client_id @myorg.is/webapp; redirect_uri https://app.myorg.is/oauth/Callback".into(),
        }
    }

    pub(super) fn all(text: &str) -> Self {
        let text = || text.to_owned();
        Self { service: text(), organisation: text(), person: text(), opaque: text(), host: text(), detail: text() }
    }
}

/// Every page in every state: (name, document).
pub(super) fn samples(language: Language, data: &Data) -> Vec<(String, String)> {
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
    let of = |kind: IdentityProviderKind| Method { name: kind.as_str(), kind, display_name: None, elsewhere: false };
    let [sim, app, card] = IdentityProviderKind::ALL.map(of);
    let broker = Method { name: "broker", display_name: Some(&data.organisation), elsewhere: true, ..card };
    let methods = [sim, app, card, broker];
    let choose = ChoosePage {
        chrome: chrome.clone(),
        progress: None,
        request,
        csrf,
        methods: &methods,
        last_used: Some("app"),
        signed_in: None,
    };
    let device_links = DeviceLinks { qr: true, same_device: true };
    let start = StartPage {
        chrome: chrome.clone(),
        request,
        csrf,
        identity_provider: "sim",
        asks: Asks::PhoneNumber,
        device_links: DeviceLinks::default(),
        on_phone: false,
        identifier: "",
        valid_seconds: 121,
        problem: None,
        other_url: Some("/signin/choose?request=AVgk3rP0uZ"),
    };
    let mut pages = vec![
        ("choose".to_owned(), choose.render()),
        (
            "select-account".to_owned(),
            ChoosePage { signed_in: Some(&data.person), progress: Some(request), ..choose.clone() }.render(),
        ),
        ("start-sim".to_owned(), start.render()),
        ("start-app".to_owned(), StartPage { identity_provider: "app", asks: Asks::NationalId, ..start.clone() }.render()),
        (
            "start-app-links".to_owned(),
            StartPage { identity_provider: "app", asks: Asks::NationalId, device_links, ..start.clone() }.render(),
        ),
        (
            "start-app-links-alone".to_owned(),
            StartPage { identity_provider: "app", asks: Asks::Nothing, device_links, on_phone: true, ..start.clone() }.render(),
        ),
        ("start-card".to_owned(), StartPage { identity_provider: "card", asks: Asks::Card, ..start.clone() }.render()),
        ("start-nothing".to_owned(), StartPage { asks: Asks::Nothing, ..start.clone() }.render()),
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
        let certificate_url = "/signin/card?request=A&attempt=B";
        WaitPage { chrome: chrome.clone(), request: opaque, attempt: opaque, csrf: opaque, kind, state, certificate_url }
            .render()
    };
    let sim = IdentityProviderKind::Sim;
    let card = CardStep {
        nonce: Some("m45RVLWT6ySwAFBjXAgLDXbRk8cVPpBbGTR8vQvzKGk=".to_owned()),
        card_host: url::Url::parse("https://card.innskra.is").ok(),
        shim: None,
    };
    let [both, web_eid, mtls] =
        [card.clone(), CardStep { card_host: None, ..card.clone() }, CardStep { nonce: None, ..card }].map(Step::ReadCard);
    let redirect = Step::Redirect(url::Url::parse("https://broker.example.is/authorize?a=b&c=d").unwrap());
    let waiting = |step| WaitState::Pending {
        step,
        status_url: "/signin/status?request=A&attempt=B",
        restart_url: "/signin/start?request=A&attempt=B",
        host: "innskra.example.is",
        seconds_left: 97,
    };
    let app = IdentityProviderKind::App;
    let link = "https://app.example.is/device-link?deviceLinkType=QR&elapsedSeconds=7&sessionToken=A";
    let [code, choice, qr, open] = [
        Step::ShowCode("0742".to_owned()),
        Step::ChooseCode("0742".to_owned()),
        Step::ShowQr(link.to_owned()),
        Step::OpenApp(link.to_owned()),
    ];
    let failed = |problem, incident| WaitState::Failed {
        problem,
        incident,
        retry_url: "/signin/start?request=A&attempt=B",
        other_url: Some("/signin/choose?request=A"),
    };
    let mut pages = vec![
        ("wait-app".to_owned(), page(app, waiting(Some(&code)))),
        ("wait-app-choice".to_owned(), page(app, waiting(Some(&choice)))),
        ("wait-qr".to_owned(), page(app, waiting(Some(&qr)))),
        ("wait-open-app".to_owned(), page(app, waiting(Some(&open)))),
        ("wait".to_owned(), page(sim, waiting(Some(&code)))),
        ("wait-checking".to_owned(), page(sim, waiting(None))),
        ("wait-redirect".to_owned(), page(IdentityProviderKind::Card, waiting(Some(&redirect)))),
        ("wait-card".to_owned(), page(IdentityProviderKind::Card, waiting(Some(&both)))),
        ("wait-card-web-eid".to_owned(), page(IdentityProviderKind::Card, waiting(Some(&web_eid)))),
        ("wait-card-mtls".to_owned(), page(IdentityProviderKind::Card, waiting(Some(&mtls)))),
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

/// To look at: `IAS_PAGE_SAMPLES=<folder> cargo test --lib samples_are_written`, then serve the folder.
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
