//! Parameters of a query or a form body, from raw bytes: application/x-www-form-urlencoded, RFC 6749 §3.1, §3.2 and App. B
//! (HTTP-02, HTTP-03, HTTP-05, HTTP-06, §0.2).
//!
//! Libraries decode lossily and keep the last duplicate; this reader does neither. A fault in one parameter stays with that
//! parameter, so that the authorization endpoint can still tell a page from a redirect.

use std::fmt;

use super::{error::Refusal, refusals};

/// Most parameters in a request (§0.2).
pub const MAX_PARAMETERS: usize = 100;
/// Longest value in bytes, decoded, where no larger limit is given (§0.2).
pub const MAX_VALUE: usize = 4096;
/// Longest JWT in bytes that is received anywhere (§0.2).
pub const MAX_JWT: usize = 16 * 1024;

/// RFC 8707 §2 and RFC 8693 §2.1 let these be sent more than once.
const REPEATABLE: [&str; 2] = ["resource", "audience"];

/// What makes a whole request unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamsFault {
    /// over [`MAX_PARAMETERS`]
    #[error("too many parameters")]
    TooMany,
    /// a name that cannot be read: nobody knows which parameter was meant
    #[error("a parameter's name is malformed: {0}")]
    Name(ParamFault),
}

/// What is wrong with one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamFault {
    /// sent more than once
    #[error("sent more than once")]
    Duplicate,
    /// over its limit
    #[error("too long")]
    TooLong,
    /// a percent sign without two hexadecimal digits
    #[error("a percent sign without two hexadecimal digits")]
    Encoding,
    /// not UTF-8 once decoded
    #[error("not UTF-8")]
    NotUtf8,
    /// a C0 or C1 control character
    #[error("a control character")]
    Control,
}

impl ParamsFault {
    /// What the caller is told.
    pub fn refusal(self) -> &'static Refusal {
        match self {
            Self::TooMany => &refusals::PARAMETERS_TOO_MANY,
            Self::Name(fault) => fault.refusal(),
        }
    }
}

impl ParamFault {
    /// What the caller is told.
    pub fn refusal(self) -> &'static Refusal {
        match self {
            Self::Duplicate => &refusals::PARAMETER_REPEATED,
            Self::TooLong => &refusals::PARAMETER_TOO_LONG,
            Self::Encoding => &refusals::PARAMETER_ENCODING,
            Self::NotUtf8 => &refusals::PARAMETER_NOT_UTF8,
            Self::Control => &refusals::PARAMETER_CONTROL,
        }
    }
}

/// The parameters of one request, in the order in which they came. `Debug` shows their names alone.
#[derive(Clone, Default)]
pub struct Params(Vec<Param>);

#[derive(Clone)]
struct Param {
    name: String,
    value: Result<String, ParamFault>,
}

impl Params {
    /// Reads a query (without its `?`) or a form body. `id_token_hint` and `client_assertion` may be as long as a JWT.
    ///
    /// # Errors
    /// Where the request as a whole cannot be read.
    pub fn parse(raw: &[u8]) -> Result<Self, ParamsFault> {
        Self::parse_with_limits(raw, &[])
    }

