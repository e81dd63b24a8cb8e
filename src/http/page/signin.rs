//! The pages of signing in (eid.md §10): choose a way, give a number, wait for the phone.

use askama::Template;

use super::{Chrome, problem::Problem, qr::QrPath};
use crate::{
    base::text::Language,
    model::identity_provider::{Asks, DeviceLinks, IdentityProvider, IdentityProviderKind},
    outbound::eid::{Step, card::CardStep},
};

/// A way to sign in, as the page offers it.
#[derive(Clone, Copy, Debug)]
pub struct Method<'a> {
    /// of the identity provider
    pub name: &'a str,
    /// what it looks like
    pub kind: IdentityProviderKind,
    /// what the person reads, where that is not the name of the kind
    pub display_name: Option<&'a str>,
    /// whether the person goes on at the provider's own page
    pub elsewhere: bool,
}

impl<'a> Method<'a> {
    /// The identity provider as a way, for a reader of `language`.
    pub fn of(provider: &'a IdentityProvider, language: Language) -> Self {
        Self {
            name: &provider.name,
            kind: provider.kind,
            display_name: provider.display_name.as_ref().map(|name| name.get(language)),
            elsewhere: provider.driver.begins_elsewhere(),
        }
    }

    /// The key of the name of its kind.
    const fn name_key(&self) -> &'static str {
        match self.kind {
            IdentityProviderKind::Sim => "method-sim",
            IdentityProviderKind::App => "method-app",
            IdentityProviderKind::Card => "method-card",
        }
    }

    /// The key of what it needs.
    const fn hint_key(&self) -> &'static str {
        match self.kind {
            _ if self.elsewhere => "method-elsewhere-hint",
            IdentityProviderKind::Sim => "method-sim-hint",
            IdentityProviderKind::App => "method-app-hint",
            IdentityProviderKind::Card => "method-card-hint",
        }
    }
}

/// GET /signin/choose: the ways to sign in; for `prompt=select_account` in a live session, who is signed in.
///
/// POST /signin/choose: `csrf`, `request` and (where the page has it) `progress`, and one of `identity_provider` = its name, `subject` = current|other,
/// `decision` = cancel.
#[derive(Clone, Debug, Template)]
#[template(path = "signin/choose.html")]
pub struct ChoosePage<'a> {
    /// what stands around it
    pub chrome: Chrome<'a>,
    /// the sealed request
    pub request: &'a str,
    /// the sealed progress of the request, where the page speaks of a session
    pub progress: Option<&'a str>,
    /// the form's CSRF token
    pub csrf: &'a str,
    /// the ways that the client accepts
    pub methods: &'a [Method<'a>],
    /// the way that this browser used last; it comes first
    pub last_used: Option<&'a str>,
    /// the name of who is signed in: asks whether to go on as that person, and shows no ways
    pub signed_in: Option<&'a str>,
}

impl ChoosePage<'_> {
    fn heading(&self) -> String {
        self.chrome.text(if self.signed_in.is_some() { "choose-account-heading" } else { "choose-heading" })
    }

    fn ordered_methods(&self) -> Vec<Method<'_>> {
        let mut methods = self.methods.to_vec();
        methods.sort_by_key(|method| !self.is_last_used(method));
        methods
    }

    fn is_last_used(&self, method: &Method<'_>) -> bool {
        self.last_used == Some(method.name)
    }
}

/// GET /signin/start: what is needed to begin: a phone number, a kennitala or nothing but the will.
///
/// POST /signin/start: `csrf`, `request`, `identity_provider` and `phone_number`, `national_id` or `app` = other_device|this_device; or
/// `decision` = cancel.
#[derive(Clone, Debug, Template)]
#[template(path = "signin/start.html")]
pub struct StartPage<'a> {
    /// what stands around it
    pub chrome: Chrome<'a>,
    /// the sealed request
    pub request: &'a str,
    /// the form's CSRF token
    pub csrf: &'a str,
    /// its name
    pub identity_provider: &'a str,
    /// the field
    pub asks: Asks,
    /// the buttons for an app, beside the field or in its place
    pub device_links: DeviceLinks,
    /// the page is shown on a phone: the app is likely to be there
    pub on_phone: bool,
    /// what was typed before, whatever it was; empty at first
    pub identifier: &'a str,
    /// seconds that the person will have to confirm (WCAG 2.2.1: said before it starts)
    pub valid_seconds: u32,
    /// what was wrong
    pub problem: Option<Problem>,
    /// the page with the other ways; none where the client accepts this one alone
    pub other_url: Option<&'a str>,
}

impl StartPage<'_> {
    fn heading(&self) -> String {
        self.chrome.text(match self.asks {
            Asks::Nothing if !self.apps().is_empty() => "start-app-heading",
            Asks::PhoneNumber => "start-phone-number-heading",
            Asks::NationalId => "start-national-id-heading",
            Asks::Nothing => "start-heading",
            Asks::Card => "card-heading",
        })
    }

    /// The values of the buttons for an app, the likelier first; both are always there (eid.md §10.4).
    fn apps(&self) -> Vec<&'static str> {
        let mut apps = vec![("other_device", self.device_links.qr), ("this_device", self.device_links.same_device)];
        if self.on_phone {
            apps.reverse();
        }
        apps.into_iter().filter(|(_, is_offered)| *is_offered).map(|(app, _)| app).collect()
    }

    /// Whether the person types something that names their device.
    fn names_somebody(&self) -> bool {
        matches!(self.asks, Asks::PhoneNumber | Asks::NationalId)
    }

    fn field(&self) -> &'static str {
        if self.asks == Asks::NationalId { "national_id" } else { "phone_number" }
    }

    fn field_problem(&self) -> Option<Problem> {
        self.problem.filter(|problem| problem.concerns_field())
    }
}

