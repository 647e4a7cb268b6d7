//! Texts as people compare them: without case, accents and the shapes of letters.
//!
//! | written | found by |
//! |---|---|
//! | `H\u{e4}user` (umlaut) | `hauser`, in capitals too; not by `haeuser` |
//! | sharp s, ae and oe in one letter, o and l with a stroke | `ss`, `ae`, `oe`, `o`, `l` |
//! | Cyrillic yo, Greek letters with tonos, final sigma | ye, the bare letters, sigma |
//! | Hebrew and Arabic with points | the same without |
//! | ligatures, wide and other shapes of one letter | the plain one (NFKD) |
//!
//! Other marks stay: in Thai and Hindi vowels are marks.

use unicode_normalization::char::decompose_compatible;

/// The text in the form in which equal means alike.
pub(crate) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c.to_ascii_lowercase());
        } else {
            decompose_compatible(c, |part| fold_part(part, &mut out));
        }
    }
    out
}

fn fold_part(part: char, out: &mut String) {
    if is_left_out(part) {
        return;
    }
    for c in part.to_lowercase() {
        match c {
            '\u{df}' => out.push_str("ss"),
            '\u{e6}' => out.push_str("ae"),
            '\u{153}' => out.push_str("oe"),
            '\u{f8}' => out.push('o'),
            '\u{111}' | '\u{f0}' => out.push('d'),
            '\u{142}' => out.push('l'),
            '\u{131}' => out.push('i'),
            // The sigma at the end of a word.
            '\u{3c2}' => out.push('\u{3c3}'),
            _ if is_left_out(c) => {}
            _ => out.push(c),
        }
    }
}

/// What people leave out when they type: accents of Latin, Greek and Cyrillic letters, points of Hebrew
/// and Arabic ones, soft hyphens, the choice between text and picture.
fn is_left_out(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}'..='\u{5c7}'
        | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{ad}' | '\u{fe00}'..='\u{fe0f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_shapes_do_not_matter() {
        for (one, other) in [
            ("HELLO World", "hello world"),
            ("H\u{e4}user", "hauser"),
            ("Ha\u{308}user", "hauser"),
            ("Stra\u{df}e, STRASSE", "strasse, strasse"),
            ("\u{c6}r\u{f8} \u{141}\u{f3}d\u{17a}", "aero lodz"),
            (
                "\u{401}\u{43b}\u{43a}\u{430}",
                "\u{435}\u{43b}\u{43a}\u{430}",
            ),
            (
                "\u{39f}\u{3a3} \u{3bf}\u{3c2}",
                "\u{3bf}\u{3c3} \u{3bf}\u{3c3}",
            ),
            ("\u{fb01}ne \u{ff12}\u{ff10}\u{ff10}", "fine 200"),
            ("\u{5e9}\u{5b8}\u{5c1}\u{5dc}", "\u{5e9}\u{5dc}"),
            ("I\u{130}\u{131}", "iii"),
            ("soft\u{ad}ly \u{2764}\u{fe0f}", "softly \u{2764}"),
        ] {
            assert_eq!(fold(one), other);
        }
    }

    /// Without its vowel signs a Thai or Hindi word would be another one.
    #[test]
    fn marks_that_are_letters_stay() {
        for word in [
            "\u{e01}\u{e34}\u{e19}",
            "\u{915}\u{93f}\u{924}\u{93e}\u{92c}",
        ] {
            assert_eq!(fold(word), word);
        }
    }

    #[test]
    fn what_is_folded_stays_as_it_is() {
        for c in '\0'..='\u{2ffff}' {
            let once = fold(c.encode_utf8(&mut [0; 4]));
            assert_eq!(fold(&once), once, "{c:?}");
        }
    }
}
