//! What a provider's errors mean: those of its redirect and of its token endpoint (RFC 6749 §4.1.2.1 and §5.2, OpenID Connect Core
//! §3.1.2.6), and the words of Auðkenni behind them (eid.md §1.5).

use crate::outbound::eid::{EidError, EidErrorKind};

/// Why no code came back.
pub(super) fn of_redirect(error: &str, description: Option<&str>) -> EidError {
    if let Some((word, kind)) = description.and_then(audkenni) {
        return kind.said(word);
    }
    let kind = match error {
        "access_denied" => EidErrorKind::UserCancelled,
        "server_error" | "temporarily_unavailable" => EidErrorKind::ProviderUnavailable,
        "unmet_authentication_requirements" => EidErrorKind::AssuranceTooLow,
        "invalid_request" | "invalid_scope" | "unauthorized_client" | "unsupported_response_type" => {
            EidErrorKind::ProviderConfig
        }
        _ => EidErrorKind::ProviderProtocol,
    };
    kind.said(error)
}

/// Why the code was not exchanged.
pub(super) fn of_token(error: &str) -> EidError {
    let kind = match error {
        "invalid_client" | "unauthorized_client" | "invalid_scope" | "unsupported_grant_type" => EidErrorKind::ProviderConfig,
        "server_error" | "temporarily_unavailable" => EidErrorKind::ProviderUnavailable,
        _ => EidErrorKind::ProviderProtocol,
    };
    kind.said(error)
}

/// The status that Auðkenni writes at the beginning of the description: of its own, or of ETSI TS 102 204.
fn audkenni(description: &str) -> Option<(&str, EidErrorKind)> {
    let word = description.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next()?;
    let kind = match word {
        "audkenni_400" | "mssp_102" => EidErrorKind::InvalidInput,
        "audkenni_404" | "mssp_105" | "mssp_404" => EidErrorKind::NotAvailableForUser,
        "audkenni_403" | "mssp_104" => EidErrorKind::ProviderConfig,
        "mssp_208" => EidErrorKind::Timeout,
        "mssp_209" => EidErrorKind::DeviceUnreachable,
        "mssp_401" => EidErrorKind::UserCancelled,
        "mssp_402" | "mssp_403" => EidErrorKind::CredentialBlocked,
        "mssp_900" | "akreg_401" => EidErrorKind::ProviderUnavailable,
        word if word.starts_with("mssp_5") => EidErrorKind::ProviderUnavailable,
        word if word.starts_with("mssp_") => EidErrorKind::ProviderProtocol,
        _ => return None,
    };
    Some((word, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_mean_what_the_tables_say() {
        for (error, description, kind, said) in [
            ("access_denied", None, EidErrorKind::UserCancelled, "access_denied"),
            ("access_denied", Some("the user said no"), EidErrorKind::UserCancelled, "access_denied"),
            ("access_denied", Some("mssp_401"), EidErrorKind::UserCancelled, "mssp_401"),
            ("access_denied", Some("mssp_208: expired"), EidErrorKind::Timeout, "mssp_208"),
            ("access_denied", Some("mssp_105"), EidErrorKind::NotAvailableForUser, "mssp_105"),
            ("access_denied", Some("mssp_209"), EidErrorKind::DeviceUnreachable, "mssp_209"),
            ("access_denied", Some("mssp_402"), EidErrorKind::CredentialBlocked, "mssp_402"),
            ("server_error", Some("mssp_503"), EidErrorKind::ProviderUnavailable, "mssp_503"),
            ("server_error", Some("mssp_107"), EidErrorKind::ProviderProtocol, "mssp_107"),
            ("server_error", None, EidErrorKind::ProviderUnavailable, "server_error"),
            ("temporarily_unavailable", None, EidErrorKind::ProviderUnavailable, "temporarily_unavailable"),
            ("unauthorized_client", None, EidErrorKind::ProviderConfig, "unauthorized_client"),
            ("unmet_authentication_requirements", None, EidErrorKind::AssuranceTooLow, "unmet_authentication_requirements"),
            ("login_required", None, EidErrorKind::ProviderProtocol, "login_required"),
            ("an error\nof nobody", None, EidErrorKind::ProviderProtocol, "anerrorofnobody"),
        ] {
            let refused = of_redirect(error, description);
            assert_eq!((refused.kind, refused.provider_code.as_deref()), (kind, Some(said)), "{error} {description:?}");
        }
        assert_eq!(of_token("invalid_client").kind, EidErrorKind::ProviderConfig);
        assert_eq!(of_token("invalid_grant").kind, EidErrorKind::ProviderProtocol);
    }
}
