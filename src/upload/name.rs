//! Names of files that are safe in a URL, in a header and on anybody's disk.

use crate::base::upload_limits::FILE_NAME_BYTES_MAX;

/// The ending of a longer name that stays whole, in bytes.
const ENDING_BYTES_MAX: usize = 16;

/// The last part of a path, without what means something to a shell, a file system or a reader of text that runs both
/// ways. "The service SHOULD keep the file name and especially the file ending intact" (XEP-0363 section 4).
pub(super) fn safe(name: &str) -> Box<str> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last
        .chars()
        .map(|char| if is_unsafe(char) { '_' } else { char })
        .collect();
    // A name that begins with a dot is hidden from its own user, or means a folder.
    let clean = clean.trim().trim_start_matches('.');
    match shorten(clean) {
        short if short.is_empty() => "file".into(),
        short => short.into(),
    }
}

/// What turns the direction of text, and what is no character (Unicode 3.5, 23.7).
const TURNS: &str = "\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{feff}";

fn is_unsafe(char: char) -> bool {
    char.is_control() || TURNS.contains(char) || "\"'`*:<>?|;&$".contains(char)
}

/// Drops from the middle, so that the ending stays.
fn shorten(name: &str) -> String {
    if name.len() <= FILE_NAME_BYTES_MAX {
        return name.to_owned();
    }
    let dot = name
        .rfind('.')
        .filter(|at| name.len() - at <= ENDING_BYTES_MAX);
    let (stem, ending) = name
        .split_at_checked(dot.unwrap_or(name.len()))
        .unwrap_or((name, ""));
    let room = FILE_NAME_BYTES_MAX.saturating_sub(ending.len());
    let end = (0..=room).rev().find(|end| stem.is_char_boundary(*end));
    let stem = stem.get(..end.unwrap_or(0)).unwrap_or_default();
    format!("{stem}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_as_it_is_where_it_harms_nobody() {
        for name in [
            "a.jpg",
            "tr\u{e8}s cool.jpg",
            "\u{732b}.tar.gz",
            "a (1).txt",
            "no ending",
        ] {
            assert_eq!(&*safe(name), name);
        }
    }

    #[test]
    fn what_climbs_hides_or_turns_is_taken_out() {
        for (name, wanted) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a.exe", "a.exe"),
            ("..", "file"),
            ("", "file"),
            ("/", "file"),
            (".htaccess", "htaccess"),
            ("a\r\nSet-Cookie: x", "a__Set-Cookie_ x"),
            ("photo\u{202e}gpj.exe", "photo_gpj.exe"),
            ("a\"b.txt", "a_b.txt"),
            ("a\0b", "a_b"),
        ] {
            assert_eq!(&*safe(name), wanted, "{name:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_ending() {
        for char in ["a", "\u{e8}", "\u{732b}", "\u{1f408}"] {
            let short = safe(&format!("{}.tar.gz", char.repeat(300)));
            assert!(
                short.len() <= FILE_NAME_BYTES_MAX && short.ends_with(".gz"),
                "{short}"
            );
        }
        let all_ending = format!("a.{}", "b".repeat(300));
        assert_eq!(safe(&all_ending).len(), FILE_NAME_BYTES_MAX);
    }
}
