//! Every refusal, in one table: RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1, OpenID Connect Core §3.1.2.6, and pages of our own.
//!
//! 1xxx authorize (sent to the client) · 2xxx client authentication · 3xxx token · 4xxx userinfo · 5xxx endsession ·
//! 6xxx pages (shown to the person, never sent to a client) · 7xxx revocation and introspection · 9xxx anywhere. An id is never given to another refusal.

use super::error::{
    ErrorCode::{
        AccessDenied, AccountSelectionRequired, ConsentRequired, InsufficientScope, InteractionRequired,
        InvalidAuthorizationDetails, InvalidClient, InvalidGrant, InvalidRequest, InvalidScope, InvalidTarget, InvalidToken,
        LoginRequired, RegistrationNotSupported, RequestNotSupported, RequestUriNotSupported, ServerError,
        TemporarilyUnavailable, UnauthorizedClient, UnmetAuthenticationRequirements, UnsupportedGrantType,
        UnsupportedResponseType,
    },
    Refusal,
};

macro_rules! refusals {
    ($($number:literal $name:ident $code:ident $(($status:literal))? $description:literal)*) => {
        $(
            #[doc = $description]
            pub static $name: Refusal = Refusal {
                id: concat!("IAS-", $number),
                code: $code,
                status: refusals!(@status $code $($status)?),
                description: $description,
            };
        )*

        /// The whole table, sorted by id.
        pub static ALL: &[&Refusal] = &[$(&$name),*];
    };
    (@status $code:ident) => { $code.status() };
    (@status $code:ident $status:literal) => { $status };
}

