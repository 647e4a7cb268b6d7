//! The example file is a settings file.

use crate::config::example::example;
use crate::config::keys::Fallback;
use crate::config::keys::KEYS;
use crate::config::keys::Kind;
use crate::config::tests::read;

#[test]
fn the_example_stands_for_the_defaults() {
    let from_example = read(&example(), &[]).unwrap();
    let from_nothing = read("domain = \"chat.example.org\"", &[]).unwrap();
    assert_eq!(format!("{from_example:?}"), format!("{from_nothing:?}"));
}

/// Takes every `#key = value` at its word: names, tables and defaults are right.
#[test]
fn the_example_with_every_line_switched_on_is_valid() {
    let on: String = example()
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let settings = read(&on, &[]).map_err(|faults| faults[0].to_string());
    assert_eq!(settings.unwrap().domain, "chat.example.org");
    for key in KEYS
        .iter()
        .filter(|key| !matches!(key.kind, Kind::Absent(_)))
    {
        let leaf = key.name.rsplit('.').next().unwrap();
        assert!(
            on.lines()
                .any(|line| line.starts_with(&format!("{leaf} = "))),
            "{leaf}"
        );
    }
}

#[test]
fn every_default_passes_its_own_check() {
    for key in KEYS {
        if let Fallback::Toml(value) = key.default {
            let read = read("domain = \"a.example\"", &[(key.name, value)]);
            assert!(read.is_ok(), "{}", key.name);
        }
    }
}
