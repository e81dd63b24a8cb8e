//! What a card and its reader say to a page that asks for a sign-in: a Web eID token (eid.md §4.3), honest or bent by one lie, or
//! one of the protocol's errors (§4.2).

use anyhow::Context as _;
use serde_json::json;
use time::OffsetDateTime;

use super::{
    super::{
        answer,
        behaviour::{Action, Method},
        certificate::{self, Issued, Validity},
        fault::{CertificateLie, Fault, ReplyLie, SignatureLie, TokenLie},
        key::{HashType, KeyKind, PersonKey},
        weak_key::WeakKey,
        world::World,
    },
    cards::holder,
};
use crate::base::{digest, entropy};

const HUGE: usize = 40_000;
const APP_VERSION: &str = "https://web-eid.eu/web-eid-app/releases/2.5.0+0";

/// What a page is answered.
pub enum Answer {
    /// the token's JSON
    Token(String),
    /// an error's code, such as `ERR_WEBEID_USER_CANCELLED`
    Error(&'static str),
}

/// The page's question.
pub struct Question<'a> {
    /// the page's origin, as the browser knows it
    pub origin: &'a str,
    /// the challenge, base64 text
    pub nonce: &'a str,
}

/// The card of `national_id` answers as it was told to, else honestly.
pub fn answer(world: &mut World, national_id: &str, question: &Question<'_>, now: OffsetDateTime) -> anyhow::Result<Answer> {
    let behaviour = world.take_behaviour(national_id, Method::Card);
    let fault = behaviour.and_then(|behaviour| behaviour.fault);
    match behaviour.map_or(Action::Approve, |behaviour| behaviour.action) {
        Action::Ask | Action::Approve => token(world, national_id, question, fault, now).map(Answer::Token),
        Action::Refuse => Ok(Answer::Error("ERR_WEBEID_USER_CANCELLED")),
        Action::Timeout => Ok(Answer::Error("ERR_WEBEID_USER_TIMEOUT")),
        _ => Ok(Answer::Error("ERR_WEBEID_NATIVE_FATAL")),
    }
}

fn token(
    world: &mut World,
    national_id: &str,
    question: &Question<'_>,
    fault: Option<Fault>,
    now: OffsetDateTime,
) -> anyhow::Result<String> {
    let lie = fault.and_then(Fault::certificate);
    let signer = match lie {
        Some(CertificateLie::WrongPerson) => {
            world.people.keys().find(|id| *id != national_id).context("there is nobody else")?.clone()
        }
        _ => national_id.to_owned(),
    };
    world.hand_out_card(&signer, now)?;
    let weak = match lie {
        Some(CertificateLie::WeakKey) => Some(PersonKey::Weak(Box::new(WeakKey::generate()?))),
        _ => None,
    };
    let card = world.cards.get(&signer).context("the card is gone")?;
    let key = weak.as_ref().unwrap_or(&card.key);
    let certificate = match lie {
        None | Some(CertificateLie::WrongPerson) => card.certificate.clone(),
        Some(lie) => bent_certificate(world, &signer, key, lie, now)?,
    };
    let hash = if matches!(key, PersonKey::Ec384(_)) { HashType::Sha384 } else { HashType::Sha256 };
    let honest = key.sign(hash, &hash.digest(&signed_value(hash, question, fault.and_then(Fault::token))))?;
    let signature = match fault.and_then(Fault::signature) {
        None | Some(SignatureLie::WrongHashAlg) => honest.clone(),
        Some(lie) => bent_signature(key, hash, &honest, card.first_signature.as_deref(), lie)?,
    };
    let algorithm = match (key, fault.and_then(Fault::signature)) {
        (PersonKey::Ec384(_), Some(SignatureLie::WrongHashAlg)) => "ES256",
        (PersonKey::Ec384(_), _) => "ES384",
        (_, Some(SignatureLie::WrongHashAlg)) => "RS512",
        _ => "RS256",
    };
    let text = written(&certificate, algorithm, &signature, fault.and_then(Fault::reply));
    if let Some(status) = answer::status_after(lie, now) {
        world.cards.register_mut().set(&certificate.serial, status);
    }
    if fault.is_none()
        && let Some(card) = world.cards.get_mut(&signer)
    {
        card.first_signature.get_or_insert(honest);
    }
    Ok(text)
}

/// hash(origin) ‖ hash(nonce text); the signature's algorithm hashes it once more.
fn signed_value(hash: HashType, question: &Question<'_>, lie: Option<TokenLie>) -> Vec<u8> {
    let origin = if lie == Some(TokenLie::WrongOrigin) { "https://innskra.example" } else { question.origin };
    let other = digest::base64(entropy::bytes::<32>());
    let nonce = if lie == Some(TokenLie::WrongNonce) { &other } else { question.nonce };
    [hash.digest(origin.as_bytes()), hash.digest(nonce.as_bytes())].concat()
}

fn bent_certificate(
    world: &World,
    national_id: &str,
    key: &PersonKey,
    lie: CertificateLie,
    now: OffsetDateTime,
) -> anyhow::Result<Issued> {
    let person = world.people.get(national_id).context("the person is gone")?;
    certificate::issue(&world.authority, &world.base_url, holder(person), key, Validity::bent(lie, now), Some(lie))
}

fn bent_signature(
    key: &PersonKey,
    hash: HashType,
    honest: &[u8],
    first: Option<&[u8]>,
    lie: SignatureLie,
) -> anyhow::Result<Vec<u8>> {
    let another = || hash.digest(&entropy::bytes::<32>());
    Ok(match (lie, first) {
        (SignatureLie::WrongKey, _) => PersonKey::generate(key.kind().unwrap_or(KeyKind::Rsa2048))?.sign(hash, &another())?,
        (SignatureLie::ReplayOld, Some(first)) => first.to_vec(),
        (SignatureLie::OtherHash | SignatureLie::ReplayOld, _) => key.sign(hash, &another())?,
        (SignatureLie::WrongHashAlg, _) => honest.to_vec(),
        (SignatureLie::DerSignature, _) => answer::in_der(honest)?,
        (SignatureLie::EmptySignature, _) => Vec::new(),
    })
}

fn written(certificate: &Issued, algorithm: &str, signature: &[u8], lie: Option<ReplyLie>) -> String {
    let mut token = json!({
        "unverifiedCertificate": digest::base64(&certificate.der),
        "algorithm": algorithm,
        "signature": digest::base64(signature),
        "format": "web-eid:1.0",
        "appVersion": APP_VERSION,
    });
    match lie {
        Some(ReplyLie::ExtraFields) => token["nationalId"] = "0099000019".into(),
        Some(ReplyLie::UnknownState | ReplyLie::UnknownResult) => token["format"] = "web-eid:2.0".into(),
        Some(ReplyLie::HugeBody) => token["appVersion"] = "x".repeat(HUGE).into(),
        _ => {}
    }
    let text = token.to_string();
    match lie {
        // cut in the middle, where no character is longer than a byte
        Some(ReplyLie::MalformedJson) => text.chars().take(text.len() / 2).collect(),
        _ => text,
    }
}
