//! The lies that the simulator can tell on request (eid.md §11.3). Each is real on the wire: the relying party must see through it.

use serde::{Deserialize, Serialize};

/// One lie, by what it bends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a fault is one of wrongPerson, expired, notYetValid, untrustedIssuer, selfSigned, wrongPolicy, wrongEku, \
                 noDigitalSignature, weakKey, twoSerialNumbers, foreignCountry, noSerialNumber, revoked, ocspDown, wrongKey, otherHash, \
                 replayOld, wrongHashAlg, derSignature, emptySignature, unknownState, unknownResult, extraFields, malformedJson, \
                 hugeBody, slowBody, wrongOrigin, wrongNonce, levelDowngrade, wrongSalt, wrongServerRandom, wrongUserChallenge, \
                 wrongFlowType, wrongInteraction, wrongRpName, wrongCallbackValue, wrongDigest, wrongVerifier"
)]
pub enum Fault {
    /// in the certificate
    Certificate(CertificateLie),
    /// in the signature
    Signature(SignatureLie),
    /// in the HTTP answer
    Reply(ReplyLie),
    /// in what an identity card signs
    Token(TokenLie),
    /// in what an app and its operator answer
    App(AppLie),
}

/// What a certificate may lie about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CertificateLie {
    /// another person's certificate, and that person's signature
    WrongPerson,
    /// ran out yesterday
    Expired,
    /// begins tomorrow
    NotYetValid,
    /// issued by an authority that nobody trusts
    UntrustedIssuer,
    /// issued by the person
    SelfSigned,
    /// none of the policies of electronic IDs
    WrongPolicy,
    /// for signing code
    WrongEku,
    /// for signing documents, not for signing in
    NoDigitalSignature,
    /// RSA-1024
    WeakKey,
    /// a second serialNumber that names somebody else
    TwoSerialNumbers,
    /// the same digits, but another country's
    ForeignCountry,
    /// names nobody
    NoSerialNumber,
    /// revoked, in OCSP and CRL
    Revoked,
    /// OCSP does not answer for this certificate
    OcspDown,
}

/// What a signature may lie about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignatureLie {
    /// made by a key that is not the certificate's
    WrongKey,
    /// over another hash than was asked for
    OtherHash,
    /// the person's first signature, once more
    ReplayOld,
    /// names another hash than was asked for
    WrongHashAlg,
    /// DER where `r‖s` belongs
    DerSignature,
    /// nothing at all
    EmptySignature,
}

/// What an answer to a poll may lie about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReplyLie {
    /// a state outside the protocol
    UnknownState,
    /// a result outside the protocol
    UnknownResult,
    /// fields outside the protocol; honest otherwise, a tolerant reader signs the person in
    ExtraFields,
    /// breaks off in the middle of the JSON
    MalformedJson,
    /// four mebibytes
    HugeBody,
    /// one byte each second
    SlowBody,
}

/// What a token of an identity card may lie about (eid.md §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TokenLie {
    /// signed for another site
    WrongOrigin,
    /// signed for another challenge
    WrongNonce,
}

/// What an app and its operator may lie about (eid.md §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AppLie {
    /// the certificate is of the lower level
    LevelDowngrade,
    /// names another salt than the hash's length
    WrongSalt,
    /// tells another value of the operator's than the one that was signed
    WrongServerRandom,
    /// tells another challenge of the app's than the one that was signed
    WrongUserChallenge,
    /// went another way, and signed that
    WrongFlowType,
    /// showed what was not offered, and signed that
    WrongInteraction,
    /// signed for another relying party
    WrongRpName,
    /// leads the browser back with another value
    WrongCallbackValue,
    /// leads the browser back with the digest of another session's secret
    WrongDigest,
    /// leads the browser back with another app's verifier
    WrongVerifier,
}

impl Fault {
    /// The lie of an app or its operator, if that is where it is.
    pub fn app(self) -> Option<AppLie> {
        match self {
            Self::App(lie) => Some(lie),
            _ => None,
        }
    }

    /// The lie in the certificate, if that is where it is.
    pub fn certificate(self) -> Option<CertificateLie> {
        match self {
            Self::Certificate(lie) => Some(lie),
            _ => None,
        }
    }

    /// The lie in the signature, if that is where it is.
    pub fn signature(self) -> Option<SignatureLie> {
        match self {
            Self::Signature(lie) => Some(lie),
            _ => None,
        }
    }

    /// The lie in what a card signs, if that is where it is.
    pub fn token(self) -> Option<TokenLie> {
        match self {
            Self::Token(lie) => Some(lie),
            _ => None,
        }
    }

    /// The lie in the answer, if that is where it is.
    pub fn reply(self) -> Option<ReplyLie> {
        match self {
            Self::Reply(lie) => Some(lie),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_read_by_its_name_whatever_it_bends() {
        for (name, fault) in [
            ("wrongPerson", Fault::Certificate(CertificateLie::WrongPerson)),
            ("derSignature", Fault::Signature(SignatureLie::DerSignature)),
            ("hugeBody", Fault::Reply(ReplyLie::HugeBody)),
            ("wrongOrigin", Fault::Token(TokenLie::WrongOrigin)),
            ("wrongSalt", Fault::App(AppLie::WrongSalt)),
        ] {
            assert_eq!(serde_json::from_value::<Fault>(name.into()).expect("known"), fault);
            assert_eq!(serde_json::to_value(fault).expect("written"), name);
        }
        let refusal = serde_json::from_value::<Fault>("nonsense".into()).expect_err("unknown").to_string();
        assert!(refusal.contains("one of wrongPerson"), "{refusal}");
    }
}
