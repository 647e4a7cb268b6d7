//! A text as a QR code on a terminal: two modules a letter, black on white whatever the colours are.

use std::fmt::Write as _;

use qrcodegen::QrCode;
use qrcodegen::QrCodeEcc;

/// White around the code (ISO/IEC 18004 asks for 4 modules; cameras are content with 2).
const MARGIN: i32 = 2;

/// `None` if the text is too long for any code.
pub(super) fn render(text: &str) -> Option<String> {
    let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
    let (first, end) = (-MARGIN, code.size() + MARGIN);
    let mut out = String::new();
    let mut y = first;
    while y < end {
        out.push_str("\x1b[30;107m");
        for x in first..end {
            // Outside of the code everything is white.
            out.push(match (code.get_module(x, y), code.get_module(x, y + 1)) {
                (false, false) => ' ',
                (true, false) => '\u{2580}',
                (false, true) => '\u{2584}',
                (true, true) => '\u{2588}',
            });
        }
        writeln!(out, "\x1b[0m").ok()?;
        y += 2;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the picture back: what is drawn is the code, with white around it.
    #[test]
    fn every_module_is_where_the_code_has_it() {
        let text = "meerkat-pair:1:192.0.2.1:5270:key:secret";
        let code = QrCode::encode_text(text, QrCodeEcc::Low).unwrap();
        let picture = render(text).unwrap();
        let mut dark = Vec::new();
        for (row, line) in (0..).zip(picture.lines()) {
            let line = line.strip_prefix("\x1b[30;107m").unwrap();
            for (column, letter) in (0..).zip(line.strip_suffix("\x1b[0m").unwrap().chars()) {
                let (x, y) = (column - MARGIN, row * 2 - MARGIN);
                if matches!(letter, '\u{2580}' | '\u{2588}') {
                    dark.push((x, y));
                }
                if matches!(letter, '\u{2584}' | '\u{2588}') {
                    dark.push((x, y + 1));
                }
            }
        }
        dark.sort_unstable();
        let size = code.size();
        let all = (0..size).flat_map(|x| (0..size).map(move |y| (x, y)));
        let wanted: Vec<_> = all.filter(|(x, y)| code.get_module(*x, *y)).collect();
        assert_eq!(dark, wanted);
    }

    #[test]
    fn a_text_beyond_every_code_has_no_picture() {
        assert_eq!(render(&"x".repeat(5_000)), None);
    }
}
