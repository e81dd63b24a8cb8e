//! How a person's phone behaves when a request arrives: by the control API, by a scenario number, or by the mode.

use serde::{Deserialize, Serialize};

use super::fault::{AppLie, CertificateLie, Fault, ReplyLie, SignatureLie};

/// The results that Mobile-ID gives for a session (eid.md §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// the person signed
    Ok,
    /// nothing in two minutes
    Timeout,
    /// no active certificate for this number
    NotMidClient,
    /// the person declined
    UserCancelled,
    /// the card signed something else
    SignatureHashMismatch,
    /// off or without coverage
    PhoneAbsent,
    /// the message could not be delivered
    DeliveryError,
    /// the card failed
    SimError,
    /// another code was chosen in the app
    WrongCode,
    /// the app knows none of the ways to show the request
    AppTooOld,
}

/// What a phone does with a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// shows it and waits for the person
    #[default]
    Ask,
    /// signs
    Approve,
    /// declines
    Refuse,
    /// ends as if nobody had answered
    Timeout,
    /// ends as if the number had no electronic ID
    NotClient,
    /// ends as a damaged card does
    HashMismatch,
    /// ends as a phone that is off does
    PhoneAbsent,
    /// ends as an undelivered message does
    DeliveryError,
    /// ends as a failing card does
    SimError,
    /// the service answers the start with HTTP 500
    ServerError,
    /// chooses another code in the app
    WrongCode,
    /// ends as an app that is too old does
    AppTooOld,
}

impl Action {
    /// The result that the action leads to by itself; none for those that need a person or never start.
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Ask | Self::ServerError => None,
            Self::Approve => Some(Outcome::Ok),
            Self::Refuse => Some(Outcome::UserCancelled),
            Self::Timeout => Some(Outcome::Timeout),
            Self::NotClient => Some(Outcome::NotMidClient),
            Self::HashMismatch => Some(Outcome::SignatureHashMismatch),
            Self::PhoneAbsent => Some(Outcome::PhoneAbsent),
            Self::DeliveryError => Some(Outcome::DeliveryError),
            Self::SimError => Some(Outcome::SimError),
            Self::WrongCode => Some(Outcome::WrongCode),
            Self::AppTooOld => Some(Outcome::AppTooOld),
        }
    }
}

/// The electronic IDs that a person may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// on the SIM card
    #[serde(rename = "sim")]
    Sim,
    /// on the identity card
    #[serde(rename = "card")]
    Card,
    /// in the app
    #[serde(rename = "app")]
    App,
    /// every one
    #[serde(rename = "*")]
    Every,
}

impl Method {
    /// Whether what is said of this one is said of `other`, too.
    pub fn covers(self, other: Self) -> bool {
        self == Self::Every || self == other
    }
}

/// A prescribed behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Behaviour {
    /// for which electronic ID
    pub method: Method,
    /// what the phone does
    pub action: Action,
    /// how long it thinks first, milliseconds
    #[serde(default)]
    pub delay_ms: u64,
    /// for how many requests; absent means until it is taken away
    #[serde(default)]
    pub times: Option<u32>,
    /// a lie told when it approves
    #[serde(default)]
    pub fault: Option<Fault>,
}

/// A person whose number alone decides what happens (eid.md §11.2).
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// ten digits with the prefix `0099`, which no real person has
    pub national_id: &'static str,
    /// seven digits
    pub phone: &'static str,
    /// what happens, in English, for lists
    pub outcome: &'static str,
    /// the same in Icelandic
    pub outcome_is: &'static str,
    /// for which electronic ID
    pub method: Method,
    action: Action,
    delay_ms: u64,
    fault: Option<Fault>,
}

impl Scenario {
    /// What the app of this number does, in English, for lists (eid.md §11.2).
    pub fn app_outcome(&self) -> &'static str {
        match self.action {
            Action::Refuse => "USER_REFUSED: declines",
            Action::Timeout | Action::PhoneAbsent => "TIMEOUT: nobody answers",
            Action::NotClient => "HTTP 404: no account",
            Action::SimError => "DOCUMENT_UNUSABLE: the account is blocked",
            Action::HashMismatch => "PROTOCOL_FAILURE: the app breaks off",
            Action::DeliveryError => "SERVER_ERROR: the operator fails",
            Action::WrongCode => "WRONG_VC: chooses another code",
            Action::AppTooOld => "REQUIRED_INTERACTION_NOT_SUPPORTED_BY_APP: the app is too old",
            Action::Ask | Action::Approve | Action::ServerError => self.outcome,
        }
    }

    /// What the identity card of this number does, in English, for lists.
    pub fn card_outcome(&self) -> &'static str {
        match self.action {
            Action::Refuse => "ERR_WEBEID_USER_CANCELLED: declines",
            Action::Timeout => "ERR_WEBEID_USER_TIMEOUT: nobody answers",
            Action::Ask | Action::Approve if self.delay_ms > 0 => "approves at once",
            Action::Ask | Action::Approve => self.outcome,
            _ => "ERR_WEBEID_NATIVE_FATAL: the card fails",
        }
    }

    /// What the number prescribes.
    pub fn behaviour(&self) -> Behaviour {
        Behaviour { method: self.method, action: self.action, delay_ms: self.delay_ms, times: None, fault: self.fault }
    }

    /// The scenario of a person, if its national id is one.
    pub fn of(national_id: &str) -> Option<&'static Self> {
        SCENARIOS.iter().find(|scenario| scenario.national_id == national_id)
    }

    const fn ends(
        national_id: &'static str,
        phone: &'static str,
        action: Action,
        outcome: &'static str,
        outcome_is: &'static str,
    ) -> Self {
        Self { national_id, phone, outcome, outcome_is, method: Method::Every, action, delay_ms: 0, fault: None }
    }

    const fn lies(
        national_id: &'static str,
        phone: &'static str,
        fault: Fault,
        outcome: &'static str,
        outcome_is: &'static str,
    ) -> Self {
        let action = Action::Approve;
        Self { national_id, phone, outcome, outcome_is, method: Method::Every, action, delay_ms: 0, fault: Some(fault) }
    }

    const fn of_app(self) -> Self {
        Self { method: Method::App, ..self }
    }
}

