//! Services outside of XMPP (XEP-0215).

use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::effect::settings::ExternalServices;
use crate::effect::settings::Service;
use crate::route::tests::house::House;

fn house() -> House {
    let mut house = House::with(&["ann"]);
    let service = |kind, host: &str, port| Service {
        kind,
        host: host.into(),
        port,
        transport: "udp",
    };
    house.settings.services = ExternalServices {
        list: vec![
            service("stun", "stun.example", 3_478),
            service("turn", "turn.example", 3_478),
            service("turn", "turn.example", 3_480),
        ],
        secret: Some(Secret::from("north")),
        credentials_ms: 3_600_000,
    };
    house.log_in("ann/phone");
    house
}

fn ask(house: &mut House, what: &str) -> String {
    let xml = format!("<iq type='get' id='s' to='house.example'>{what}</iq>");
    house.send("ann/phone", &xml);
    house.take("ann/phone").concat()
}

#[test]
fn relays_come_with_credentials_that_end_and_the_others_without() {
    let mut house = house();

    let all = ask(&mut house, "<services xmlns='urn:xmpp:extdisco:2'/>");
    let begun = house.now.unix_ms() / 600_000 * 600_000;
    let until = Timestamp::from_unix_ms(begun + 600_000 + 3_600_000);
    let seconds = until.unix_ms() / 1_000;

    assert_eq!(all.matches("<service ").count(), 3, "{all}");
    assert_eq!(all.matches("restricted='1'").count(), 2, "{all}");
    let expires = format!("expires='{}' username='{seconds}:ann'", until.to_xep0082());
    assert_eq!(all.matches(&expires).count(), 2, "{all}");
    let some = ask(
        &mut house,
        "<services xmlns='urn:xmpp:extdisco:2' type='stun'/>",
    );
    assert_eq!(some.matches("<service ").count(), 1, "{some}");
    assert!(!some.contains("password"), "{some}");
}

#[test]
fn credentials_are_for_a_relay_that_there_is() {
    let mut house = house();
    let mut about = |what: &str| {
        let xml =
            format!("<credentials xmlns='urn:xmpp:extdisco:2'><service {what}/></credentials>");
        ask(&mut house, &xml)
    };
    let both = about("host='turn.example' type='turn'");
    assert_eq!(both.matches("password=").count(), 2, "{both}");
    let one = about("host='turn.example' type='turn' port='3480'");
    assert_eq!(one.matches("password=").count(), 1, "{one}");
    assert!(about("host='other.example' type='turn'").contains("<item-not-found"));
    let free = about("host='stun.example' type='stun'");
    assert!(
        free.contains("<service ") && !free.contains("password"),
        "{free}"
    );
    assert!(about("type='turn'").contains("<bad-request"));
    assert!(about("host='turn.example' type='turn' port='x'").contains("<bad-request"));
}

#[test]
fn without_services_nothing_is_announced_and_nothing_answered() {
    let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    assert!(ask(&mut house(), info).contains("urn:xmpp:extdisco:2"));
    let mut house = house();
    house.settings.services.list.clear();
    assert!(!ask(&mut house, info).contains("urn:xmpp:extdisco:2"));
    let answer = ask(&mut house, "<services xmlns='urn:xmpp:extdisco:2'/>");
    assert!(answer.contains("<service-unavailable"), "{answer}");
}
