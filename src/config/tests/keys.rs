//! The table of keys keeps its own rules.

use crate::config::key::Kind;
use crate::config::keys::KEYS;

#[test]
fn every_key_has_one_name_and_a_sentence() {
    let mut names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), KEYS.len());
    for key in KEYS {
        let is_absent = matches!(key.kind, Kind::Absent(_));
        assert_eq!(key.doc.ends_with('.'), !is_absent, "{}", key.name);
    }
}

#[test]
fn a_table_is_not_a_value_as_well() {
    for key in KEYS {
        let prefix = format!("{}.", key.name);
        assert!(
            KEYS.iter().all(|other| !other.name.starts_with(&prefix)),
            "{}",
            key.name
        );
    }
}
