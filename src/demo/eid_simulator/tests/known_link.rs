//! Device links for one person, by national id or by document: nobody else's app answers them (eid.md §3.1, §11.1).

use reqwest::Method;
use serde_json::{Value, json};

use super::{INSTANT, Stage};
use crate::{
    base::digest,
    demo::eid_simulator::{RELYING_PARTY_NAME, RELYING_PARTY_UUID},
};

const PERSON: &str = "0101302989";
const OTHER: &str = "0101302129";
const PATH: &str = "/smart-id-rp/v3/authentication/device-link";

/// A session, and the link to it as a QR code has it.
struct Asked {
    session: String,
    link: String,
}

impl Stage {
    /// A request for a QR code, with everything right.
    fn qr_request() -> Value {
        let shown = json!([{ "type": "displayTextAndPIN", "displayText60": "Innskráning" }]);
        json!({
            "relyingPartyUUID": RELYING_PARTY_UUID, "relyingPartyName": RELYING_PARTY_NAME, "signatureProtocol": "ACSP_V2",
            "signatureProtocolParameters": {
                "rpChallenge": digest::base64([7; 32]), "signatureAlgorithm": "rsassa-pss",
                "signatureAlgorithmParameters": { "hashAlgorithm": "SHA-512" },
            },
            "interactions": digest::base64(shown.to_string()),
        })
    }

    async fn ask_by(&self, identifier: &str) -> Asked {
        let request = Self::qr_request();
        let (status, body) = self.post(&format!("{PATH}/{identifier}"), &request).await;
        assert_eq!(status, 200, "{body}");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let (base, token) = (text(&body["deviceLinkBase"]), text(&body["sessionToken"]));
        let link =
            format!("{base}?deviceLinkType=QR&elapsedSeconds=0&sessionToken={token}&sessionType=auth&version=1.0&lang=eng");
        let challenge = text(&request["signatureProtocolParameters"]["rpChallenge"]);
        let (party, shown) = (digest::base64(RELYING_PARTY_NAME), text(&request["interactions"]));
        let message = ["smart-id-demo", "ACSP_V2", &challenge, &party, "", &shown, "", &link].join("|");
        let secret = digest::from_base64(&text(&body["sessionSecret"])).expect("base64");
        let code = digest::base64url(digest::hmac_sha256_of(&secret, message.as_bytes()));
        Asked { session: text(&body["sessionID"]), link: format!("{link}&authCode={code}") }
    }

    /// Only the one who was asked for can answer, and then does.
    async fn only_the_named_one_answers(&self, asked: &Asked) {
        let open = async |person: &str| {
            let body = json!({ "link": asked.link, "person": person, "action": "approve" });
            self.control(Method::POST, "/device-link", Some(body)).await
        };
        let (status, answer) = open(OTHER).await;
        assert_eq!((status, answer["error"].as_str()), (409, Some("the request is for another person")));
        assert_eq!(open(PERSON).await.0, 200, "the request still waits");
        let (_, answer) = self.get(&format!("/smart-id-rp/v3/session/{}", asked.session)).await;
        assert_eq!(answer["result"]["endResult"], "OK");
        assert_eq!(answer["result"]["documentNumber"], format!("PNOIS-{PERSON}-MOCK-Q"));
    }
}

#[tokio::test]
async fn a_link_by_national_id_is_for_that_persons_app() {
    let stage = Stage::new(INSTANT).await;
    stage.only_the_named_one_answers(&stage.ask_by(&format!("etsi/PNOIS-{PERSON}")).await).await;
    for (identifier, status) in [("PNOEE-40504040001", 400), ("PNOIS-0099012345", 404)] {
        assert_eq!(stage.post(&format!("{PATH}/etsi/{identifier}"), &Stage::qr_request()).await.0, status, "{identifier}");
    }
    let mut wrong = Stage::qr_request();
    wrong["vcType"] = "numeric4".into();
    assert_eq!(stage.post(&format!("{PATH}/etsi/PNOIS-{PERSON}"), &wrong).await.0, 400, "as strict as the others");
}

#[tokio::test]
async fn a_link_by_document_is_for_the_app_with_that_document() {
    let stage = Stage::new(INSTANT).await;
    stage.only_the_named_one_answers(&stage.ask_by(&format!("document/PNOIS-{PERSON}-MOCK-Q")).await).await;
    for (document, status) in [("MOCK-Q", 400), ("PNOIS-0099012345-MOCK-Q", 404)] {
        assert_eq!(stage.post(&format!("{PATH}/document/{document}"), &Stage::qr_request()).await.0, status, "{document}");
    }
}