    /// As [`Params::parse`], with a limit in bytes of its own for each of some names (our own sealed values).
    ///
    /// # Errors
    /// Where the request as a whole cannot be read.
    pub fn parse_with_limits(raw: &[u8], limits: &[(&str, usize)]) -> Result<Self, ParamsFault> {
        let mut params = Vec::new();
        let pairs = raw.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty());
        for (index, pair) in pairs.enumerate() {
            if index == MAX_PARAMETERS {
                return Err(ParamsFault::TooMany);
            }
            let (name, value) = split_once(pair);
            let name = form_decode(name).map_err(ParamsFault::Name)?;
            // HTTP-03: without a value it is as if it had not been sent.
            if !value.is_empty() {
                let value = form_decode(value).and_then(|value| bounded(value, limit_of(&name, limits)));
                params.push(Param { name, value });
            }
        }
        Ok(Self(params))
    }

    /// The value of a parameter, where it was sent (with a value).
    ///
    /// # Errors
    /// Where it was sent twice (HTTP-02) or cannot be read.
    pub fn get(&self, name: &str) -> Result<Option<&str>, ParamFault> {
        let mut found = self.0.iter().filter(|param| param.name == name);
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(param), None) => param.value.as_deref().map(Some).map_err(|&fault| fault),
            (Some(_), Some(_)) => Err(ParamFault::Duplicate),
        }
    }

    /// Whether a parameter was sent more than once.
    pub fn is_duplicate(&self, name: &str) -> bool {
        self.get(name) == Err(ParamFault::Duplicate)
    }

    /// The first name that was sent more than once and may not be (HTTP-02).
    pub fn duplicate(&self) -> Option<&str> {
        self.names().find(|name| !REPEATABLE.contains(name) && self.is_duplicate(name))
    }

    /// The first parameter, known to anyone or not, that has a fault.
    pub fn fault(&self) -> Option<(&str, ParamFault)> {
        if let Some(name) = self.duplicate() {
            return Some((name, ParamFault::Duplicate));
        }
        self.0.iter().find_map(|param| param.value.as_ref().err().map(|&fault| (param.name.as_str(), fault)))
    }

    /// The parameters that can be read, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|param| Some((param.name.as_str(), param.value.as_deref().ok()?)))
    }

    /// Bytes of the readable parameters as a library form-encodes them: the same for a query and a body.
    pub fn encoded_len(&self) -> usize {
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).map(str::len).sum::<usize>();
        self.iter().map(|(name, value)| encoded(name) + encoded(value) + 2).sum()
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|param| param.name.as_str())
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

fn split_once(pair: &[u8]) -> (&[u8], &[u8]) {
    let at = pair.iter().position(|&byte| byte == b'=');
    at.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]))
}

fn limit_of(name: &str, limits: &[(&str, usize)]) -> usize {
    let default = match name {
        "id_token_hint" | "access_token" | "subject_token" | "client_assertion" => MAX_JWT,
        // what is too long is a token that nobody knows, as any other (REV-02, INS-06); the body has its own limit
        "token" => usize::MAX,
        _ => MAX_VALUE,
    };
    limits.iter().find(|(limited, _)| *limited == name).map_or(default, |&(_, limit)| limit)
}

fn bounded(value: String, limit: usize) -> Result<String, ParamFault> {
    if value.len() > limit { Err(ParamFault::TooLong) } else { Ok(value) }
}

/// Decodes one name or value, once and strictly (HTTP-05, HTTP-06).
pub(super) fn form_decode(raw: &[u8]) -> Result<String, ParamFault> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next()).zip(hex(rest.next())).map(|(high, low)| high << 4 | low).ok_or(ParamFault::Encoding)?,
            other => other,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| ParamFault::NotUtf8)?;
    if text.contains(char::is_control) { Err(ParamFault::Control) } else { Ok(text) }
}

