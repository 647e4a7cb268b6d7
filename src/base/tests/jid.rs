//! What an address is, and that preparing is done once for ever.

use crate::base::fuzz::check_address;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::base::jid::JidError;
use crate::base::random::for_seeds;

type Parts<'a> = (Option<&'a str>, &'a str, Option<&'a str>);

#[track_caller]
fn assert_parts(text: &str, (local, domain, resource): Parts<'_>) {
    let jid = Jid::parse(text).unwrap();
    assert_eq!(
        (jid.local(), jid.domain(), jid.resource()),
        (local, domain, resource),
        "{text}"
    );
}

#[test]
fn an_address_is_cut_at_the_first_slash_and_then_at_the_first_at_sign() {
    assert_parts("example.org", (None, "example.org", None));
    assert_parts("alice@example.org", (Some("alice"), "example.org", None));
    assert_parts("a@b/c/d@e", (Some("a"), "b", Some("c/d@e")));
    assert_parts("b/c@d", (None, "b", Some("c@d")));
    assert_parts("a@b/ c ", (Some("a"), "b", Some(" c ")));
}

#[test]
fn case_is_folded_in_local_part_and_domain_but_not_in_the_resource() {
    assert_parts(
        "Alice@EXAMPLE.org/Phone",
        (Some("alice"), "example.org", Some("Phone")),
    );
    assert_parts(
        "\u{c4}rger@B\u{dc}CHER.example/\u{c4}",
        (Some("\u{e4}rger"), "b\u{fc}cher.example", Some("\u{c4}")),
    );
}

#[test]
fn a_final_dot_is_dropped_and_ip_addresses_are_domains() {
    assert_parts("a@example.org./x", (Some("a"), "example.org", Some("x")));
    assert_parts("a@127.0.0.1", (Some("a"), "127.0.0.1", None));
    assert_parts("a@[2001:DB8::0:1]", (Some("a"), "[2001:db8::1]", None));
}

#[test]
fn resources_may_be_newer_than_unicode_3_2() {
    assert_parts("a@b/\u{1f98a}", (Some("a"), "b", Some("\u{1f98a}")));
}

#[test]
fn what_is_not_an_address_is_refused_with_the_guilty_part() {
    for (text, error) in [
        ("", JidError::Domain),
        ("@", JidError::Local),
        ("@b", JidError::Local),
        ("a@", JidError::Domain),
        ("a@b/", JidError::Resource),
        ("/", JidError::Domain),
        ("a@@b", JidError::Domain),
        ("a b@c", JidError::Local),
        ("a'b@c", JidError::Local),
        ("a\u{ff20}b@c", JidError::Local),
        ("a@b..c", JidError::Domain),
        ("a@b..", JidError::Domain),
        ("a@-b", JidError::Domain),
        ("a@b-.c", JidError::Domain),
        ("a@b_c", JidError::Domain),
        ("a@b c", JidError::Domain),
        ("a@[::1", JidError::Domain),
        ("a@[1.2.3.4]", JidError::Domain),
        ("a@b\u{3002}c", JidError::Domain),
        ("a@b/\u{7}", JidError::Resource),
        ("a@b/\u{e000}", JidError::Resource),
        ("a@b/\u{ad}", JidError::Resource),
        ("a\u{0}@b", JidError::Local),
    ] {
        assert_eq!(Jid::parse(text), Err(error), "{text:?}");
    }
    for forbidden in "\"&'/:<>@ ".chars() {
        assert!(BareJid::from_parts(Some(&format!("a{forbidden}")), "b").is_err());
    }
}

#[test]
fn a_part_ends_at_1023_bytes() {
    let fits = "x".repeat(1_023);
    let label = "y".repeat(63);

    assert!(Jid::parse(&format!("{fits}@b/{fits}")).is_ok());
    assert_eq!(Jid::parse(&format!("{fits}x@b")), Err(JidError::TooLong));
    assert_eq!(Jid::parse(&format!("a@b/{fits}x")), Err(JidError::TooLong));
    assert!(Jid::parse(&format!("a@{label}.{label}")).is_ok());
    assert_eq!(Jid::parse(&format!("a@{label}y")), Err(JidError::Domain));
    let domain = vec![label; 17].join(".");
    assert_eq!(Jid::parse(&domain), Err(JidError::TooLong));
}

#[test]
fn bare_and_full_addresses_share_one_text() {
    let full = FullJid::parse("alice@example.org/phone").unwrap();
    let bare = full.bare();

    assert_eq!(bare, BareJid::parse("alice@example.org").unwrap());
    assert_eq!(bare.as_str().as_ptr(), full.as_str().as_ptr());
    assert_eq!(bare.to_jid(), Jid::parse("alice@example.org").unwrap());
    assert_eq!(bare.with_resource("phone").unwrap(), full);
    assert_eq!(FullJid::parse("alice@example.org"), Err(JidError::Shape));
    assert_eq!(BareJid::parse("a@b/c"), Err(JidError::Shape));
}

#[test]
fn every_address_survives_printing_and_parsing() {
    const ALPHABET: [char; 24] = [
        'a',
        'Z',
        '0',
        '-',
        '.',
        '@',
        '/',
        ' ',
        '\'',
        '_',
        '[',
        ':',
        '\u{df}',
        '\u{c4}',
        '\u{130}',
        '\u{3b1}',
        '\u{5d0}',
        '\u{ad}',
        '\u{2126}',
        '\u{ff0f}',
        '\u{3002}',
        '\u{1f98a}',
        '\u{345}',
        '\u{1fb3}',
    ];
    for_seeds(8_000, |u| {
        let length = u.int_in_range(0..=12)?;
        let mut text = String::new();
        for _ in 0..length {
            text.push(*u.choose(&ALPHABET)?);
        }
        if u.ratio(1, 4)? {
            text.push(u.arbitrary()?);
        }
        assert_eq!(check_address(text.as_bytes()), Ok(()), "{text:?}");
        Ok(())
    });
}

#[test]
fn the_short_way_and_the_long_way_agree() {
    const ALPHABET: &[u8] = b"aB0-.@/ '_~[]:<";
    for_seeds(8_000, |u| {
        let length = u.int_in_range(0..=10)?;
        let mut text = String::new();
        for _ in 0..length {
            text.push(char::from(*u.choose(ALPHABET)?));
        }
        let (bare, resource) = match text.split_once('/') {
            Some((bare, resource)) => (bare, Some(resource)),
            None => (text.as_str(), None),
        };
        let (local, domain) = match bare.split_once('@') {
            Some((local, domain)) => (Some(local), domain),
            None => (None, bare),
        };
        assert_eq!(
            Jid::parse(&text),
            Jid::from_parts(local, domain, resource),
            "{text:?}"
        );
        Ok(())
    });
}
