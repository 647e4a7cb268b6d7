//! What lands in the settings.

use std::time::Duration;

use crate::config::settings::Registration;
use crate::config::settings::RoomMakers;
use crate::config::tests::read;

#[test]
fn the_domain_alone_makes_whole_settings() {
    let settings = read("domain = \"Chat.Example.ORG\"", &[]).unwrap();
    assert_eq!(settings.domain, "chat.example.org");
    assert_eq!(settings.muc_host, "rooms.chat.example.org");
    assert_eq!(settings.listen.c2s[0].to_string(), "[::]:5222");
    assert_eq!(settings.registration, Registration::Closed);
    assert_eq!(settings.muc_create, RoomMakers::Anyone);
    assert!(settings.require_tls && settings.tls.is_none());
    assert_eq!(settings.limits.resume, Duration::from_mins(10));
    assert_eq!(settings.limits.tail_bytes, 8 << 20);
}

#[test]
fn an_argument_wins_over_the_file() {
    let text = "domain = \"a.example\"\n[listen]\nc2s = [\"[::]:5222\"]\n";
    let arguments = [("domain", "localhost"), ("listen.c2s", "[\"127.0.0.1:0\"]")];
    let settings = read(text, &arguments).unwrap();
    assert_eq!(settings.domain, "localhost");
    assert_eq!(settings.listen.c2s[0].to_string(), "127.0.0.1:0");
}

#[test]
fn an_administrator_without_host_belongs_to_the_domain() {
    let text = "domain = \"a.example\"\nadmins = [\"ann\", \"bob@b.example\"]";
    let settings = read(text, &[]).unwrap();
    assert_eq!(settings.admins, ["ann@a.example", "bob@b.example"]);
}

#[test]
fn listeners_of_later_versions_can_be_off() {
    let arguments = [("listen.component", "[]"), ("listen.s2s", "[]")];
    assert!(read("domain = \"a.example\"", &arguments).is_ok());
}

#[test]
fn contact_addresses_become_fields_of_the_form() {
    let text = "domain = \"a.example\"\n[contact]\nabuse = [\"mailto:abuse@a.example\"]";
    let settings = read(text, &[]).unwrap();
    assert_eq!(settings.contacts.len(), 1);
    assert_eq!(settings.contacts[0].field, "abuse-addresses");
}