fn hex(digit: Option<&u8>) -> Option<u8> {
    let digit = char::from(*digit?).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(raw: &str) -> Params {
        Params::parse(raw.as_bytes()).unwrap()
    }

    #[test]
    fn values_are_decoded_once() {
        let params = parse("a=1&b=%2541&c=a+b%2Bc&%64=%C3%BEe%C3%B0&e=x=y");
        for (name, value) in [("a", "1"), ("b", "%41"), ("c", "a b+c"), ("d", "þeð"), ("e", "x=y")] {
            assert_eq!(params.get(name), Ok(Some(value)));
        }
        assert_eq!(params.get("f"), Ok(None));
        assert_eq!(params.fault(), None);
    }

    #[test]
    fn http_02_a_duplicate_is_reported_and_hides_nothing_else() {
        let params = parse("client_id=a&x=1&x=1&resource=r&resource=s&redirect_uri=b");
        assert_eq!(params.duplicate(), Some("x"));
        assert!(params.is_duplicate("x"));
        assert_eq!(params.get("x"), Err(ParamFault::Duplicate));
        assert_eq!(params.get("client_id"), Ok(Some("a")));
        assert_eq!(params.get("redirect_uri"), Ok(Some("b")));
        assert_eq!(parse("resource=r&resource=s").duplicate(), None);
        assert!(parse("a=1&%61=1").is_duplicate("a"), "however it is written");
    }

    #[test]
    fn http_03_an_empty_value_counts_as_absent() {
        let params = parse("a=&b&=&&a=1&");
        assert_eq!(params.get("a"), Ok(Some("1")));
        assert_eq!(params.get("b"), Ok(None));
        assert_eq!(params.duplicate(), None);
        assert_eq!(parse("").iter().count(), 0);
    }

    #[test]
    fn http_05_and_http_06_bad_bytes_stay_with_their_parameter() {
        let params =
            Params::parse(b"a=%zz&b=%f&c=%&d=%FF&e=\xff&f=%00&g=%0A&h=%C2%85&i=%7f&j=%C0%80&k=%ED%A0%80&l=%+1&z=1").unwrap();
        for name in ["a", "b", "c", "l"] {
            assert_eq!(params.get(name), Err(ParamFault::Encoding), "{name}");
        }
        for name in ["d", "e", "j", "k"] {
            assert_eq!(params.get(name), Err(ParamFault::NotUtf8), "{name}");
        }
        for name in ["f", "g", "h", "i"] {
            assert_eq!(params.get(name), Err(ParamFault::Control), "{name}");
        }
        assert_eq!(params.get("z"), Ok(Some("1")));
        assert_eq!(params.fault(), Some(("a", ParamFault::Encoding)));
    }

    #[test]
    fn a_name_that_cannot_be_read_spoils_the_request() {
        assert_eq!(Params::parse(b"%zz=1").unwrap_err(), ParamsFault::Name(ParamFault::Encoding));
        assert_eq!(Params::parse(b"client_id%00=1").unwrap_err(), ParamsFault::Name(ParamFault::Control));
        assert_eq!(Params::parse(b"%ff=").unwrap_err(), ParamsFault::Name(ParamFault::NotUtf8));
    }

    #[test]
    fn limits_hold_at_their_boundary() {
        let many = |count| vec!["a=1"; count].join("&");
        assert!(Params::parse(many(MAX_PARAMETERS).as_bytes()).is_ok());
        assert_eq!(Params::parse(many(MAX_PARAMETERS + 1).as_bytes()).unwrap_err(), ParamsFault::TooMany);
        let with = |name: &str, length| format!("{name}={}", "%41".repeat(length));
        assert!(parse(&with("a", MAX_VALUE)).get("a").is_ok());
        assert_eq!(parse(&with("a", MAX_VALUE + 1)).get("a"), Err(ParamFault::TooLong));
        assert!(parse(&with("id_token_hint", MAX_JWT)).get("id_token_hint").is_ok());
        assert_eq!(parse(&with("id_token_hint", MAX_JWT + 1)).get("id_token_hint"), Err(ParamFault::TooLong));
        let sealed = Params::parse_with_limits(with("sealed", 8192).as_bytes(), &[("sealed", 8192)]).unwrap();
        assert!(sealed.get("sealed").is_ok());
    }

    #[test]
    fn the_encoded_length_does_not_hang_on_how_the_sender_encoded() {
        assert_eq!(parse("a=%40x&b=+").encoded_len(), "a=%40x&b=+&".len());
        assert_eq!(parse("a=@%78&b=%20").encoded_len(), "a=%40x&b=+&".len());
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", parse("client_secret=hush&code=c")), r#"["client_secret", "code"]"#);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(raw in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(params) = Params::parse(&raw) {
                prop_assert!(params.iter().all(|(_, value)| !value.is_empty() && !value.contains(char::is_control)));
            }
        }

        #[test]
        fn what_a_library_writes_is_read_back(pairs in proptest::collection::vec(("[a-z]{1,3}[0-9]{6}", "\\PC{1,20}"), 0..20)) {
            let raw = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let params = Params::parse(raw.as_bytes()).unwrap();
            let read: Vec<_> = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            prop_assert_eq!(read, pairs);
        }
    }
}
