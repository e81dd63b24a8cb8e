//! Subjects: whom a `sub` names. It differs per subject, actor and identity provider (seed 002).

use crate::base::{digest, secret::Secret};

use super::identity_provider::IdentityProviderKind;

/// The `sub` of a subject with an actor and a way to sign in: a keyed hash over the *national ids* (never our row ids, which a
/// restore would draw anew), so that it is the same for ever and nobody without the key can try all ids (TOK-04).
pub fn sub(key: &Secret<[u8; 32]>, subject: &str, actor: &str, identity_provider: IdentityProviderKind) -> String {
    let mac = digest::hmac_sha256(
        key.expose(),
        &[b"sub v1", subject.as_bytes(), actor.as_bytes(), identity_provider.as_str().as_bytes()],
    );
    digest::base64url(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_subject_actor_and_identity_provider_changes_the_sub_tok_04() {
        let key = Secret::new([1; 32]);
        let (sim, app) = (IdentityProviderKind::Sim, IdentityProviderKind::App);
        let own = sub(&key, "0101302989", "0101302989", sim);
        assert_eq!(own, sub(&key, "0101302989", "0101302989", sim), "equal at each sign-in");
        assert_ne!(own, sub(&key, "0101302989", "0101302989", app));
        assert_ne!(own, sub(&key, "0101302989", "0101303019", sim));
        assert_ne!(own, sub(&key, "0101303019", "0101302989", sim));
        assert_ne!(own, sub(&Secret::new([2; 32]), "0101302989", "0101302989", sim));
        assert!(own.len() >= 22 && !own.contains("0101302989"));
    }
}
