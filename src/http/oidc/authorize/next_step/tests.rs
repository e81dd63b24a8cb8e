//! The decision, for every combination of what it hangs on, and the cases that people know, one by one.

use super::*;
use crate::{
    base::{
        id::{ClientRowId, OrganisationId, SessionId},
        text::LocalizedText,
    },
    flows::authorization_request::ConsentGiven,
    model::{
        consent::RememberedConsent,
        environment::Environment,
        organisation::Organisation,
        session,
        settings::{
            client::{Surroundings, parse},
            client_input::ClientInput,
        },
    },
    protocol::params::Params,
};

const START: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;
/// The row with which the session was made.
const SIM: IdentityProviderRowId = IdentityProviderRowId(uuid::Uuid::nil());
const SCOPE: [&str; 3] = ["openid", "profile", "@myorg.is/documents:read"];

/// A living session, signed in at [`START`].
fn found() -> SessionWithConsent {
    SessionWithConsent { session: session::tests::sample(), consent: None }
}

fn consent(scope: &[&str], expires_at: Option<OffsetDateTime>) -> RememberedConsent {
    let scope = scope.iter().map(|name| (*name).to_owned()).collect();
    RememberedConsent { id: ConsentId::new(START), scope, expires_at }
}

fn client(client_type: ClientType, change: impl FnOnce(&mut Client)) -> Client {
    let organisation = Organisation {
        id: OrganisationId::new(START),
        domain: "myorg.is".into(),
        national_id: "4099000019".into(),
        display_name: LocalizedText { is: "Stofnunin".into(), en: None },
        contact_email: None,
        enabled: true,
    };
    let redirect_uri =
        if client_type == ClientType::Native { "is.myorg.app:/callback" } else { "https://app.myorg.is/callback" };
    let input = ClientInput {
        client_id: "@myorg.is/webapp".into(),
        client_type: Some(client_type),
        display_name: LocalizedText { is: "Vefur".into(), en: None },
        redirect_uris: vec![redirect_uri.into()],
        scopes: vec![SCOPE[2].into()],
        ..ClientInput::default()
    };
    let around = Surroundings { organisation: &organisation, environment: Environment::Production, scope_exists: &|_| true };
    let mut client = parse(input, ClientRowId::new(START), &around).expect("it is valid");
    change(&mut client);
    client
}

fn request(client: &Client, parameters: &str) -> AuthorizeRequest {
    let query = format!("response_type=code&scope={}&{parameters}", SCOPE.join("+"));
    let params = Params::parse(query.as_bytes()).expect("a query");
    AuthorizeRequest::read(&params, &client.client_id, &client.redirect_uris[0], false).expect("a request")
}

/// What the pages have established, all of it in the session `id`.
fn progress(id: SessionId) -> Progress {
    Progress {
        request_id: [1; 16],
        binding: [2; 32],
        session_id: Some(id),
        signed_in: false,
        account_selected: false,
        consent: None,
        denied: false,
    }
}

fn scope() -> Vec<String> {
    SCOPE.map(ToOwned::to_owned).to_vec()
}

/// The step of a web client's request in a living session without progress, everything else as `change` leaves it.
fn step(parameters: &str, change: impl FnOnce(&mut SessionWithConsent, &mut Client, &mut Progress)) -> NextStep {
    let (mut found, mut client) = (found(), client(ClientType::Web, |_| {}));
    let mut progress = progress(found.session.id);
    change(&mut found, &mut client, &mut progress);
    decide(&Facts {
        request: &request(&client, parameters),
        client: &client,
        providers: &[SIM],
        scope: &scope(),
        hint: None,
        found: Some(&found),
        progress: Some(&progress),
        not_before: client.not_before.unwrap_or(START),
        now: START + Duration::minutes(1),
    })
}

fn issued(consent: ConsentUse) -> NextStep {
    NextStep::Issue { consent, scope: scope() }
}

#[test]
fn a_living_session_is_enough() {
    assert_eq!(step("", |_, _, _| {}), issued(ConsentUse::NotAsked));
}

