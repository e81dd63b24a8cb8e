//! What the app shows before the PIN: an ordered list, of which it takes the first that it knows (eid.md §3.1).

use serde::{Deserialize, Serialize};

use crate::{
    base::{
        digest::{base64, from_base64},
        text::Language,
    },
    model::identity_provider::SmartIdFlow,
    outbound::eid::display_text,
};

/// The person chooses the code of the page among several.
pub(super) const CODE_CHOICE: &str = "confirmationMessageAndVerificationCodeChoice";
const MESSAGE: &str = "confirmationMessage";
const SHORT_TEXT: &str = "displayTextAndPIN";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Interaction {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    display_text60: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    display_text200: Option<String>,
}

/// The list, base64, as it is sent and signed.
pub(super) fn encode(flow: SmartIdFlow, code_choice: bool, language: Language, service: &str) -> String {
    let has_code = flow == SmartIdFlow::Notification;
    let (short, long) = display_text::for_app(language, service, has_code);
    let message = |kind: &str| Interaction { kind: kind.to_owned(), display_text60: None, display_text200: Some(long.clone()) };
    let mut list = Vec::new();
    if has_code && code_choice {
        list.push(message(CODE_CHOICE));
    }
    list.push(message(MESSAGE));
    list.push(Interaction { kind: SHORT_TEXT.to_owned(), display_text60: Some(short), display_text200: None });
    // serialising plain structs of strings cannot fail
    base64(serde_json::to_vec(&list).unwrap_or_default())
}

/// Whether the list that was sent has an interaction of this kind.
pub(super) fn are_offered(encoded: &str, kind: &str) -> bool {
    let list: Option<Vec<Interaction>> = from_base64(encoded).and_then(|json| serde_json::from_slice(&json).ok());
    list.is_some_and(|list| list.iter().any(|interaction| interaction.kind == kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_notification_has_a_code_to_choose() {
        let list = |flow, choice| encode(flow, choice, Language::Is, "Mitt svæði");
        assert!(are_offered(&list(SmartIdFlow::Notification, true), CODE_CHOICE));
        assert!(!are_offered(&list(SmartIdFlow::Notification, false), CODE_CHOICE));
        for flow in [SmartIdFlow::Qr, SmartIdFlow::SameDevice] {
            assert!(!are_offered(&list(flow, true), CODE_CHOICE));
            assert!(are_offered(&list(flow, true), MESSAGE) && are_offered(&list(flow, true), SHORT_TEXT));
        }
        assert!(!are_offered("!", MESSAGE));
    }
}
