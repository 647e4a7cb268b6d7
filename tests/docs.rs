//! Generated pages equal the committed ones. `UPDATE=1 cargo test --test docs` writes them anew.

#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::fs;

use meerkat::testing;

/// Where the example settings file is kept for people who read before they install.
const EXAMPLE: &str = "boards/service/meerkat.toml";

#[test]
fn the_committed_example_settings_are_those_of_the_table_of_keys() {
    compare(EXAMPLE, &testing::example_settings());
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
