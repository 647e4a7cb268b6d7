//! The file of `meerkat dev --data`: what is read, and what each mistake is told with.

use std::fs;

use crate::config::scene::Contact;
use crate::config::scene::Message;
use crate::config::scene::Receiver;
use crate::config::scene::Room;
use crate::config::scene::Scene;
use crate::config::scene::User;
use crate::config::scene::read;

fn parse(text: &str) -> Result<Scene, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.toml");
    fs::write(&path, text).unwrap();
    read(&path, &["alice"], &["lobby"]).map_err(|faults| {
        let lines = faults.iter().map(ToString::to_string);
        let lines: Vec<String> = lines.collect();
        let prefix = format!("{}:", path.display());
        lines.join("\n").replace(&prefix, "")
    })
}

#[test]
fn a_file_has_users_contacts_rooms_and_messages_in_any_order() {
    let text = r#"
        [[message]]
        from = "alice"
        room = "team"
        body = "one"
        [[message]]
        from = "dora"
        to = "alice"
        body = "two"
        [[room]]
        name = "team"
        owner = "dora"
        members = ["alice"]
        [[contact]]
        of = "dora"
        user = "alice"
        groups = ["Friends"]
        [[user]]
        name = "dora"
        admin = true
    "#;
    let owned = str::to_owned;
    let scene = Scene {
        users: vec![User {
            name: owned("dora"),
            password: owned("dora"),
            is_admin: true,
        }],
        contacts: vec![Contact {
            of: owned("dora"),
            user: owned("alice"),
            name: None,
            groups: vec![owned("Friends")],
        }],
        rooms: vec![Room {
            name: owned("team"),
            owner: owned("dora"),
            title: None,
            members: vec![owned("alice")],
        }],
        messages: vec![
            Message {
                from: owned("alice"),
                to: Receiver::Room(owned("team")),
                body: owned("one"),
            },
            Message {
                from: owned("dora"),
                to: Receiver::User(owned("alice")),
                body: owned("two"),
            },
        ],
    };
    assert_eq!(parse(text), Ok(scene));
}

#[test]
fn every_mistake_is_told_with_its_line_and_a_remedy() {
    for (text, told) in [
        ("[[user]", "1: not valid TOML (expected a right bracket"),
        (
            "user = 1",
            "1: user: is one table; write [[..]] with two brackets",
        ),
        ("user = [1]", "1: user: is no table; write [[..]]"),
        (
            "[[users]]\nname = \"a\"",
            "1: table: is users; write one of",
        ),
        ("[[user]]\nnam = \"a\"", "2: user: is nam; write one of"),
        (
            "[[user]]\nadmin = true",
            "1: user.name: is not set; set it, for example to",
        ),
        (
            "[[user]]\nname = \"A B\"",
            "2: user.name: \"A B\" is no name; write",
        ),
        ("[[user]]\nname = 3", "2: user.name: is 3; write a text"),
        (
            "[[user]]\nname = \"a\"\nadmin = 1",
            "3: user.admin: is 1; write true or false",
        ),
        (
            "[[user]]\nname = \"a\"\n[[user]]\nname = \"a\"",
            "4: user.name: \"a\" is there twice; write one",
        ),
        (
            "[[room]]\nname = \"lobby\"\nowner = \"alice\"",
            "2: room.name: \"lobby\" is there already; choose",
        ),
        (
            "[[room]]\nname = \"r\"\nowner = \"alice\"\nmembers = [1]",
            "4: room.members: is a list; write a list of texts",
        ),
        (
            "[[message]]\nfrom = \"bob\"\nto = \"alice\"\nbody = \"x\"",
            "2: message.from: \"bob\" is nobody; add a [[user]]",
        ),
        (
            "[[message]]\nfrom = \"alice\"\nroom = \"r\"\nbody = \"x\"",
            "3: message.room: \"r\" is no room; add a [[room]]",
        ),
        (
            "[[message]]\nfrom = \"alice\"\nto = \"alice\"\nroom = \"lobby\"\nbody = \"x\"",
            "3: message.to: does not go with message.room; keep",
        ),
    ] {
        let found = parse(text).unwrap_err();
        assert!(
            found.lines().any(|line| line.starts_with(told)),
            "{text:?}: {found}"
        );
    }
}