#[test]
fn aut_09_login_and_max_age_are_met_by_a_sign_in_for_this_request_alone() {
    for parameters in ["prompt=login", "max_age=0", "max_age=59"] {
        assert_eq!(step(parameters, |_, _, _| {}), NextStep::SignIn, "{parameters}");
        let fresh = step(parameters, |_, _, progress| progress.signed_in = true);
        assert_eq!(fresh, issued(ConsentUse::NotAsked), "{parameters}");
        let of_another_session = step(parameters, |_, _, progress| {
            progress.signed_in = true;
            progress.session_id = Some(SessionId::new(START + Duration::hours(1)));
        });
        assert_eq!(of_another_session, NextStep::SignIn, "{parameters}");
    }
    assert_eq!(step("max_age=60", |_, _, _| {}), issued(ConsentUse::NotAsked));
    assert_eq!(step("prompt=none&max_age=59", |_, _, _| {}), NextStep::Refuse(&refusals::LOGIN_REQUIRED));
}

#[test]
fn aut_11_a_session_counts_only_where_its_way_and_assurance_do() {
    for change in [
        (|found, _, _| found.session.identity_provider_id = Some(IdentityProviderRowId(uuid::Uuid::max())))
            as fn(&mut SessionWithConsent, &mut Client, &mut Progress),
        |found, _, _| found.session.identity_provider_id = None,
        |found, _, _| found.session.acr = "eidas-loa-low".into(),
        |_, client, _| client.allowed_acr = vec!["islandis-passkey".into()],
        |_, client, _| client.not_before = Some(START + Duration::SECOND),
    ] {
        assert_eq!(step("", change), NextStep::SignIn);
        assert_eq!(step("prompt=none", change), NextStep::Refuse(&refusals::LOGIN_REQUIRED));
    }
    assert_eq!(step("acr_values=islandis-passkey+eidas-loa-high", |_, _, _| {}), issued(ConsentUse::NotAsked));
    assert_eq!(step("acr_values=islandis-passkey", |_, _, _| {}), NextStep::SignIn);
}

#[test]
fn con_04_a_remembered_consent_is_used_until_something_is_new() {
    let remembering = |consent: RememberedConsent| {
        move |found: &mut SessionWithConsent, client: &mut Client, _: &mut Progress| {
            client.require_consent = true;
            found.consent = Some(consent);
        }
    };
    let whole = consent(&SCOPE, None);
    assert_eq!(step("", remembering(whole.clone())), issued(ConsentUse::Remembered(whole.id)));
    assert_eq!(step("prompt=none", remembering(whole.clone())), issued(ConsentUse::Remembered(whole.id)));
    assert_eq!(step("prompt=consent", remembering(whole)), NextStep::AskConsent);
    for consent in [consent(&SCOPE[..2], None), consent(&SCOPE, Some(START + Duration::minutes(1)))] {
        assert_eq!(step("", remembering(consent.clone())), NextStep::AskConsent);
        assert_eq!(step("prompt=none", remembering(consent)), NextStep::Refuse(&refusals::CONSENT_REQUIRED));
    }
}

#[test]
fn con_02_what_was_unticked_is_not_granted_and_nothing_is_added() {
    let given = step("prompt=consent", |_, client, progress| {
        let request = request(client, "");
        progress.consent = Some(ConsentGiven::new(&request, |name| name != "profile", true));
    });
    let expected = ["openid", "@myorg.is/documents:read"].map(ToOwned::to_owned).to_vec();
    assert_eq!(given, NextStep::Issue { consent: ConsentUse::Given { remembered: true }, scope: expected });
    let not_to_be_remembered = step("prompt=consent", |_, client, progress| {
        client.allow_remember_consent = false;
        progress.consent = Some(ConsentGiven::new(&request(client, ""), |_| true, true));
    });
    assert_eq!(not_to_be_remembered, issued(ConsentUse::Given { remembered: false }));
}

/// One combination of all that the decision hangs on.
struct Case<'a> {
    prompt: &'a str,
    max_age: &'a str,
    acr: &'a str,
    request: &'a AuthorizeRequest,
    client: &'a Client,
    found: Option<&'a SessionWithConsent>,
    progress: Option<&'a Progress>,
    hint: Option<&'a str>,
}

