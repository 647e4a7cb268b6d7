//! What must hold for any bytes, as functions that a fuzzer calls: `Err` names the promise that was broken.

use crate::base::limits::XML_DEPTH_MAX;
use crate::xml::Element;
use crate::xml::Frame;
use crate::xml::Framer;
use crate::xml::FramerLimits;
use crate::xml::Node;
use crate::xml::XmlError;

/// Small, so that the limits are met as well.
const LIMITS: FramerLimits = FramerLimits {
    bytes_max: 512,
    depth_max: 8,
};

/// The usual start, so that random bytes get beyond it.
const HEADER: &[u8] =
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
    xmlns:p='urn:p'>";

/// How a stream went: what was framed, and how it ended.
#[derive(Debug, Eq, PartialEq)]
struct Outcome {
    frames: Vec<String>,
    error: Option<XmlError>,
}

/// The first byte chooses the start of the stream, the next seven how it is cut, the rest is the stream.
///
/// Frames and errors are the same in one piece, in pieces, and byte by byte; what is framed can be parsed
/// again, and what is cut out of it means the same.
pub(crate) fn check_stream(input: &[u8]) -> Result<(), &'static str> {
    let (choice, input) = input.split_first().unwrap_or((&0, &[]));
    let (cuts, body) = input.split_at_checked(7).unwrap_or((&[], input));
    let header = if choice % 4 == 0 { &[][..] } else { HEADER };
    let stream = [header, body].concat();

    let whole = read(&stream, |_| usize::MAX);
    let bytes = read(&stream, |_| 1);
    let pieces = read(&stream, |index| {
        cuts.get(index % cuts.len().max(1))
            .map_or(3, |cut| usize::from(*cut) + 1)
    });
    if whole != bytes || whole != pieces {
        return Err("the frames depend on the cuts");
    }
    for frame in &whole.frames {
        if let Some(text) = frame.strip_prefix("element ") {
            check_element(text)?;
        }
    }
    Ok(())
}

fn read(stream: &[u8], length: impl Fn(usize) -> usize) -> Outcome {
    let mut framer = Framer::new(LIMITS);
    let mut frames = Vec::new();
    let mut rest = stream;
    for index in 0.. {
        let (piece, tail) = rest.split_at_checked(length(index)).unwrap_or((rest, &[]));
        rest = tail;
        if let Err(error) = read_piece(&mut framer, piece, &mut frames) {
            return Outcome {
                frames,
                error: Some(error),
            };
        }
        if rest.is_empty() {
            break;
        }
    }
    Outcome {
        frames,
        error: None,
    }
}

fn read_piece(framer: &mut Framer, piece: &[u8], frames: &mut Vec<String>) -> Result<(), XmlError> {
    let mut input = piece;
    while let Some(frame) = framer.next(&mut input)? {
        frames.push(match frame {
            Frame::Open(header) => {
                format!("open {:?} {}", header.root(), header.default_namespace())
            }
            Frame::Element(element) => format!("element {}", element.as_str()),
            Frame::Close => "close".to_owned(),
        });
    }
    Ok(())
}

fn check_element(text: &str) -> Result<(), &'static str> {
    let element =
        Element::parse(text.as_bytes()).map_err(|_| "what was framed cannot be parsed")?;
    if element.as_str() != text {
        return Err("parsing again changes the bytes");
    }
    check_node(element.root())
}

fn check_node(node: Node<'_>) -> Result<(), &'static str> {
    let placed = [&b"<x>"[..], &node.outer(), b"</x>"].concat();
    let placed = Element::parse(&placed).map_err(|_| "what was cut out cannot be parsed")?;
    let copy = placed
        .root()
        .children()
        .next()
        .ok_or("what was cut out is lost")?;
    if !is_same(copy, node, XML_DEPTH_MAX) {
        return Err("what was cut out means something else");
    }
    let inner = [&b"<x>"[..], &node.inner(), b"</x>"].concat();
    let inner = Element::parse(&inner).map_err(|_| "what was inside cannot be parsed")?;
    if inner.root().text() != node.text() || !are_same(inner.root(), node, XML_DEPTH_MAX) {
        return Err("what was inside means something else");
    }
    node.children().try_for_each(check_node)
}

fn is_same(one: Node<'_>, other: Node<'_>, depth: usize) -> bool {
    let attributes = |node: Node<'_>| -> Vec<_> {
        let with_namespace = |attribute: crate::xml::Attribute<'_>| {
            let namespace = crate::xml::extract::namespace_of_prefix(node, attribute.prefix);
            let namespace = namespace
                .filter(|_| !attribute.prefix.is_empty())
                .map(String::from);
            (
                namespace,
                attribute.name.to_owned(),
                attribute.value.into_owned(),
            )
        };
        node.attributes().map(with_namespace).collect()
    };
    one.name() == other.name()
        && one.ns() == other.ns()
        && one.text() == other.text()
        && attributes(one) == attributes(other)
        && are_same(one, other, depth)
}

fn are_same(one: Node<'_>, other: Node<'_>, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    one.children().count() == other.children().count()
        && one
            .children()
            .zip(other.children())
            .all(|(one, other)| is_same(one, other, depth))
}
