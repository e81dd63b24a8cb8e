//! What an app and its operator send back: certificate, signature and the way back, honest or bent by one lie.

use anyhow::Context as _;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    super::{
        answer,
        certificate::{self, Issued, Validity},
        fault::{AppLie, CertificateLie, Fault, SignatureLie},
        key::{HashType, KeyKind, PersonKey},
        weak_key::WeakKey,
        world::World,
    },
    apps::holder,
    session::{Flow, Link, Request, SCHEME},
};
use crate::base::{digest, entropy};

/// What a session ends with where the person signs.
pub struct Signed {
    /// what a poll is told besides the result
    pub answer: Value,
    /// where the browser goes
    pub redirect: Option<String>,
}

/// The parts of one signature that the app and its operator add.
struct Parts<'a> {
    server_random: String,
    user_challenge: String,
    interaction: &'a str,
    flow: &'a str,
    relying_party: &'a str,
}

/// Signs `request` as the person with `national_id`, who came by `flow`, with the lie that `fault` names.
pub fn sign(
    world: &mut World,
    national_id: &str,
    request: &Request,
    (flow, link): (Flow, Option<&Link>),
    fault: Option<Fault>,
    now: OffsetDateTime,
) -> anyhow::Result<Signed> {
    let lie = fault.and_then(Fault::certificate);
    let signer = match lie {
        Some(CertificateLie::WrongPerson) => {
            world.people.keys().find(|id| *id != national_id).context("there is nobody else")?.clone()
        }
        _ => national_id.to_owned(),
    };
    world.install_app(&signer, now)?;
    let weak = match lie {
        Some(CertificateLie::WeakKey) => Some(PersonKey::Weak(Box::new(WeakKey::generate()?))),
        _ => None,
    };
    let app = world.apps.get(&signer).context("the app is gone")?;
    let key = weak.as_ref().unwrap_or(&app.key);
    let certificate = match lie {
        None | Some(CertificateLie::WrongPerson) => app.certificate.clone(),
        Some(lie) => bent_certificate(world, &signer, key, lie, now)?,
    };
    let app_lie = fault.and_then(Fault::app);
    let verifier = random();
    let signature =
        signature(key, request, flow, &verifier, app_lie, fault.and_then(Fault::signature), app.first_signature.as_ref())?;
    let level = if app_lie == Some(AppLie::LevelDowngrade) { "ADVANCED" } else { request.level.as_str() };
    let interaction = shown(request, app_lie).to_owned();
    let answer = json!({
        "documentNumber": format!("PNOIS-{signer}-MOCK-Q"),
        "signatureProtocol": "ACSP_V2",
        "signature": signature,
        "cert": { "value": digest::base64(&certificate.der), "certificateLevel": level },
        "interactionTypeUsed": interaction,
        "deviceIpAddress": "127.0.0.1",
    });
    if let Some(status) = answer::status_after(lie, now) {
        world.apps.register_mut().set(&certificate.serial, status);
    }
    if fault.is_none()
        && let Some(app) = world.apps.get_mut(&signer)
    {
        app.first_signature.get_or_insert_with(|| answer["signature"].clone());
    }
    let callback = request.callback.as_deref().filter(|_| flow == Flow::Web2App).zip(link);
    Ok(Signed { answer, redirect: callback.map(|(url, link)| redirect(url, link, &verifier, app_lie)) })
}

