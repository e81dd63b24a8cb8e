//! Token exchange: what a request may look like, RFC 8693 §2.1, with the actor token of IAS (TEX-01, TEX-05).

use super::{
    error::OAuthError,
    params::{ParamFault, Params},
    refusals,
    scope::ScopeSet,
};

/// The type of every token that is taken and given (RFC 8693 §3).
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// Asks for a token of the person who acts, for themself.
pub const ACTOR_ACCESS_TOKEN: &str = "islandis:oauth:token-type:actor-access-token";

/// Whom the new token is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// the subject of the token that is exchanged
    Subject,
    /// the actor of that token, for themself
    Actor,
}

/// A request. It holds a token: it has no `Debug`.
pub struct ExchangeRequest<'a> {
    /// the token that is exchanged
    pub subject_token: &'a str,
    /// whom the new one is about
    pub about: About,
    /// what it is to be good for; all that it can be where nothing is said
    pub scope: Option<ScopeSet>,
    /// the API resources that it is for; all that own its scopes where none are named
    pub audience: Vec<&'a str>,
}

impl<'a> ExchangeRequest<'a> {
    /// Reads the parameters.
    ///
    /// # Errors
    /// For what is missing or not supported; what the token is worth is another's to judge.
    pub fn read(params: &'a Params) -> Result<Self, OAuthError> {
        let get = |name| params.get(name).map_err(ParamFault::refusal);
        // TEX-01: never a fall-through to another grant
        let subject_token = get("subject_token")?.ok_or(&refusals::SUBJECT_TOKEN_MISSING)?;
        match get("subject_token_type")? {
            None => return Err((&refusals::SUBJECT_TOKEN_MISSING).into()),
            Some(ACCESS_TOKEN) => {}
            Some(_) => return Err((&refusals::SUBJECT_TOKEN_TYPE_UNSUPPORTED).into()),
        }
        // TEX-05: also one of them without the other
        if get("actor_token")?.is_some() || get("actor_token_type")?.is_some() {
            return Err((&refusals::ACTOR_TOKEN_UNSUPPORTED).into());
        }
        let about = match get("requested_token_type")? {
            None | Some(ACCESS_TOKEN) => About::Subject,
            Some(ACTOR_ACCESS_TOKEN) => About::Actor,
            Some(_) => return Err((&refusals::REQUESTED_TOKEN_TYPE_UNSUPPORTED).into()),
        };
        let scope = get("scope")?.map(str::parse).transpose();
        // RFC 8693 §2.1: both may be sent more than once; ours are names either way
        let audience = params.iter().filter(|(name, _)| ["audience", "resource"].contains(name)).map(|(_, value)| value);
        Ok(Self {
            subject_token,
            about,
            scope: scope.map_err(|fault| refusals::TOKEN_SCOPE_SYNTAX.caused_by(fault))?,
            audience: audience.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::error::Refusal;

    const GOOD: &str = "subject_token=a.b.c&subject_token_type=urn:ietf:params:oauth:token-type:access_token";

    fn refusal(form: &str) -> &'static Refusal {
        ExchangeRequest::read(&Params::parse(form.as_bytes()).unwrap()).err().unwrap().refusal
    }

    #[test]
    fn tex_01_a_subject_token_and_its_type_are_needed() {
        for form in [
            "",
            "subject_token=a.b.c",
            "subject_token_type=x",
            &GOOD.replace("a.b.c", ""),
            "subject_token=&subject_token_type=",
        ] {
            assert_eq!(refusal(form), &refusals::SUBJECT_TOKEN_MISSING, "{form}");
        }
        for unsupported in ["id_token", "refresh_token", "jwt", "saml2"] {
            let form = GOOD.replace("access_token", unsupported);
            assert_eq!(refusal(&form), &refusals::SUBJECT_TOKEN_TYPE_UNSUPPORTED, "{unsupported}");
        }
    }

    #[test]
    fn tex_05_an_actor_token_is_not_taken_with_a_type_or_without() {
        for actor in ["actor_token=x", "actor_token_type=x", "actor_token=x&actor_token_type=x"] {
            assert_eq!(refusal(&format!("{GOOD}&{actor}")), &refusals::ACTOR_TOKEN_UNSUPPORTED, "{actor}");
        }
    }

    #[test]
    fn what_is_asked_for_is_read() {
        let read = |more: &str| {
            let params = Params::parse(format!("{GOOD}{more}").as_bytes()).unwrap();
            let request = ExchangeRequest::read(&params).unwrap();
            let scope = request.scope.map(|scope| scope.to_string());
            (request.about, scope, request.audience.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(read(""), (About::Subject, None, vec![]));
        assert_eq!(
            read(&format!("&requested_token_type={ACCESS_TOKEN}&scope=a+b")),
            (About::Subject, Some("a b".into()), vec![])
        );
        let all = format!("&requested_token_type={ACTOR_ACCESS_TOKEN}&audience=x&audience=y&resource=z");
        assert_eq!(read(&all), (About::Actor, None, vec!["x".into(), "y".into(), "z".into()]));
        let refused = |more: &str| refusal(&format!("{GOOD}{more}"));
        assert_eq!(refused("&requested_token_type=x"), &refusals::REQUESTED_TOKEN_TYPE_UNSUPPORTED);
        assert_eq!(refused("&scope=a++b"), &refusals::TOKEN_SCOPE_SYNTAX);
        assert_eq!(refused("&scope=a&scope=b"), &refusals::PARAMETER_REPEATED);
    }
}
