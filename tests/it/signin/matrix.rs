//! Every lie that the simulator can tell in every way to sign in (eid.md §11.3, §13). Each cell is driven by the table test of its
//! way; here stands that no cell is missing, and why a lie cannot be told in a way.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::json;

use super::{
    app_faults::{LIES as APP, RETURN_LIES},
    card::{CERTIFICATE_LIES, TOKEN_LIES},
    faults::LIES as SIM,
};
use crate::support::phone::{Phone, control};

/// The lie, the sentence on the page, the error kind.
type Case = (&'static str, &'static str, &'static str);

/// A way to sign in: its name, the tables that drive it, and the lies that end in tests of their own (they sign somebody in, change
/// nothing or never come to an end).
type Way = (&'static str, &'static [&'static [Case]], &'static [&'static str]);

const WAYS: [Way; 6] = [
    ("SIM card", &[SIM], &["wrongPerson", "extraFields", "slowBody"]),
    ("app by kennitala", &[APP], &["wrongPerson", "extraFields", "slowBody"]),
    ("app by QR code", &[APP], &["wrongPerson", "extraFields", "slowBody"]),
    ("app on this device", &[APP, RETURN_LIES], &["wrongPerson", "extraFields", "slowBody"]),
    ("card by Web eID", &[TOKEN_LIES, CERTIFICATE_LIES], &["wrongPerson"]),
    ("card by certificate", &[CERTIFICATE_LIES], &["wrongPerson"]),
];

/// What is bent does not occur in the way.
fn is_absent(way: &str, lie: &str) -> bool {
    let (sim, same_device) = (way == "SIM card", way == "app on this device");
    let (app, handshake) = (way.starts_with("app"), way == "card by certificate");
    match lie {
        // the words of an app's operator, and what an app signs
        "levelDowngrade" | "wrongSalt" | "wrongServerRandom" | "wrongUserChallenge" | "wrongFlowType" | "wrongInteraction"
        | "wrongRpName" => !app,
        // the way back from an app
        "wrongCallbackValue" | "wrongDigest" | "wrongVerifier" => !same_device,
        // what only a card's token has
        "wrongOrigin" | "wrongNonce" => sim || app || handshake,
        // a card answers at once, with a token and nothing around it
        "unknownResult" | "extraFields" | "slowBody" => way.starts_with("card"),
        // whoever shows a certificate in a handshake signs there, and TLS itself refuses the rest
        "wrongKey" | "otherHash" | "replayOld" | "wrongHashAlg" | "derSignature" | "emptySignature" | "unknownState"
        | "malformedJson" | "hugeBody" => handshake,
        _ => false,
    }
}

#[tokio::test]
async fn every_lie_in_every_way_has_its_sentence() {
    // the simulator tells every lie that it knows when it is asked for one that it does not
    let someone = Phone::new().await;
    let unknown = json!({"method": "sim", "action": "approve", "fault": "nonsense"});
    let (_, refusal) = control(Method::PUT, &format!("/persons/{}/behaviour", someone.national_id), unknown).await;
    let listed = refusal["error"].as_str().unwrap().split("one of ").nth(1).unwrap().split(" at line").next().unwrap();
    let lies: BTreeSet<&str> = listed.split(", ").collect();
    assert!(lies.len() >= 38, "{lies:?}");

    let (mut missing, mut refused, mut elsewhere, mut absent) = (Vec::new(), 0, 0, 0);
    let mut sentences: BTreeMap<&str, usize> = BTreeMap::new();
    for (way, tables, own_tests) in WAYS {
        let cases: BTreeMap<&str, &Case> = tables.iter().copied().flatten().map(|case| (case.0, case)).collect();
        let driven: usize = tables.iter().map(|table| table.len()).sum();
        assert_eq!(cases.len(), driven, "{way}: no lie stands twice");
        assert!(cases.keys().all(|lie| lies.contains(lie)), "{way}: the simulator can tell them all");
        for lie in &lies {
            match (cases.get(lie), own_tests.contains(lie), is_absent(way, lie)) {
                (Some(case), false, false) => {
                    refused += 1;
                    *sentences.entry(case.1).or_default() += 1;
                }
                (None, true, false) => elsewhere += 1,
                (None, false, true) => absent += 1,
                cell => missing.push(format!("{way}: {lie}: {cell:?}")),
            }
        }
    }
    assert_eq!(missing, [""; 0], "each lie in each way is in exactly one place");
    assert_eq!(refused + elsewhere + absent, lies.len() * WAYS.len());
    println!(
        "{} lies in {} ways: {refused} refused with their sentence ({sentences:?}), {elsewhere} in tests of their own, \
         {absent} that cannot be told",
        lies.len(),
        WAYS.len()
    );
}