const fn certificate(lie: CertificateLie) -> Fault {
    Fault::Certificate(lie)
}

/// The scenarios of eid.md §11.2.
pub static SCENARIOS: &[Scenario] = &[
    Scenario::ends("0099000019", "0000001", Action::Approve, "approves at once", "samþykkir strax"),
    Scenario::ends("0099000029", "0000002", Action::Refuse, "USER_CANCELLED: declines", "hafnar"),
    Scenario::ends("0099000039", "0000003", Action::Timeout, "TIMEOUT: nobody answers", "svarar ekki"),
    Scenario::ends("0099000049", "0000004", Action::PhoneAbsent, "PHONE_ABSENT: the phone is off", "slökkt er á símanum"),
    Scenario::ends("0099000059", "0000005", Action::NotClient, "NOT_MID_CLIENT: no electronic ID", "engin rafræn skilríki"),
    Scenario::ends("0099000069", "0000006", Action::SimError, "SIM_ERROR: the SIM card fails", "SIM-kortið bilar"),
    Scenario::ends(
        "0099000079",
        "0000007",
        Action::HashMismatch,
        "SIGNATURE_HASH_MISMATCH: the SIM card is damaged",
        "SIM-kortið er skemmt",
    ),
    Scenario::ends(
        "0099000089",
        "0000008",
        Action::DeliveryError,
        "DELIVERY_ERROR: the message is not delivered",
        "skilaboðin komast ekki til skila",
    ),
    Scenario::lies(
        "0099000099",
        "0000009",
        certificate(CertificateLie::Revoked),
        "the certificate is revoked",
        "skilríkin eru afturkölluð",
    ),
    Scenario::lies(
        "0099000109",
        "0000010",
        certificate(CertificateLie::Expired),
        "the certificate has expired",
        "skilríkin eru útrunnin",
    ),
    Scenario::lies(
        "0099000119",
        "0000011",
        certificate(CertificateLie::WrongPerson),
        "the certificate is another person's, who signs in",
        "skilríkin eru annars manns, sem skráist inn",
    ),
    Scenario::lies(
        "0099000129",
        "0000012",
        Fault::Signature(SignatureLie::WrongKey),
        "the signature is wrong",
        "undirskriftin er röng",
    ),
    Scenario::lies("0099000139", "0000013", certificate(CertificateLie::OcspDown), "OCSP does not answer", "OCSP svarar ekki"),
    Scenario::ends("0099000149", "0000014", Action::ServerError, "HTTP 500 at the start", "HTTP 500 í upphafi"),
    Scenario {
        national_id: "0099000159",
        phone: "0000015",
        outcome: "approves after 30 seconds",
        outcome_is: "samþykkir eftir 30 sekúndur",
        method: Method::Every,
        action: Action::Approve,
        delay_ms: 30_000,
        fault: None,
    },
    Scenario::ends("0099000169", "0000016", Action::WrongCode, "chooses another code", "velur ranga tölu").of_app(),
    Scenario::ends("0099000179", "0000017", Action::AppTooOld, "the app is too old", "appið er of gamalt").of_app(),
    Scenario::lies(
        "0099000189",
        "0000018",
        Fault::App(AppLie::LevelDowngrade),
        "the certificate is of the level ADVANCED",
        "skilríkin eru á lægra öryggisstigi",
    )
    .of_app(),
    Scenario::lies(
        "0099000199",
        "0000019",
        Fault::Reply(ReplyLie::MalformedJson),
        "malformed JSON in the answer",
        "gallað JSON í svari",
    ),
    Scenario::lies(
        "0099000209",
        "0000020",
        certificate(CertificateLie::UntrustedIssuer),
        "the issuer is not trusted",
        "útgefandinn nýtur ekki trausts",
    ),
];