/// Calls `check` with every combination.
fn every_case(mut check: impl FnMut(&Case<'_>)) {
    let prompts = [
        "",
        "none",
        "login",
        "consent",
        "select_account",
        "login+consent",
        "login+select_account",
        "consent+select_account",
        "login+consent+select_account",
    ];
    let clients = [
        client(ClientType::Web, |_| {}),
        client(ClientType::Web, |client| client.require_consent = true),
        client(ClientType::Native, |_| {}),
    ];
    let living = found();
    let sessions = [
        None,
        Some(living.clone()),
        Some(SessionWithConsent { consent: Some(consent(&SCOPE, None)), ..living.clone() }),
        Some(SessionWithConsent { consent: Some(consent(&SCOPE[..1], None)), ..living.clone() }),
    ];
    for client in &clients {
        let answers = [None, Some(ConsentGiven::new(&request(client, ""), |_| true, true))];
        let mut progresses = vec![None];
        for answer in &answers {
            for bits in 0..16 {
                let [named, signed_in, account_selected, denied] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
                let of = if named { living.session.id } else { SessionId::new(START + Duration::hours(2)) };
                let consent = answer.clone();
                progresses.push(Some(Progress { signed_in, account_selected, consent, denied, ..progress(of) }));
            }
        }
        let times = prompts.iter().flat_map(|prompt| ["", "0", "30", "90"].map(|age| (*prompt, age)));
        for (prompt, max_age, acr) in
            times.flat_map(|(prompt, age)| ["", "eidas-loa-high", "other"].map(|acr| (prompt, age, acr)))
        {
            let request = &request(client, &format!("prompt={prompt}&max_age={max_age}&acr_values={acr}"));
            for (found, progress) in
                sessions.iter().flat_map(|found| progresses.iter().map(|progress| (found.as_ref(), progress.as_ref())))
            {
                for hint in [None, Some("sub"), Some("other")] {
                    check(&Case { prompt, max_age, acr, request, client, found, progress, hint });
                }
            }
        }
    }
}

/// What the specifications and the house's decisions say, one rule after the other.
fn expected(case: &Case<'_>) -> NextStep {
    let prompted = |word| case.prompt.split('+').any(|sent| sent == word);
    let established = |of: fn(&Progress) -> bool| case.progress.is_some_and(of);
    let (silent, named) = (prompted("none"), |found: &SessionWithConsent| {
        case.progress.is_some_and(|progress| progress.session_id == Some(found.session.id))
    });
    if established(|progress| progress.denied) {
        return NextStep::Refuse(&refusals::CANCELLED);
    }
    let fresh = case.found.is_some_and(|found| named(found) && established(|progress| progress.signed_in));
    let old = prompted("login") || matches!(case.max_age, "0" | "30");
    let Some(found) = case.found.filter(|_| case.acr != "other" && (fresh || !old)) else {
        return if silent { NextStep::Refuse(&refusals::LOGIN_REQUIRED) } else { NextStep::SignIn };
    };
    if case.hint == Some("other") {
        let refused = NextStep::Refuse(&refusals::AUTHORIZE_HINT_OTHER_PERSON);
        return if fresh || silent { refused } else { NextStep::SignIn };
    }
    if prompted("select_account") && !fresh && !established(|progress| progress.account_selected) {
        return NextStep::SelectAccount;
    }
    let native = case.client.client_type == ClientType::Native;
    if !native && !case.client.require_consent && !prompted("consent") {
        return issued(ConsentUse::NotAsked);
    }
    if named(found) && established(|progress| progress.consent.is_some()) {
        return issued(ConsentUse::Given { remembered: true });
    }
    let remembered = found.consent.as_ref().filter(|consent| consent.scope.len() == SCOPE.len());
    match remembered {
        Some(consent) if !native && !prompted("consent") => issued(ConsentUse::Remembered(consent.id)),
        _ if !silent => NextStep::AskConsent,
        _ if native => NextStep::Refuse(&refusals::INTERACTION_REQUIRED),
        _ => NextStep::Refuse(&refusals::CONSENT_REQUIRED),
    }
}

#[test]
fn every_combination_has_the_step_that_the_rules_give() {
    let mut count = 0;
    every_case(|case| {
        count += 1;
        let step = decide(&Facts {
            request: case.request,
            client: case.client,
            providers: &[SIM],
            scope: &scope(),
            hint: case.hint,
            found: case.found,
            progress: case.progress,
            not_before: START,
            now: START + Duration::minutes(1),
        });
        let context = || {
            let Case { prompt, max_age, acr, client, found, progress, hint, .. } = case;
            let kind = client.client_type;
            format!("{prompt} {max_age} {acr} {kind:?} hint {hint:?}\n{found:?}\n{progress:?}")
        };
        assert_eq!(step, expected(case), "{}", context());
        let shows_a_page = matches!(step, NextStep::SignIn | NextStep::SelectAccount | NextStep::AskConsent);
        assert!(case.prompt != "none" || !shows_a_page, "AUT-08: {}", context());
    });
    assert!(count > 100_000, "{count}");
}
