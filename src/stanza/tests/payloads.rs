//! Forms, pages, moments and ids in payloads.

use std::borrow::Cow;

use super::as_text;
use super::element;
use crate::base::limits::PAGE_ITEMS_MAX;
use crate::base::time::Timestamp;
use crate::stanza::delay;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ids;
use crate::stanza::rsm::PageRequest;
use crate::stanza::rsm::PageResult;
use crate::xml::Writer;

fn written(write: impl FnOnce(&mut Writer)) -> String {
    let mut writer = Writer::new();
    write(&mut writer);
    String::from_utf8(writer.finish()).unwrap()
}

#[test]
fn a_form_survives_writing_and_reading() {
    let mut form = Form::with_type(FormKind::Form, "urn:example")
        .with(Field::boolean("open", true).with_label("Open to <all>"))
        .with(
            Field::new("who", FieldKind::ListMulti)
                .with_values(["a", "b"])
                .with_option("A", "a")
                .with_option("B", "b")
                .required(),
        )
        .with(Field::answer("free", ""));
    let text = written(|writer| form.write(writer));
    assert_eq!(
        text,
        "<x xmlns='jabber:x:data' type='form'>\
         <field var='FORM_TYPE' type='hidden'><value>urn:example</value></field>\
         <field var='open' type='boolean' label='Open to &lt;all&gt;'><value>1</value></field>\
         <field var='who' type='list-multi'><required/><value>a</value><value>b</value>\
         <option label='A'><value>a</value></option><option label='B'><value>b</value></option></field>\
         <field var='free'><value></value></field></x>"
    );

    let read = Form::parse_in(element(&format!("<iq>{text}</iq>")).root())
        .unwrap()
        .unwrap();

    assert_eq!(read, form);
    form.title = Some("T".into());
    assert!(written(|writer| form.write(writer)).contains("<title>T</title>"));
}

#[test]
fn answers_are_read_by_name_and_type() {
    let text = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>t</value></field>\
        <field var='a'><value>true</value></field><field var='b'><value>0</value></field>\
        <field var='c'><value>yes</value></field><field var='d'><value>1</value><value>2</value></field>\
        <field var='e'/><field type='fixed'><value>note</value></field></x>";
    let form = Form::parse(element(text).root()).unwrap();

    assert_eq!(form.form_type(), Some("t"));
    assert_eq!(form.boolean("a"), Ok(Some(true)));
    assert_eq!(form.boolean("b"), Ok(Some(false)));
    assert!(form.boolean("c").is_err());
    assert_eq!(form.boolean("missing"), Ok(None));
    assert_eq!(form.values("d").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(form.text("d").as_deref(), Some("1\n2"));
    assert_eq!((form.value("e"), form.value("missing")), (None, None));
    assert_eq!(form.field("").unwrap().kind, Some(FieldKind::Fixed));
}

#[test]
fn a_form_without_type_names_or_measure_is_refused() {
    let too_many = format!(
        "<x xmlns='jabber:x:data' type='submit'>{}</x>",
        "<field var='a'/>".repeat(257)
    );
    let too_long = "<value/>".repeat(257);
    for text in [
        "<x xmlns='jabber:x:data'/>",
        "<x xmlns='jabber:x:data' type='wild'/>",
        "<x xmlns='jabber:x:data' type='submit'><field/></x>",
        &too_many,
        &format!("<x xmlns='jabber:x:data' type='submit'><field var='a'>{too_long}</field></x>"),
    ] {
        assert!(Form::parse(element(text).root()).is_err(), "{text}");
    }
}

#[test]
fn a_page_is_asked_for_within_bounds() {
    let request = |inside: &str| {
        let text = format!("<q><set xmlns='http://jabber.org/protocol/rsm'>{inside}</set></q>");
        PageRequest::parse(element(&text).root())
    };

    let page = request("<max> 10 </max><after>x</after>").unwrap().unwrap();
    assert_eq!((page.items_max(), page.after.as_deref()), (10, Some("x")));
    assert!(!page.is_backwards());
    let last = request("<before/><max>99999</max>").unwrap().unwrap();
    assert_eq!(
        (last.items_max(), last.before.as_deref()),
        (PAGE_ITEMS_MAX, Some(""))
    );
    assert!(last.is_backwards());
    assert!(request("<max>-1</max>").is_err());
    assert!(request("<index>x</index>").is_err());
    assert_eq!(PageRequest::parse(element("<q/>").root()), Ok(None));
}

#[test]
fn a_page_is_told_with_its_ends() {
    let page = PageResult {
        ends: Some(("a", "<b>")),
        first_index: Some(3),
        count: Some(9),
    };

    assert_eq!(
        written(|writer| page.write(writer)),
        "<set xmlns='http://jabber.org/protocol/rsm'><first index='3'>a</first><last>&lt;b&gt;</last>\
         <count>9</count></set>"
    );
    assert_eq!(
        written(|writer| PageResult::default().write(writer)),
        "<set xmlns='http://jabber.org/protocol/rsm'/>"
    );
}

#[test]
fn a_delay_is_written_with_its_stamp() {
    let stamp = Timestamp::from_unix_ms(1_795_341_600_123);
    let bytes = delay::to_bytes(stamp, Some("b"));

    assert_eq!(
        as_text(&bytes),
        "<delay xmlns='urn:xmpp:delay' from='b' stamp='2026-11-22T10:00:00.123Z'/>"
    );
}

#[test]
fn stanza_ids_in_our_name_are_taken_out() {
    let message = element(
        "<message>a<stanza-id xmlns='urn:xmpp:sid:0' by='us' id='1'/><body>b</body>\
         <stanza-id xmlns='urn:xmpp:sid:0' by='them' id='2'/><stanza-id xmlns='urn:xmpp:sid:0' id='3'/>\
         <origin-id xmlns='urn:xmpp:sid:0' id='4'/></message>",
    );

    let kept = ids::without_stanza_ids(message.root(), |by| by == "us");

    assert_eq!(
        as_text(&kept),
        "a<body>b</body><stanza-id xmlns='urn:xmpp:sid:0' by='them' id='2'/>\
         <origin-id xmlns='urn:xmpp:sid:0' id='4'/>"
    );
}

#[test]
fn a_message_without_spoofed_ids_is_not_copied() {
    let message = element(
        "<message><body>b</body><stanza-id xmlns='urn:xmpp:sid:0' by='x' id='1'/></message>",
    );

    let kept = ids::without_stanza_ids(message.root(), |by| by == "us");

    assert!(matches!(kept, Cow::Borrowed(_)));
}
