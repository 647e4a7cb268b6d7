//! A mistake is told with file, line, key and remedy; all mistakes are told at once.

use std::path::Path;

use crate::config::tests::messages;
use crate::config::tests::read_path;

#[test]
fn every_mistake_of_a_file_is_told_in_one_run() {
    let text = "\
domain = \"under_score\"
lisen.c2s = []

[listen]
c2s = [\"5222\", \"127.0.0.1:70000\"]
c2s_tls = \"[::]:5223\"
s2s = [\"[::]:5269\"]

[limits]
stanza_bytes = 5
connections = \"many\"

[tls]
key = \"key.pem\"
";
    expect_test::expect![[r#"
        meerkat.toml:1: domain: "under_score" is no host name; write letters, digits, hyphens and dots; other letters as xn--..
        meerkat.toml:2: lisen.c2s: unknown key; did you mean listen.c2s?
        meerkat.toml:5: listen.c2s: "5222" has no port; write HOST:PORT, for example "127.0.0.1:5222" or "[::]:5222"
        meerkat.toml:5: listen.c2s: "127.0.0.1:70000" has a port that is not a number from 0 to 65535; write HOST:PORT, for example "127.0.0.1:5222" or "[::]:5222"
        meerkat.toml:6: listen.c2s_tls: is "[::]:5223"; write a list of texts, such as ["..", ".."]; [] is none
        meerkat.toml:7: listen.s2s: this version has no federation yet; remove the key or leave it empty
        meerkat.toml:10: limits.stanza_bytes: is 5; write a number from 10000 to 16777216 (bytes)
        meerkat.toml:11: limits.connections: is "many"; write a number from 1 to 1000000 (connections)
        meerkat.toml:14: tls.key: does not go with an unset tls.certificate; set both, or none for a self-signed certificate"#]]
    .assert_eq(&messages(text, &[]).join("\n"));
}

#[test]
fn a_mistake_after_set_is_told_as_one() {
    let arguments = [
        ("c2s.require_tls", "maybe"),
        ("c2s.location", "a.example:0"),
        ("registration", "invite"),
    ];
    expect_test::expect![[r#"
        --set: registration: is "invite"; write one of "closed", "invited", "open"
        --set: c2s.require_tls: is "maybe"; write true or false
        --set: c2s.location: "a.example:0" is no address of a server; write HOST or HOST:PORT, for example "a.chat.example.org""#]]
    .assert_eq(&messages("domain = \"a.example\"", &arguments).join("\n"));
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_line() {
    expect_test::expect![[r#"
        meerkat.toml:2: not valid TOML (invalid TOML value, did you mean to use a quoted string?); a line is KEY = VALUE, texts stand in quotes
        settings: domain: is not set; set it, for example to "chat.example.org""#]]
    .assert_eq(&messages("\ndomain = chat.example.org\n", &[]).join("\n"));
}

#[test]
fn a_file_that_is_not_there_is_told_with_its_name() {
    let faults = read_path(
        Path::new("/nowhere/meerkat.toml"),
        &[("domain", "localhost")],
    );
    expect_test::expect!["/nowhere/meerkat.toml: cannot be read (No such file or directory (os error 2)); name another file with --config"]
        .assert_eq(&faults.unwrap_err()[0].to_string());
}

#[test]
fn a_key_written_twice_is_a_mistake() {
    let told = messages("domain = \"a.example\"\ndomain = \"b.example\"\n", &[]);
    assert!(
        told[0].contains(":2: ") && told[0].contains("duplicate key"),
        "{told:?}"
    );
}

#[test]
fn a_table_where_a_value_belongs_is_a_mistake() {
    let told = messages("[domain]\nname = \"a.example\"\n", &[]);
    assert_eq!(
        told,
        ["meerkat.toml:1: domain: is a table; write a text in quotes"]
    );
}

#[test]
fn rooms_cannot_live_on_the_domain_itself() {
    let told = messages("domain = \"a.example\"\nmuc.host = \"a.example\"\n", &[]);
    assert!(
        told[0].starts_with("meerkat.toml:2: muc.host: "),
        "{told:?}"
    );
}
