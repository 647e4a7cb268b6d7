//! Bounds of what a peer may send, exactly at the edge, and that effort grows with size only.

use super::HEADER;
use super::read_stream;
use crate::base::limits::XML_ATTRIBUTES_MAX;
use crate::base::limits::XML_BINDINGS_MAX;
use crate::base::limits::XML_DEPTH_MAX;
use crate::base::limits::XML_ELEMENTS_MAX;
use crate::base::limits::XML_NAME_BYTES_MAX;
use crate::base::limits::XML_NAMESPACE_BYTES_MAX;
use crate::base::limits::XML_REFERENCE_BYTES_MAX;
use crate::xml::Frame;
use crate::xml::Framer;
use crate::xml::FramerLimits;
use crate::xml::XmlError;

/// The verdict on an element behind the usual header, the same in one piece and in pieces of 1,000 bytes.
fn verdict(element: &str, limits: FramerLimits) -> Result<(), XmlError> {
    let (_, whole) = read_stream(&[HEADER.as_bytes(), element.as_bytes()], limits);
    let mut pieces = vec![HEADER.as_bytes()];
    pieces.extend(element.as_bytes().chunks(1_000));
    let (frames, cut) = read_stream(&pieces, limits);
    assert_eq!(whole, cut);
    assert_eq!(frames.len(), 1 + usize::from(cut.is_ok()));
    whole
}

#[test]
fn a_stanza_may_fill_its_limit_and_no_more() {
    for limits in [FramerLimits::STRANGER, FramerLimits::CLIENT] {
        let bytes_max = limits.bytes_max;
        let fits = format!("<a>{}</a>", "x".repeat(bytes_max - 7));
        assert_eq!(fits.len(), bytes_max);
        assert_eq!(verdict(&fits, limits), Ok(()));
        let too_large = format!("<a>{}</a>", "x".repeat(bytes_max - 6));
        assert_eq!(
            verdict(&too_large, limits),
            Err(XmlError::TooLarge { bytes_max })
        );
    }
}

#[test]
fn an_unfinished_stanza_is_refused_when_its_limit_is_reached() {
    let mut framer = Framer::new(FramerLimits::STRANGER);
    assert!(framer.next(&mut HEADER.as_bytes()).unwrap().is_some());
    assert!(
        framer
            .next(&mut [b"<a>".as_slice(), &[b'x'; 9_996]].concat().as_slice())
            .unwrap()
            .is_none()
    );
    assert_eq!(framer.pending_bytes(), 9_999);

    let error = framer.next(&mut &b"x"[..]).err();

    assert_eq!(error, Some(XmlError::TooLarge { bytes_max: 10_000 }));
    assert_eq!(framer.pending_bytes(), 0);
}

#[test]
fn whitespace_between_stanzas_is_free() {
    let spaces = " ".repeat(50_000);
    let (frames, end) = read_stream(
        &[
            HEADER.as_bytes(),
            spaces.as_bytes(),
            b"<a/>",
            spaces.as_bytes(),
        ],
        FramerLimits::STRANGER,
    );

    assert_eq!((frames.len(), end), (2, Ok(())));
}

#[test]
fn a_header_is_limited_as_well() {
    let header = HEADER.replace("version", &format!("x='{}' version", "x".repeat(10_000)));
    let (_, end) = read_stream(&[header.as_bytes()], FramerLimits::STRANGER);

    assert_eq!(end, Err(XmlError::TooLarge { bytes_max: 10_000 }));
}

#[test]
fn nesting_ends_at_its_limit() {
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    let depth_max = XML_DEPTH_MAX;

    assert_eq!(verdict(&nested(depth_max), FramerLimits::CLIENT), Ok(()));
    assert_eq!(
        verdict(&nested(depth_max + 1), FramerLimits::CLIENT),
        Err(XmlError::TooDeep { depth_max })
    );
    assert_eq!(
        verdict(
            &format!("{}<b/>", "<a>".repeat(depth_max)),
            FramerLimits::CLIENT
        ),
        Err(XmlError::TooDeep { depth_max })
    );
}

