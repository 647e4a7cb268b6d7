//! The commented example file, rendered from the table of keys.

use crate::config::keys::Fallback;
use crate::config::keys::KEYS;
use crate::config::keys::Key;
use crate::config::keys::Kind;

/// Comments are wrapped here.
const COLUMNS: usize = 100;

const HEAD: &str = "\
# Settings of meerkat. Lines behind a # show the defaults; only the domain has none.
# After a change: SIGHUP where a key says \"reload\", otherwise a new start.
# `meerkat check` reads this file and tells what it finds. Written by `meerkat check --example`.
";

/// The whole file, TOML that stands for nothing but defaults (and a domain to be changed).
pub(crate) fn example() -> String {
    let mut text = HEAD.to_owned();
    let mut table = "";
    for key in KEYS {
        if matches!(key.kind, Kind::Absent(_)) {
            continue;
        }
        let (above, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        if above != table {
            table = above;
            line(&mut text, "");
            line(&mut text, &format!("[{table}]"));
        }
        render(&mut text, key, name);
    }
    text
}

fn render(text: &mut String, key: &Key, name: &str) {
    text.push('\n');
    let mut doc = key.doc.to_owned();
    let mut facts = Vec::new();
    match key.kind {
        Kind::Integer { min, max, unit } => facts.push(format!("{unit}, {min} to {max}")),
        Kind::Choice(choices) => facts.push(format!("one of \"{}\"", choices.join("\", \""))),
        _ => {}
    }
    if let Fallback::Unset { then, .. } = key.default {
        facts.push(format!("unset: {then}"));
    }
    if key.reloadable {
        facts.push("reload".to_owned());
    }
    if !facts.is_empty() {
        doc = format!("{doc} ({})", facts.join("; "));
    }
    wrap(text, &doc);
    match key.default {
        Fallback::Toml(value) => line(text, &format!("#{name} = {value}")),
        Fallback::Unset { like, .. } => line(text, &format!("#{name} = {like}")),
        Fallback::Required { like } => line(text, &format!("{name} = {like}")),
    }
}

fn wrap(text: &mut String, doc: &str) {
    let mut column = 0;
    for word in doc.split_whitespace() {
        if column > 0 && column + 1 + word.len() > COLUMNS {
            text.push('\n');
            column = 0;
        }
        if column == 0 {
            text.push('#');
            column = 1;
        }
        text.push(' ');
        text.push_str(word);
        column += 1 + word.len();
    }
    text.push('\n');
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
