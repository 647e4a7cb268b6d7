//! Streams: what is a frame, what is an error, and that the cut of the bytes does not matter.

use super::HEADER;
use super::read_stream;
use crate::xml::Frame;
use crate::xml::Framer;
use crate::xml::FramerLimits;
use crate::xml::XmlError;

/// Frames behind a usual header, in one piece, checked against every cut into two and into single bytes.
#[track_caller]
fn frames_of(body: &str) -> (Vec<String>, Result<(), XmlError>) {
    let text = format!("<?xml version='1.0'?>{HEADER}{body}");
    let whole = read_stream(&[text.as_bytes()], FramerLimits::STRANGER);
    for cut in 0..=text.len() {
        let (left, right) = text.as_bytes().split_at(cut);
        let halves = read_stream(&[left, right], FramerLimits::STRANGER);
        assert_eq!(halves, whole, "cut at {cut} of {text}");
    }
    let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    assert_eq!(read_stream(&bytes, FramerLimits::STRANGER), whole);
    let (mut frames, end) = whole;
    assert_eq!(frames.remove(0), format!("{HEADER} in jabber:client"));
    (frames, end)
}

#[track_caller]
fn assert_error(body: &str, error: XmlError) {
    let (_, end) = frames_of(body);
    assert_eq!(end, Err(error), "{body}");
}

#[test]
fn elements_come_one_by_one_and_then_the_end() {
    let (frames, end) = frames_of(
        "\n<message to='a@b'><body>hi</body></message> <presence/>\t\r\n<iq id=\"1\" >x</iq ></stream:stream >\n",
    );

    assert_eq!(end, Ok(()));
    assert_eq!(
        frames,
        [
            "<message to='a@b'><body>hi</body></message>",
            "<presence/>",
            "<iq id=\"1\" >x</iq >",
            "close"
        ]
    );
}

#[test]
fn quotes_comments_and_cdata_do_not_confuse_the_search_for_the_end() {
    let body = "<a b='>' c=\"/>'\" d='&lt;'>]]<![CDATA[</a>]]]>&gt; > ]] ></a>";

    assert_eq!(frames_of(body), (vec![body.to_owned()], Ok(())));
}

#[test]
fn what_rfc_6120_forbids_is_restricted() {
    for body in [
        "<!-- a -->",
        "<a><!-- b --></a>",
        "<?php ?>",
        "<a><?b c?></a>",
        "<!DOCTYPE a>",
        "<a><!DOCTYPE a></a>",
        "<a>&nbsp;</a>",
        "<a b='&nbsp;'/>",
    ] {
        assert_error(body, XmlError::Restricted);
    }
    for start in [
        "<!DOCTYPE a>",
        "<?xml version='1.0'?><!--",
        "<?a b?>",
        "<?xml version='1.0'?><?a",
    ] {
        let (_, end) = read_stream(&[start.as_bytes()], FramerLimits::STRANGER);
        assert_eq!(end, Err(XmlError::Restricted), "{start}");
    }
}

#[test]
fn what_is_not_xml_is_malformed() {
    for body in [
        "<a></b>",
        "<a></a b>",
        "<a></ a>",
        "< a/>",
        "<a/ >",
        "<a b='<'/>",
        "<a b='1' b='2'/>",
        "<a b='1'c='2'/>",
        "<a b=1/>",
        "<a b/>",
        "<a b='1\"/><c d='\"/>",
        "<1/>",
        "<-a/>",
        "<a:/>",
        "<:a/>",
        "<a:b:c/>",
        "<a>]]></a>",
        "<a>& </a>",
        "<a>&amp</a>",
        "<a b='&'/>",
        "<a>&#0;</a>",
        "<a>&#xd800;</a>",
        "<a>\u{1}</a>",
        "<a b='\u{1f}'/>",
        "<a>\u{fffe}</a>",
        "<a>\u{ffff}</a>",
        "<\u{d7}/>",
        "<a \u{d7}='1'/>",
        "<a\u{37e}/>",
        "</stream:streams>",
        "</stream:stream x>",
        "<![CDATA[a]]>",
    ] {
        assert_error(body, XmlError::Malformed);
    }
}

