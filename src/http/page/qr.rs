//! QR codes, drawn by us: black on white in every colour scheme, with their quiet zone (eid.md §3.4, §10.3).

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// Modules of white around the code (ISO/IEC 18004 §9.1).
const QUIET_ZONE: usize = 4;

/// A QR code as an SVG path in a square of [`Self::size`] units, each a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QrPath {
    /// width and height, the quiet zone among them
    pub size: usize,
    /// the black modules, row by row: `M4 4h7v1h-7z…`
    pub path: String,
}

impl QrPath {
    /// Draws `text`; none where it is longer than a QR code holds.
    pub fn of(text: &str) -> Option<Self> {
        // Level L, as the app's operator recommends: the code stands on a screen, where nothing is dirty or torn.
        let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
        let (width, modules) = (code.width(), code.to_colors());
        let mut path = String::new();
        for (y, row) in modules.chunks(width).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|left, right| left == right) {
                if run.first() == Some(&Color::Dark) {
                    let length = run.len();
                    // writing to a String cannot fail
                    let _ = write!(path, "M{} {}h{length}v1h-{length}z", x + QUIET_ZONE, y + QUIET_ZONE);
                }
                x += run.len();
            }
        }
        Some(Self { size: width + 2 * QUIET_ZONE, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_corners_and_its_quiet_zone() {
        let drawn = QrPath::of("https://smart-id.com/device-link?deviceLinkType=QR").expect("drawn");
        assert!(drawn.path.starts_with("M4 4h7v1h-7z"), "the first corner: {}", &drawn.path[..20]);
        assert!(drawn.path.contains(&format!("M{} 4h7v1h-7z", drawn.size - QUIET_ZONE - 7)), "the second corner");
        assert!(QrPath::of(&"x".repeat(3000)).is_none());
    }
}
