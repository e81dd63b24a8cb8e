//! The only source of random bytes: the operating system's generator (KEY-08).

/// `N` random bytes.
///
/// # Panics
/// Where the operating system gives no randomness; nothing safe could follow.
#[expect(clippy::expect_used, reason = "without randomness no answer is safe")]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