#[test]
fn namespaces_are_held_to_their_rules() {
    for body in [
        "<x:a/>",
        "<a x:b='1'/>",
        "<a><b xmlns:x='u'/><x:c/></a>",
        "<a xmlns:x=''/>",
        "<a xmlns:xml='u'/>",
        "<a xmlns:xmlns='u'/>",
        "<a xmlns:x='http://www.w3.org/XML/1998/namespace'/>",
        "<a xmlns:x='http://www.w3.org/2000/xmlns/'/>",
        "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
        "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
        "<xmlns:a/>",
        "<a xmlns:x='u' xmlns:y='u' x:b='1' y:b='2'/>",
        "<a xmlns:x='u' xmlns:y='&#117;' x:b='1' y:b='2'/>",
        "<a xmlns:x='u' xmlns:x='v'/>",
    ] {
        assert_error(body, XmlError::Malformed);
    }
    for body in [
        "<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='de'/>",
        "<a xmlns:x='u' x:b='1' b='2'/>",
        "<a xmlns:x='u' xmlns:y='v' x:b='1' y:b='2'/>",
    ] {
        assert_eq!(frames_of(body).1, Ok(()), "{body}");
    }
}

#[test]
fn text_between_stanzas_is_stray() {
    assert_error("x", XmlError::StrayText);
    assert_error("<a/>&#32;<b/>", XmlError::StrayText);
}

#[test]
fn utf_8_is_checked_across_cuts() {
    let good = "<a \u{e4}\u{1f98a}='\u{df}'>\u{1f98a}\u{ff0f}</a>";
    assert_eq!(frames_of("<a>\u{1f98a}\u{ff0f}</a>").1, Ok(()));
    assert_eq!(frames_of(good).1, Ok(()));
    for bad in [
        &b"<a>\xff</a>"[..],
        b"<a>\xc0\x80</a>",
        b"<a>\xed\xa0\x80</a>",
        b"<a b='\xe4'/>",
    ] {
        let (_, end) = read_stream(&[HEADER.as_bytes(), bad], FramerLimits::STRANGER);
        assert_eq!(end, Err(XmlError::Encoding));
    }
}

#[test]
fn nothing_may_follow_the_end() {
    assert_error("</stream:stream><a/>", XmlError::Closed);
}

#[test]
fn an_error_is_final() {
    let mut framer = Framer::new(FramerLimits::STRANGER);

    assert_eq!(
        framer.next(&mut &b"GET / HTTP/1.1"[..]).err(),
        Some(XmlError::Malformed)
    );
    assert_eq!(
        framer.next(&mut HEADER.as_bytes()).err(),
        Some(XmlError::Malformed)
    );
}

#[test]
fn a_framer_keeps_nothing_while_idle() {
    let mut framer = Framer::new(FramerLimits::STRANGER);
    let text = format!("{HEADER}<a/> \n ");
    let mut input = text.as_bytes();
    while framer.next(&mut input).unwrap().is_some() {}
    assert_eq!(framer.pending_bytes(), 0);

    let mut input = &b"<a><b/>"[..];
    assert!(framer.next(&mut input).unwrap().is_none());
    assert_eq!(framer.pending_bytes(), 7);

    let mut input = &b"</a>  "[..];
    assert!(matches!(
        framer.next(&mut input),
        Ok(Some(Frame::Element(_)))
    ));
    assert_eq!((framer.pending_bytes(), input), (0, &b"  "[..]));
}

#[test]
fn a_header_may_be_the_whole_stream() {
    let header = HEADER.replace("'1.0'>", "'1.0'/>");
    let (frames, end) = read_stream(&[header.as_bytes(), b" "], FramerLimits::STRANGER);

    assert_eq!(end, Ok(()));
    assert_eq!(frames.get(1).map(String::as_str), Some("close"));
}

#[test]
fn a_declaration_comes_first_or_not_at_all() {
    for (text, error) in [
        (" <?xml version='1.0'?>", XmlError::Restricted),
        (
            "<?xml version='1.0'?><?xml version='1.0'?>",
            XmlError::Restricted,
        ),
        (
            "<?xml version='1.0' encoding='latin1'?>",
            XmlError::Encoding,
        ),
    ] {
        let (_, end) = read_stream(
            &[text.as_bytes(), HEADER.as_bytes()],
            FramerLimits::STRANGER,
        );
        assert_eq!(end, Err(error), "{text}");
    }
}

#[test]
fn a_restarted_framer_wants_a_new_header() {
    let mut framer = Framer::new(FramerLimits::STRANGER);
    let text = format!("{HEADER}<auth/>\n <?xml version='1.0'?>{HEADER}<iq/>");
    let mut input = text.as_bytes();
    for _ in 0..2 {
        assert!(framer.next(&mut input).unwrap().is_some());
    }

    framer.restart();

    assert!(matches!(framer.next(&mut input), Ok(Some(Frame::Open(_)))));
    assert!(matches!(
        framer.next(&mut input),
        Ok(Some(Frame::Element(_)))
    ));
}