refusals! {
    // 1xxx authorize: sent to the validated redirect URI
    1001 RESPONSE_TYPE_MISSING InvalidRequest "The parameter response_type is missing. Send response_type=code."
    1002 RESPONSE_TYPE_UNSUPPORTED UnsupportedResponseType "The response type is not supported. Send response_type=code."
    1003 RESPONSE_MODE_UNSUPPORTED InvalidRequest "The response mode is not supported. Send query or form_post, or leave it out."
    1004 REQUEST_NOT_SUPPORTED RequestNotSupported
        "Request objects are not supported. Send the parameters themselves instead of request."
    1005 REQUEST_URI_NOT_SUPPORTED RequestUriNotSupported
        "References to request objects are not supported. Send the parameters themselves instead of request_uri."
    1006 REGISTRATION_NOT_SUPPORTED RegistrationNotSupported
        "The parameter registration is not supported. Register the client with the administrators."
    1007 REQUEST_TOO_LARGE InvalidRequest "The authorization request is too large. Send at most 4096 bytes."
    1008 FORM_POST_TO_APP InvalidRequest
        "A form cannot be sent to the redirect URI of an app. Send response_mode=query, or leave it out."
    1010 SCOPE_MISSING InvalidScope "The parameter scope is missing. Send at least scope=openid."
    1011 SCOPE_SYNTAX InvalidScope
        "The scope is malformed. Separate scope names with single spaces and use printable ASCII without quotes or backslashes."
    1012 SCOPE_TOO_LONG InvalidScope "The scope is too long. Send at most 100 scopes and 4096 bytes."
    1013 SCOPE_WITHOUT_OPENID InvalidScope "The scope openid is missing. Add it to the requested scopes."
    1014 SCOPE_NOT_ALLOWED InvalidScope
        "A requested scope does not exist or is not granted to this client. Compare the request with the client's settings."
    1020 CODE_CHALLENGE_MISSING InvalidRequest
        "The parameter code_challenge is missing. This client must use PKCE with code_challenge_method=S256."
    1021 CODE_CHALLENGE_METHOD_MISSING InvalidRequest
        "The parameter code_challenge_method is missing. Send code_challenge_method=S256."
    1022 CODE_CHALLENGE_METHOD_UNSUPPORTED InvalidRequest
        "The code challenge method is not supported. Send code_challenge_method=S256."
    1023 CODE_CHALLENGE_MALFORMED InvalidRequest
        "The code challenge is malformed. It is the base64url-encoded SHA-256 digest of the verifier, 43 characters without padding."
    1030 STATE_TOO_LONG InvalidRequest "The parameter state is too long. Send at most 2048 bytes."
    1031 NONCE_TOO_LONG InvalidRequest "The parameter nonce is too long. Send at most 512 bytes."
    1032 LOGIN_HINT_TOO_LONG InvalidRequest "The parameter login_hint is too long. Send at most 256 bytes."
    1033 PROMPT_NONE_NOT_ALONE InvalidRequest
        "The prompt value none cannot be combined with other values. Send prompt=none alone."
    1034 MAX_AGE_MALFORMED InvalidRequest "The parameter max_age is malformed. Send a number of seconds, in digits only."
    1035 DISPLAY_UNKNOWN InvalidRequest "The display value is unknown. Send page, popup, touch or wap, or leave it out."
    1036 CLAIMS_MALFORMED InvalidRequest "The parameter claims is malformed. Send a JSON object, or leave it out."
    1037 UI_LOCALES_TOO_LONG InvalidRequest "The parameter ui_locales is too long. Send at most 256 bytes."
    1038 ACR_VALUES_TOO_LONG InvalidRequest "The parameter acr_values is too long. Send at most 512 bytes."
    1039 AUTHORIZATION_DETAILS_NOT_SUPPORTED InvalidAuthorizationDetails
        "The parameter authorization_details is not supported. Use scopes."
    1040 AUTHORIZE_HINT_INVALID InvalidRequest
        "The id_token_hint is not an ID token that this server issued to this client. Send such a token, or leave it out."
    1041 AUTHORIZE_HINT_OTHER_PERSON LoginRequired
        "The person who is signed in is not the one that the id_token_hint names. Send the person through sign-in."
    1050 CODE_FLOW_NOT_ALLOWED UnauthorizedClient
        "This client may not use the authorization code flow. Its grant types are part of the client's settings."
    1051 IDENTITY_PROVIDER_NOT_ALLOWED UnauthorizedClient
        "No way to sign in is open to this client, or the one that was used no longer is. Look at the client's settings."
    1052 ACR_UNREACHABLE UnmetAuthenticationRequirements
        "No acr that the request demands can be reached. The supported acr_values are listed in the discovery document."
    1060 LOGIN_REQUIRED LoginRequired "The person must sign in. Repeat the request without prompt=none."
    1061 CONSENT_REQUIRED ConsentRequired "The person must consent. Repeat the request without prompt=none."
    1062 INTERACTION_REQUIRED InteractionRequired "The person must be asked. Repeat the request without prompt=none."
    1063 ACCOUNT_SELECTION_REQUIRED AccountSelectionRequired
        "The person must choose for whom to act. Repeat the request without prompt=none."
    1070 CANCELLED AccessDenied "The person cancelled or did not consent."
    1071 PERSON_NOT_ALLOWED AccessDenied "The person may not use this client at present."
    1072 DELEGATION_ENDED AccessDenied "The delegation that the person chose is no longer valid. Repeat the request."

    // 2xxx client authentication
    2001 CLIENT_AUTHENTICATION_FAILED InvalidClient
        "The client could not be authenticated. Check the client id, the secret or assertion, and the registered authentication method."
    2002 BASIC_MALFORMED InvalidClient
        "The Basic credentials are malformed. Form-encode client id and secret, join them with a colon and encode them in base64."
    2003 CLIENT_ID_MISSING InvalidClient
        "The client did not say who it is. Send Basic credentials, an assertion, or client_id in the body."
    2004 CLIENT_METHODS_TWO InvalidRequest
        "The request authenticates the client in more than one way. Use the registered method alone."
    2005 CLIENT_ID_DIFFERS InvalidRequest "The client_id in the body differs from the one that authenticated. Send the same one."
    2006 CREDENTIALS_IN_QUERY InvalidRequest
        "Secrets, codes and tokens are never accepted in a URL. Send them in the body, and replace what was sent."
    // CAU-05: another scheme is a method that we do not have
    2007 AUTHORIZATION_MALFORMED InvalidClient
        "The Authorization header is malformed or of another scheme. Send one header with the scheme Basic."
    2008 CLIENT_METHOD_UNSUPPORTED InvalidClient
        "The client authentication method is not supported. The discovery document lists those that are."
    2009 ASSERTION_INCOMPLETE InvalidClient
        "Half of an assertion is missing. Send client_assertion and client_assertion_type together."

    // 3xxx token
    3001 GRANT_TYPE_MISSING InvalidRequest "The parameter grant_type is missing. Send it in the body."
    3002 GRANT_TYPE_UNSUPPORTED UnsupportedGrantType
        "The grant type is not supported. The discovery document lists those that are."
    3003 GRANT_TYPE_NOT_ALLOWED UnauthorizedClient
        "This client may not use this grant type. Its grant types are part of the client's settings."
    3010 CODE_MISSING InvalidRequest "The parameter code is missing. Send the authorization code in the body."
    3011 TOKEN_REDIRECT_URI_MISSING InvalidRequest
        "The parameter redirect_uri is missing. Repeat the one of the authorization request."
    3012 CODE_VERIFIER_MISSING InvalidRequest
        "The parameter code_verifier is missing. Send the verifier that the code challenge was made from."
    3013 CODE_VERIFIER_MALFORMED InvalidRequest
        "The code verifier is malformed. It has 43 to 128 characters: letters, digits, hyphen, period, underscore and tilde."
    // COD-03: one wording, whatever was wrong with the code
    3014 CODE_NOT_GOOD InvalidGrant
        "The code is unknown, expired, used, or not for this client, redirect URI and verifier. Start a new authorization."
    3015 REFRESH_TOKEN_MISSING InvalidRequest
        "The parameter refresh_token is missing. Send the newest refresh token in the body."
    // RT-02: one wording for what is not, or no longer, a token of this client
    3016 REFRESH_TOKEN_NOT_GOOD InvalidGrant
        "The refresh token is unknown, expired, revoked, or not for this client. Start a new authorization."
    // told to the right client alone: nobody else gets so far (RT-07)
    3017 REFRESH_TOKEN_REUSED InvalidGrant
        "The refresh token was used before, so its whole chain has been revoked. Refresh one at a time and keep the newest token. Start a new authorization."
    3018 REFRESH_SCOPE_TOO_WIDE InvalidScope
        "A requested scope was not granted or has been taken away. A refresh may ask for less than was granted, never for more."
    3020 TOKEN_SCOPE_SYNTAX InvalidScope
        "The scope is malformed or too long. Separate at most 100 scope names with single spaces and use printable ASCII."
    3021 TOKEN_SCOPE_NOT_ALLOWED InvalidScope
        "A requested scope does not exist or is not granted to this client. Compare the request with the client's settings."
    3022 MACHINE_SCOPE_PERSONAL InvalidScope
        "A requested scope is about a person. Machine clients act for themselves: leave out openid, profile and offline_access."
    3023 MACHINE_SCOPE_MISSING InvalidScope
        "No scope was requested. Name the scopes of the API that the token is for."
    3040 SUBJECT_TOKEN_MISSING InvalidRequest
        "The parameter subject_token or subject_token_type is missing. Send the access token and its type in the body."
    3041 SUBJECT_TOKEN_TYPE_UNSUPPORTED InvalidRequest
        "The subject token type is not supported. Send urn:ietf:params:oauth:token-type:access_token with an access token."
    3042 ACTOR_TOKEN_UNSUPPORTED InvalidRequest
        "Actor tokens are not supported. Leave out actor_token and actor_token_type: who acts is known from the subject token."
    3043 REQUESTED_TOKEN_TYPE_UNSUPPORTED InvalidRequest
        "The requested token type is not supported. Send the type of access tokens or of actor access tokens, or leave it out."
    // TEX-02: one wording, so that nobody learns about a token that is not for them (INS-02)
    3044 SUBJECT_TOKEN_NOT_GOOD InvalidRequest
        "The subject token is malformed, expired, revoked, not a person's access token of this server, or not meant for this client."
    3045 EXCHANGED_TOO_OFTEN InvalidRequest
        "The subject token has come through too many clients. A token can be exchanged three times."
    3046 EXCHANGE_SCOPE_NOT_ALLOWED InvalidScope
        "Nothing is left of the scope. It can hold what the subject token and this client both have, without openid, profile and offline_access."
    3047 EXCHANGE_AUDIENCE_NOT_ALLOWED InvalidTarget
        "The audience is not the name of an API resource that owns one of the scopes. Name such a one, or leave it out."

    // 4xxx userinfo
    // UI-02: answered by a bare challenge, without an error code
    4001 TOKEN_MISSING InvalidToken "No access token was sent. Send it in the Authorization header with the scheme Bearer."
    4002 TOKEN_NOT_GOOD InvalidToken
        "The access token is malformed, expired, revoked or not of this server. Get a new one."
    4003 TOKEN_TWO_PLACES InvalidRequest "The access token was sent in more than one place. Send it in the Authorization header."
    4004 TOKEN_IN_QUERY InvalidRequest "Access tokens are never accepted in a URL. Send it in the Authorization header."
    4005 BEARER_MALFORMED InvalidRequest
        "The Authorization header is malformed or repeated. Send one header with the scheme Bearer and the token."
    4006 TOKEN_WITHOUT_OPENID InsufficientScope
        "The access token is not a person's or lacks the scope openid. Request openid when the person signs in."

    // 5xxx endsession: pages
    5001 LOGOUT_HINT_INVALID InvalidRequest
        "The id_token_hint is not an ID token that this server issued. Send such a token, or leave it out."
    5002 LOGOUT_HINT_OTHER_CLIENT InvalidRequest
        "The client_id is not the one that the id_token_hint was issued to. Send the same one, or leave it out."
    5003 LOGOUT_STATE_TOO_LONG InvalidRequest "The parameter state is too long. Send at most 2048 bytes."

    // 6xxx pages
    6001 CLIENT_MISSING InvalidRequest "The application did not say who it is: client_id is missing."
    6002 CLIENT_REPEATED InvalidRequest "The application sent client_id more than once. It must send it once."
    6003 CLIENT_UNKNOWN InvalidRequest
        "The client_id does not belong to an application that may send people here. Its developers can correct this."
    6004 REDIRECT_URI_MISSING InvalidRequest "The application did not say where to return to: redirect_uri is missing."
    6005 REDIRECT_URI_REPEATED InvalidRequest "The application sent redirect_uri more than once. It must send it once."
    6006 REDIRECT_URI_MISMATCH InvalidRequest
        "The redirect_uri is not registered for this application. It must equal a registered one, character for character."
    6007 STATE_REPEATED InvalidRequest "The application sent state more than once. It must send it once."
    6010 SIGN_IN_UNREADABLE InvalidRequest
        "The address of this sign-in is damaged or not of this server. Go back to the application and sign in again."
    6011 SIGN_IN_EXPIRED InvalidRequest
        "This sign-in took too long and has expired. Go back to the application and sign in again."
    6012 SIGN_IN_OTHER_BROWSER InvalidRequest
        "This sign-in was begun in another browser. Begin it anew in this one."
    6013 SIGN_IN_COMPLETED InvalidRequest
        "This sign-in has already been completed or cancelled. Go back to the application."
    6014 SIGN_IN_STEP InvalidRequest "This step does not belong to the sign-in at this point. Go back to the application."
    6015 SIGN_IN_PERSON_CHANGED InvalidRequest
        "Somebody else has signed in in this browser since. Go back to the application and sign in again."
    6016 ATTEMPT_OVER InvalidRequest "This attempt with the electronic ID is over. Begin a new one."
    6017 CONSENT_SCOPE_UNKNOWN InvalidRequest "The form names a permission that was not asked for. Open the page again."
    6018 FORM_NOT_OURS AccessDenied (403) "The form was not sent from a page of this server. Open the page again and repeat."
    6019 SIGN_IN_EMBEDDED AccessDenied (403)
        "Sign-in is not possible inside a frame or in the background. Open it in a window of its own."
    6020 SIGN_IN_NO_CERTIFICATE InvalidRequest
        "The browser showed no certificate. Put the card in the reader, close all windows of the browser and try again."

    // 7xxx revocation and introspection
    7001 TOKEN_PARAMETER_MISSING InvalidRequest "The parameter token is missing. Send the token in the body."

    // 9xxx anywhere
    9001 PARAMETER_REPEATED InvalidRequest "A parameter was sent more than once. Send each parameter once."
    9002 PARAMETER_TOO_LONG InvalidRequest "A parameter is too long. Most take at most 4096 bytes."
    9003 PARAMETER_NOT_UTF8 InvalidRequest "A parameter is not valid UTF-8. Encode it as UTF-8 before percent-encoding it."
    9004 PARAMETER_CONTROL InvalidRequest "A parameter contains a control character. Remove it."
    9005 PARAMETERS_TOO_MANY InvalidRequest "The request has too many parameters. Send at most 100."
    9006 PARAMETER_ENCODING InvalidRequest
        "A percent sign in a parameter is not followed by two hexadecimal digits. Write %25 for a percent sign."
    9007 PARAMETERS_IN_QUERY InvalidRequest "A POST carries its parameters in the body. Remove them from the URL."
    9008 HEADER_MALFORMED InvalidRequest "A header is malformed or repeated. Send it once, in visible ASCII."
    9010 MEDIA_TYPE InvalidRequest (415)
        "The media type is not supported. Send the body as application/x-www-form-urlencoded."
    9011 CONTENT_ENCODING InvalidRequest (415) "Compressed bodies are not accepted. Send the body without Content-Encoding."
    9012 BODY_TOO_LARGE InvalidRequest (413) "The body of the request is too large."
    9013 TARGET_TOO_LONG InvalidRequest (414) "The address of the request is too long. Send long requests by POST."
    9014 HEADERS_TOO_LARGE InvalidRequest (431) "The headers of the request are too large."
    9015 METHOD_NOT_ALLOWED InvalidRequest (405) "The method is not allowed here. The header Allow lists those that are."
    9016 NOT_FOUND InvalidRequest (404) "There is nothing at this address."
    9017 WRONG_HOST InvalidRequest (421) "The request was sent to a host name that is not of this server."
    9018 REQUEST_TIMEOUT InvalidRequest (408) "The request did not arrive in time. Send it again."
    9020 RATE_LIMITED TemporarilyUnavailable (429) "There were too many requests. Wait as long as Retry-After says."
    9021 UNAVAILABLE TemporarilyUnavailable "The service cannot answer at the moment. Wait as long as Retry-After says."
    9022 SERVER_ERROR ServerError "Something went wrong in the server. Report the request id if it goes on."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_sorted_and_of_one_form() {
        assert!(ALL.windows(2).all(|pair| pair[0].id < pair[1].id));
        assert!(ALL.iter().all(|refusal| refusal.id.len() == 8));
    }

    #[test]
    fn descriptions_are_sentences_in_the_character_set_of_rfc_6749() {
        for refusal in ALL {
            let allowed = |byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            assert!(refusal.description.bytes().all(allowed), "{}", refusal.id);
            assert!(refusal.description.ends_with('.') && !refusal.description.contains("  "), "{}", refusal.id);
        }
    }

    #[test]
    fn statuses_follow_the_code_unless_the_table_says_otherwise() {
        assert_eq!(CLIENT_AUTHENTICATION_FAILED.status, 401);
        assert_eq!(CODE_NOT_GOOD.status, 400);
        assert_eq!(TOKEN_WITHOUT_OPENID.status, 403);
        assert_eq!(UNAVAILABLE.status, 503);
        assert_eq!(RATE_LIMITED.status, 429);
        assert!(ALL.iter().all(|refusal| (400..600).contains(&refusal.status)));
    }
}
