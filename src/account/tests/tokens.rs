//! Tokens of devices (XEP-0484).

use crate::account::tests::office::Office;
use crate::account::tests::office::bare;
use crate::account::token;
use crate::effect::request::TokenWish;
use crate::model::account::Token;
use crate::sasl::TokenBinding;
use crate::sasl::TokenSlot;

const DAY_MS: u64 = 86_400_000;

fn wish(device: &str) -> TokenWish {
    TokenWish {
        account: bare("ann@test"),
        device: device.into(),
        used: None,
        is_invalidated: false,
        wanted: None,
    }
}

fn wanted(device: &str) -> TokenWish {
    TokenWish {
        wanted: Some(TokenBinding::Exporter),
        ..wish(device)
    }
}

fn log_in(office: &mut Office, wish: &TokenWish) {
    let proposal = office.evaluate(|view| token::evaluate(view, wish)).unwrap();
    office.commit(&proposal);
}

fn token_of(office: &Office, device: &str) -> Option<Token> {
    office.account("ann@test").token(device).cloned()
}

#[test]
fn a_device_that_asks_gets_a_token() {
    let mut office = Office::with(&["ann@test"]);

    log_in(&mut office, &wanted("phone"));

    let token = token_of(&office, "phone").unwrap();
    assert_eq!(&*token.mechanism, "HT-SHA-256-EXPR");
    assert_eq!(token.previous, None);
}

#[test]
fn the_old_token_lives_until_the_new_one_is_used() {
    let mut office = Office::with(&["ann@test"]);
    log_in(&mut office, &wanted("phone"));
    let first = token_of(&office, "phone").unwrap().secret;
    let renew = TokenWish {
        used: Some(TokenSlot::New),
        ..wanted("phone")
    };

    log_in(&mut office, &renew);
    let both = token_of(&office, "phone").unwrap();
    let with_old = TokenWish {
        used: Some(TokenSlot::Current),
        ..wish("phone")
    };
    log_in(&mut office, &with_old);
    let still = token_of(&office, "phone").unwrap();
    let with_new = TokenWish {
        used: Some(TokenSlot::New),
        ..wish("phone")
    };
    log_in(&mut office, &with_new);
    let last = token_of(&office, "phone").unwrap();

    assert_eq!(both.previous.as_ref(), Some(&first));
    assert_eq!(still, both);
    assert_eq!((last.secret, last.previous), (both.secret, None));
}

#[test]
fn a_token_near_its_end_is_renewed_unasked() {
    let mut office = Office::with(&["ann@test"]);
    log_in(&mut office, &wanted("phone"));
    let first = token_of(&office, "phone").unwrap();
    let used = TokenWish {
        used: Some(TokenSlot::New),
        ..wish("phone")
    };

    log_in(&mut office, &used);
    assert_eq!(token_of(&office, "phone").unwrap(), first);
    office.now = office.now.plus_ms(20 * DAY_MS);
    log_in(&mut office, &used);

    let second = token_of(&office, "phone").unwrap();
    assert_eq!(second.previous, Some(first.secret));
    assert!(second.expires > first.expires);
}

#[test]
fn an_invalidated_token_is_gone() {
    let mut office = Office::with(&["ann@test"]);
    log_in(&mut office, &wanted("phone"));
    let last = TokenWish {
        used: Some(TokenSlot::New),
        is_invalidated: true,
        ..wish("phone")
    };

    log_in(&mut office, &last);

    assert_eq!(token_of(&office, "phone"), None);
}

#[test]
fn the_device_whose_token_ends_first_makes_room() {
    let mut office = Office::with(&["ann@test"]);
    for device in ["c", "a", "b", "d", "e", "f", "g", "h", "i", "j"] {
        log_in(&mut office, &wanted(device));
        office.now = office.now.plus_ms(1);
    }

    log_in(&mut office, &wanted("k"));

    assert_eq!(token_of(&office, "c"), None);
    assert_eq!(office.account("ann@test").tokens().count(), 10);
}

#[test]
fn a_new_password_ends_all_tokens() {
    let mut office = Office::with(&["ann@test"]);
    log_in(&mut office, &wanted("phone"));
    office.log_in("ann@test/desk");
    let set = "<iq xmlns='jabber:client' type='set' id='1'><query xmlns='jabber:iq:register'>\
               <username>ann</username><password>new</password></query></iq>";

    office.ask("ann@test/desk", set);

    assert_eq!(token_of(&office, "phone"), None);
}

#[test]
fn a_disabled_account_gets_no_token() {
    let mut office = Office::with(&["ann@test"]);
    let jid = bare("ann@test");
    let disable = |view: &crate::effect::view::View<'_>| {
        crate::account::command::set_enabled(view, &jid, false)
    };
    let proposal = office.evaluate(disable).unwrap();
    office.commit(&proposal);

    log_in(&mut office, &wanted("phone"));

    assert_eq!(token_of(&office, "phone"), None);
}

#[test]
fn devices_that_come_and_go_do_not_fill_the_record() {
    let mut office = Office::with(&["ann@test"]);
    for number in 0..600 {
        log_in(&mut office, &wanted(&format!("{number:03}")));
        office.now = office.now.plus_ms(1);
    }
    let rows = office.account("ann@test").rows.iter().count();
    assert!(rows < 300, "{rows}");
    assert!(token_of(&office, "599").is_some());
}