fn signature(
    key: &PersonKey,
    request: &Request,
    flow: Flow,
    verifier: &str,
    app_lie: Option<AppLie>,
    lie: Option<SignatureLie>,
    first: Option<&Value>,
) -> anyhow::Result<Value> {
    if let (Some(SignatureLie::ReplayOld), Some(first)) = (lie, first) {
        return Ok(first.clone());
    }
    let parts = Parts {
        server_random: digest::base64(entropy::bytes::<18>()),
        user_challenge: digest::base64url(digest::sha256(&[verifier.as_bytes()])),
        interaction: shown(request, app_lie),
        flow: match (app_lie, flow) {
            (Some(AppLie::WrongFlowType), Flow::Qr) => Flow::Notification.name(),
            (Some(AppLie::WrongFlowType), _) => Flow::Qr.name(),
            _ => flow.name(),
        },
        relying_party: if app_lie == Some(AppLie::WrongRpName) { "SOMEBODY ELSE" } else { &request.relying_party },
    };
    let text = signed_text(request, flow, &parts);
    let hash = request.hash;
    let honest = key.sign_pss(hash, text.as_bytes())?;
    let other_text = format!("{text}|");
    let value = match lie {
        None | Some(SignatureLie::WrongHashAlg) => honest,
        Some(SignatureLie::WrongKey) => PersonKey::generate(KeyKind::Rsa2048)?.sign_pss(hash, text.as_bytes())?,
        Some(SignatureLie::OtherHash | SignatureLie::ReplayOld) => key.sign_pss(hash, other_text.as_bytes())?,
        Some(SignatureLie::DerSignature) => answer::in_der(&honest)?,
        Some(SignatureLie::EmptySignature) => Vec::new(),
    };
    let named = if lie == Some(SignatureLie::WrongHashAlg) { hash.other() } else { hash };
    let salt = if app_lie == Some(AppLie::WrongSalt) { 20 } else { named.length() };
    let told = |part: String, lies: AppLie, other: String| if app_lie == Some(lies) { other } else { part };
    Ok(json!({
        "value": digest::base64(value),
        "serverRandom": told(parts.server_random, AppLie::WrongServerRandom, digest::base64(entropy::bytes::<18>())),
        "userChallenge": told(parts.user_challenge, AppLie::WrongUserChallenge, random()),
        "flowType": parts.flow,
        "signatureAlgorithm": "rsassa-pss",
        "signatureAlgorithmParameters": {
            "hashAlgorithm": name(named),
            "maskGenAlgorithm": { "algorithm": "id-mgf1", "parameters": { "hashAlgorithm": name(named) } },
            "saltLength": salt,
            "trailerField": "0xbc",
        },
    }))
}

/// eid.md §3.3
fn signed_text(request: &Request, flow: Flow, parts: &Parts<'_>) -> String {
    let callback = request.callback.as_deref().filter(|_| flow == Flow::Web2App);
    [
        SCHEME,
        "ACSP_V2",
        &parts.server_random,
        &request.challenge,
        &parts.user_challenge,
        &digest::base64(parts.relying_party),
        "",
        &digest::base64(digest::sha256(&[request.interactions.as_bytes()])),
        parts.interaction,
        callback.unwrap_or_default(),
        parts.flow,
    ]
    .join("|")
}

/// What the app says to have shown.
fn shown(request: &Request, lie: Option<AppLie>) -> &str {
    if lie == Some(AppLie::WrongInteraction) { "verificationCodeChoice" } else { &request.shown.kind }
}

/// The way back (eid.md §3.4).
fn redirect(callback: &str, link: &Link, verifier: &str, lie: Option<AppLie>) -> String {
    let callback = match lie {
        Some(AppLie::WrongCallbackValue) => callback.replacen("value=", "value=x", 1),
        _ => callback.to_owned(),
    };
    let secret = if lie == Some(AppLie::WrongDigest) { entropy::bytes() } else { link.secret };
    let other = random();
    let verifier = if lie == Some(AppLie::WrongVerifier) { &other } else { verifier };
    let joint = if callback.contains('?') { '&' } else { '?' };
    let secret_digest = digest::base64url(digest::sha256(&[&secret]));
    format!("{callback}{joint}sessionSecretDigest={secret_digest}&userChallengeVerifier={verifier}")
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

fn name(hash: HashType) -> &'static str {
    match hash {
        HashType::Sha256 => "SHA-256",
        HashType::Sha384 => "SHA-384",
        HashType::Sha512 => "SHA-512",
    }
}

/// 43 characters of base64url.
fn random() -> String {
    digest::base64url(entropy::bytes::<32>())
}