/// GET /signin/wait: the attempt as it stands; it can be reloaded at any time.
///
/// POST /signin/wait: `csrf`, `request`, `attempt` and `decision` = cancel while it is pending, allow once it is verified.
#[derive(Clone, Debug, Template)]
#[template(path = "signin/wait.html")]
pub struct WaitPage<'a> {
    /// what stands around it
    pub chrome: Chrome<'a>,
    /// the sealed request
    pub request: &'a str,
    /// the attempt's id
    pub attempt: &'a str,
    /// the form's CSRF token
    pub csrf: &'a str,
    /// where the person confirms
    pub kind: IdentityProviderKind,
    /// what the attempt has come to
    pub state: WaitState<'a>,
    /// GET /signin/card?…: leads to the host where the browser shows a certificate
    pub certificate_url: &'a str,
}

/// What an attempt has come to.
#[derive(Clone, Debug)]
pub enum WaitState<'a> {
    /// the phone has been asked
    Pending {
        /// what the person does next; nothing while an answer is being looked at
        step: Option<&'a Step>,
        /// GET /signin/status?…: JSON `{"state":"pending|verified|failed|ended","step":"…","seconds_left":n}`, and for a QR code
        /// `"qr":{"size":n,"path":"…"}` as it is now
        status_url: &'a str,
        /// GET /signin/start?…: another way to begin with the same app
        restart_url: &'a str,
        /// our own host, where codes may be scanned
        host: &'a str,
        /// until the request ends
        seconds_left: u32,
    },
    /// confirmed: the form goes on, by itself where there is script
    Verified,
    /// not confirmed
    Failed {
        /// why
        problem: Problem,
        /// a number that the log knows as well; shown where support has to look into it
        incident: Option<&'a str>,
        /// GET /signin/start?…, the number kept (WCAG 3.3.7)
        retry_url: &'a str,
        /// GET /signin/choose?…; none where the client accepts one way alone
        other_url: Option<&'a str>,
    },
    /// ended in another tab
    Elsewhere {
        /// the request, to be looked at again with the session that there is now
        continue_url: &'a str,
    },
}

impl WaitState<'_> {
    /// The word of the step that the page shows, for the script to compare.
    fn step_name(&self) -> &'static str {
        match self {
            Self::Pending { step: Some(step), .. } => step.name(),
            _ => "",
        }
    }

    /// `1:07`; the clock face needs no plural, so that the script can go on with it.
    fn time_left(&self) -> String {
        match self {
            Self::Pending { seconds_left, .. } => format!("{}:{:02}", seconds_left / 60, seconds_left % 60),
            _ => String::new(),
        }
    }
}

impl WaitPage<'_> {
    /// Seconds after which a browser without script looks again, if it does by itself: a QR code ages fast, and where there is
    /// something to press nothing changes.
    fn refresh(&self) -> Option<u32> {
        match self.state {
            WaitState::Pending { step: Some(Step::ReadCard(_)), .. } => None,
            WaitState::Pending { step: Some(Step::ShowQr(_)), .. } => Some(2),
            WaitState::Pending { .. } => Some(3),
            _ => None,
        }
    }

    /// How the card is read, while the page waits for it.
    fn card(&self) -> Option<&CardStep> {
        match self.state {
            WaitState::Pending { step: Some(Step::ReadCard(card)), .. } => Some(card),
            _ => None,
        }
    }

    fn heading(&self) -> String {
        self.chrome.text(match (&self.state, self.kind) {
            (WaitState::Pending { step: Some(Step::ReadCard(_)), .. }, _) => "card-heading",
            (WaitState::Pending { step: Some(Step::Redirect(_)), .. }, _) => "wait-redirect-heading",
            (WaitState::Pending { step: Some(Step::ShowQr(_)), .. }, _) => "wait-qr-heading",
            (WaitState::Pending { step: Some(Step::OpenApp(_)), .. }, _) => "wait-open-app-heading",
            (WaitState::Pending { .. }, IdentityProviderKind::App) => "wait-app-heading",
            (WaitState::Pending { .. }, _) => "wait-heading",
            (WaitState::Verified, _) => "wait-verified-heading",
            (WaitState::Failed { .. }, _) => "wait-failed-heading",
            (WaitState::Elsewhere { .. }, _) => "wait-elsewhere-heading",
        })
    }
}

/// The code digit by digit, as a screen reader should say it.
fn spelled(code: &str) -> String {
    let mut digits = String::with_capacity(code.len() * 2);
    for digit in code.chars() {
        if !digits.is_empty() {
            digits.push(' ');
        }
        digits.push(digit);
    }
    digits
}
