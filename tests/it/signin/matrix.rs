//! Every lie that the simulator can tell in every way to sign in (eid.md §11.3, §13). Each cell is driven by the table test of its
//! way; here stands that no cell is missing, and why a lie cannot be told in a way.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::json;

use super::{
    app_faults::{LIES as APP, RETURN_LIES},
    card::{CERTIFICATE_LIES, TOKEN_LIES},
    faults::LIES as SIM,
    upstream_faults::{CASES as BROKERS, lies_of_brokers},
};
use crate::support::phone::{Phone, control};

/// The lie, the sentence on the page, the error kind.
type Case = (&'static str, &'static str, &'static str);

/// A way to sign in: its name, the tables that drive it, and the lies that end in tests of their own (they sign somebody in, change
/// nothing or never come to an end).
type Way = (&'static str, &'static [&'static [Case]], &'static [&'static str]);

const UPSTREAM: &str = "upstream";

const WAYS: [Way; 6] = [
    ("SIM card", &[SIM], &["wrongPerson", "extraFields", "slowBody"]),
    ("app by kennitala", &[APP], &["wrongPerson", "extraFields", "slowBody"]),
    ("app by QR code", &[APP], &["wrongPerson", "extraFields", "slowBody"]),
    ("app on this device", &[APP, RETURN_LIES], &["wrongPerson", "extraFields", "slowBody"]),
    ("card by Web eID", &[TOKEN_LIES, CERTIFICATE_LIES], &["wrongPerson", "extraFields"]),
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
        "unknownResult" | "slowBody" => way.starts_with("card"),
        // whoever shows a certificate in a handshake signs there, and TLS itself refuses the rest
        "extraFields" | "wrongKey" | "otherHash" | "replayOld" | "wrongHashAlg" | "derSignature" | "emptySignature"
        | "unknownState" | "malformedJson" | "hugeBody" => handshake,
        _ => false,
    }
}

/// The lies of electronic IDs: the simulator tells them all when it is asked for one that it does not know.
async fn lies_of_electronic_ids() -> BTreeSet<String> {
    let someone = Phone::new().await;
    let unknown = json!({"method": "sim", "action": "approve", "fault": "nonsense"});
    let (_, refusal) = control(Method::PUT, &format!("/persons/{}/behaviour", someone.national_id), unknown).await;
    let listed = refusal["error"].as_str().unwrap().split("one of ").nth(1).unwrap().split(" at line").next().unwrap();
    listed.split(", ").map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn every_lie_in_every_way_has_its_sentence() {
    let (of_electronic_ids, of_brokers) = (lies_of_electronic_ids().await, lies_of_brokers().await);
    let lies: BTreeSet<&str> = of_electronic_ids.iter().chain(&of_brokers).map(String::as_str).collect();
    assert!(of_electronic_ids.len() >= 38 && of_brokers.len() >= 32 && lies.len() >= 63, "{lies:?}");

    // a broker looks at certificates and signatures itself, and nobody else says what it says
    let at_any_broker: BTreeSet<Case> = BROKERS.iter().map(|&(lie, _, sentence, kind, _)| (lie, sentence, kind)).collect();
    let upstream: Vec<Case> = at_any_broker.into_iter().collect();
    let upstream: [&[Case]; 1] = [&upstream];
    let ways = WAYS.into_iter().chain([(UPSTREAM, &upstream[..], &[][..])]);

    let (mut missing, mut sums) = (Vec::new(), [0; 3]);
    let mut sentences: BTreeMap<&str, usize> = BTreeMap::new();
    for (way, tables, own_tests) in ways {
        let cases: BTreeMap<&str, &Case> = tables.iter().copied().flatten().map(|case| (case.0, case)).collect();
        let driven: usize = tables.iter().map(|table| table.len()).sum();
        assert_eq!(cases.len(), driven, "{way}: no lie stands twice");
        let told_here = if way == UPSTREAM { &of_brokers } else { &of_electronic_ids };
        assert!(cases.keys().chain(own_tests).all(|lie| told_here.contains(*lie)), "{way}: the simulator can tell them all");
        let before = sums;
        for lie in &lies {
            let is_absent = !told_here.contains(*lie) || (way != UPSTREAM && is_absent(way, lie));
            match (cases.get(lie), own_tests.contains(lie), is_absent) {
                (Some(case), false, false) => {
                    sums[0] += 1;
                    *sentences.entry(case.1).or_default() += 1;
                }
                (None, true, false) => sums[1] += 1,
                (None, false, true) => sums[2] += 1,
                cell => missing.push(format!("{way}: {lie}: {cell:?}")),
            }
        }
        let [refused, elsewhere, absent] = [0, 1, 2].map(|sum| sums[sum] - before[sum]);
        println!(
            "{way}: {refused} refused with their sentence, {elsewhere} in tests of their own, {absent} that cannot be told"
        );
    }
    assert_eq!(missing, [""; 0], "each lie in each way is in exactly one place");
    let [refused, elsewhere, absent] = sums;
    assert_eq!(refused + elsewhere + absent, lies.len() * (WAYS.len() + 1));
    println!(
        "{} lies in {} ways: {refused} refused with their sentence ({sentences:?}), {elsewhere} in tests of their own, \
         {absent} that cannot be told",
        lies.len(),
        WAYS.len() + 1
    );
}
