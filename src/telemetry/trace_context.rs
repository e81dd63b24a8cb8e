//! The header `traceparent` (W3C Trace Context, level 1, §3.2): which trace a request belongs to.
//!
//! Only the two ids and the flag are kept, all of fixed length and hexadecimal, so a caller's value may stand in a log; the
//! caller's request id never does (HTTP-19).

use crate::base::entropy;

/// Where a request stands in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    sampled: bool,
}

impl TraceContext {
    /// A trace that begins here.
    pub fn new() -> Self {
        Self { trace_id: entropy::bytes(), span_id: entropy::bytes(), sampled: false }
    }

    /// A new span in the trace that the header names; a new trace where it names none (§3.2.2: an invalid header is ignored).
    pub fn continue_from(header: Option<&str>) -> Self {
        header.and_then(Self::parse).map_or_else(Self::new, Self::child)
    }

    /// A new span in the same trace, for a request of ours to another system.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span_id: entropy::bytes(), ..self }
    }

    /// Reads a header; `None` where it is not valid.
    pub fn parse(header: &str) -> Option<Self> {
        let bytes = header.as_bytes();
        let (known, rest) = bytes.split_at_checked(55)?;
        let [version] = hex(&known[..2])?;
        // Version 00 has exactly four fields; a later one may go on after a dash; ff is forbidden (§3.2.2.1, §3.2.4).
        let length_fits = if version == 0 { rest.is_empty() } else { rest.first().is_none_or(|&next| next == b'-') };
        let dashes = [2, 35, 52].iter().all(|&at| known[at] == b'-');
        if version == 0xff || !length_fits || !dashes {
            return None;
        }
        let (trace_id, span_id, [flags]) = (hex(&known[3..35])?, hex(&known[36..52])?, hex(&known[53..])?);
        let is_valid = trace_id != [0; 16] && span_id != [0; 8];
        is_valid.then_some(Self { trace_id, span_id, sampled: flags & 1 == 1 })
    }

    /// The trace's id, 32 hexadecimal digits, for logs.
    pub fn trace_id(&self) -> String {
        text(&self.trace_id)
    }

    /// The span's id, 16 hexadecimal digits.
    pub fn span_id(&self) -> String {
        text(&self.span_id)
    }

    /// The header for a request of ours that belongs to this span.
    pub fn to_header(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace_id(), self.span_id(), u8::from(self.sampled))
    }
}

impl Default for TraceContext {
    fn default() -> Self {
        Self::new()
    }
}

/// Lower-case digits only (§3.2.2: HEXDIGLC).
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

fn text(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the specification, §3.2.3
    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_example_is_read_and_written_back() {
        let context = TraceContext::parse(EXAMPLE).expect("valid");
        assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id(), "00f067aa0ba902b7");
        assert_eq!(context.to_header(), EXAMPLE);
    }

    #[test]
    fn a_later_version_may_have_more_fields() {
        assert!(TraceContext::parse(&EXAMPLE.replacen("00", "cc", 1)).is_some());
        assert!(TraceContext::parse(&format!("{}-what-the-future-holds", EXAMPLE.replacen("00", "cc", 1))).is_some());
        assert!(TraceContext::parse(&format!("{}.what", EXAMPLE.replacen("00", "cc", 1))).is_none());
    }

    #[test]
    fn what_is_not_a_traceparent_is_ignored() {
        for wrong in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0é",
        ] {
            assert_eq!(TraceContext::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_request_continues_its_callers_trace_with_a_span_of_its_own() {
        let parent = TraceContext::parse(EXAMPLE).expect("valid");
        let ours = TraceContext::continue_from(Some(EXAMPLE));
        assert_eq!(ours.trace_id(), parent.trace_id());
        assert_ne!(ours.span_id(), parent.span_id());
        assert!(ours.to_header().ends_with("-01"), "the caller's decision to sample is kept");
        let fresh = TraceContext::continue_from(Some("nonsense"));
        assert_ne!(fresh.trace_id(), parent.trace_id());
        assert_eq!(TraceContext::parse(&fresh.to_header()), Some(fresh));
    }
}
