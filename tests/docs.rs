//! Generated pages equal the committed ones. `UPDATE=1 cargo test --test docs` writes them anew.

#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::fmt::Write as _;
use std::fs;

use meerkat::testing;

/// Where the example settings file is kept for people who read before they install.
const EXAMPLE: &str = "boards/service/meerkat.toml";

#[test]
fn the_committed_example_settings_are_those_of_the_table_of_keys() {
    compare(EXAMPLE, &testing::example_settings());
}

/// Every bound with its unit, origin and consequence, as the source has them.
#[test]
fn the_page_of_limits_is_made_from_their_source() {
    let source = fs::read_to_string("src/base/limits.rs").unwrap();
    compare("src/manual/limits.md", &limits(&source));
}

fn limits(source: &str) -> String {
    let mut page = String::from(
        "# Limits\n\nMade from `src/base/limits.rs`: each bound with its origin and what happens beyond it.\n",
    );
    let mut doc = Vec::new();
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("///") {
            doc.push(text.trim());
        } else if let Some((name, value)) = constant(line) {
            write!(page, "\n## {name} = {value}\n\n{}\n", doc.join("\n")).unwrap();
            doc.clear();
        } else {
            doc.clear();
        }
    }
    page
}

/// Name and value of `pub(crate) const NAME: TYPE = VALUE;`.
fn constant(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix("pub(crate) const ")?.split_once(": ")?;
    let (_, value) = rest.split_once(" = ")?;
    Some((name, value.trim_end_matches(';')))
}

#[expect(clippy::disallowed_methods, reason = "a switch of the test itself")]
fn compare(path: &str, wanted: &str) {
    if std::env::var("UPDATE").is_ok_and(|update| update == "1") {
        fs::write(path, wanted).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap();
    assert!(
        committed == wanted,
        "{path} is out of date; run UPDATE=1 cargo test --test docs"
    );
}
