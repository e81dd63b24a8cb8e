//! The framing of HTTP/1.1 headers, read once more as they come in (PRX-05): hyper lets a coding win over a length, takes the same
//! length twice and ends lines at a bare LF, all of which another reader in front of us may take for something else.

/// Names longer than these two are not of interest.
const LONGEST_NAME: usize = "transfer-encoding:".len();

/// One header on its way in.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// the beginning of the line
    line: Vec<u8>,
    last: u8,
    lines: usize,
    lengths: usize,
    codings: usize,
    has_bare_line_feed: bool,
    is_complete: bool,
    is_http2: bool,
}

impl Head {
    /// Reads on; what follows the header is not looked at.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.is_complete || self.is_http2 {
                return;
            }
            match byte {
                b'\n' => self.end_line(),
                _ if self.line.len() < LONGEST_NAME => self.line.push(byte),
                _ => {}
            }
            self.last = byte;
        }
    }

    /// What another reader could take for something else; then ready for the next header.
    pub(super) fn take_verdict(&mut self) -> bool {
        let is_malformed = self.has_bare_line_feed || self.lengths + self.codings > 1;
        *self = Self { is_http2: self.is_http2, ..Self::default() };
        is_malformed
    }

    fn end_line(&mut self) {
        self.has_bare_line_feed |= self.last != b'\r';
        let is = |name: &[u8]| self.line.get(..name.len()).is_some_and(|line| line.eq_ignore_ascii_case(name));
        self.lengths += usize::from(is(b"content-length:"));
        self.codings += usize::from(is(b"transfer-encoding:"));
        // RFC 9113 §3.4: from here on there are frames
        self.is_http2 |= self.lines == 0 && self.line.starts_with(b"PRI * HTTP/2");
        let is_empty = matches!(self.line.as_slice(), [] | b"\r");
        // RFC 9112 §2.2: empty lines before the first are passed over
        self.is_complete = is_empty && self.lines > 0;
        self.lines += usize::from(!is_empty);
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_malformed(text: &str) -> bool {
        let mut head = Head::default();
        // as it may arrive: byte by byte
        text.bytes().for_each(|byte| head.read(&[byte]));
        head.take_verdict()
    }

    #[test]
    fn a_header_that_two_readers_read_differently_is_malformed_prx_05() {
        for wrong in [
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nHost: x\r\nCONTENT-LENGTH: 3\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\n",
            "\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        ] {
            assert!(is_malformed(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn bodies_frames_and_ordinary_headers_are_none_of_its_business() {
        for right in [
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 9\r\nX-Content-Length: 9\r\nContent-Length-X: 1\r\n\r\na\nb\nc\nd\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\n0\r\nContent-Length: 3\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\n\ncontent-length:\ncontent-length:\n",
        ] {
            assert!(!is_malformed(right), "{right:?}");
        }
    }

    #[test]
    fn each_header_is_judged_by_itself() {
        let mut head = Head::default();
        head.read(b"POST / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n");
        assert!(head.take_verdict());
        head.read(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
        assert!(!head.take_verdict());
    }
}