#[test]
fn counts_and_lengths_end_at_their_limits() {
    let attributes = |count: usize| {
        let list: Vec<String> = (0..count).map(|index| format!(" a{index}=''")).collect();
        format!("<a{}/>", list.concat())
    };
    let bindings = |count: usize| {
        let list: Vec<String> = (0..count)
            .map(|index| format!(" xmlns:a{index}='u'"))
            .collect();
        let parts: Vec<String> = list
            .chunks(count.div_ceil(3))
            .map(<[String]>::concat)
            .collect();
        format!("<a{}><b{}><c{}/></b></a>", parts[0], parts[1], parts[2])
    };
    let elements = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count - 1));
    let name = |length: usize| format!("<{}/>", "n".repeat(length));
    let namespace = |length: usize| format!("<a xmlns='{}'/>", "n".repeat(length));
    let cases: [(&dyn Fn(usize) -> String, usize); 5] = [
        (&attributes, XML_ATTRIBUTES_MAX),
        (&bindings, XML_BINDINGS_MAX),
        (&elements, XML_ELEMENTS_MAX),
        (&name, XML_NAME_BYTES_MAX),
        (&namespace, XML_NAMESPACE_BYTES_MAX),
    ];
    for (document, max) in cases {
        assert_eq!(
            verdict(&document(max), FramerLimits::CLIENT),
            Ok(()),
            "{max}"
        );
        let error = Err(XmlError::TooMuch { max });
        assert_eq!(
            verdict(&document(max + 1), FramerLimits::CLIENT),
            error,
            "{max}"
        );
    }
}

/// What arrives byte by byte is looked at once while it arrives, and once more when its token is complete: all
/// that is behind the place where the search goes on stays within a bound, whatever the size.
#[test]
fn byte_by_byte_costs_grow_with_the_size_only() {
    let shapes: [fn(usize) -> String; 6] = [
        |size| format!("<a>{}</a>", "x".repeat(size)),
        |size| format!("<a b='{}'/>", "x".repeat(size)),
        |size| format!("<a>{}</a>", "<b c='defgh'/>".repeat(size / 16)),
        |size| format!("<a><![CDATA[{}]]></a>", "]]".repeat(size / 2)),
        |size| format!("<a>{}</a>", "&#x41;".repeat(size / 6)),
        |size| format!("<a></a{}>", " ".repeat(size)),
    ];
    for shape in shapes {
        let mut framer = Framer::new(FramerLimits::CLIENT);
        assert!(framer.next(&mut HEADER.as_bytes()).unwrap().is_some());
        let text = shape(250_000);
        let mut elements = 0;
        for byte in text.as_bytes().chunks(1) {
            let frame = framer.next(&mut &*byte).unwrap();
            elements += u32::from(matches!(frame, Some(Frame::Element(_))));
            assert!(framer.bytes_to_see_again() <= XML_REFERENCE_BYTES_MAX);
        }
        assert_eq!(elements, 1);
    }
}

/// Shapes that invite effort beyond the size, each near the limit: a quadratic step shows as a test that hangs,
/// and what is cut out of them stays within a small multiple.
#[test]
fn no_shape_of_a_stanza_is_multiplied() {
    let many = |count: usize, piece: &dyn Fn(usize) -> String| {
        (0..count).map(piece).collect::<Vec<_>>().concat()
    };
    let crowded = |_| {
        let pair = |index| format!(" xmlns:q{index}='u{index}' q{index}:c=''");
        format!("<b{}/>", many(30, &pair))
    };
    let shapes = [
        format!(
            "<a>{}</a>",
            many(9_000, &|index| format!("<b xmlns='&#117;{index}'/>"))
        ),
        format!(
            "<a xmlns:p='u'>{}</a>",
            many(16_000, &|_| "<p:b/>".to_owned())
        ),
        format!(
            "<a>{}</a>",
            many(6_000, &|index| format!("<p{index}:b xmlns:p{index}='u'/>"))
        ),
        format!("<a><b xmlns='u'>{}</b></a>", "<c/>".repeat(16_000)),
        format!("<a>{}</a>", many(250, &crowded)),
    ];
    for shape in shapes {
        let mut framer = Framer::new(FramerLimits {
            bytes_max: 1 << 20,
            ..FramerLimits::CLIENT
        });
        assert!(framer.next(&mut HEADER.as_bytes()).unwrap().is_some());
        let frame = framer.next(&mut shape.as_bytes());
        let Ok(Some(Frame::Element(element))) = frame else {
            panic!("{frame:?}");
        };
        let mut length = element.root().inner().len();
        for child in element.root().children() {
            length += child.outer().len() + child.inner().len();
        }
        assert!(
            (shape.len()..12 * shape.len()).contains(&length),
            "{length}"
        );
    }
}
