//! What a server writes into one stream, cut into messages that stand alone (RFC 7395 section 3.3.3).
//!
//! The text is our own: it was checked when it came in, or made here. So the ends of elements are found by
//! counting tags.

use std::mem;

use memchr::memchr;
use memchr::memmem;

/// Cuts elements off, however the text arrives.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    /// The beginning of an element that is not whole.
    pending: Vec<u8>,
}

impl Splitter {
    /// Every element that is whole now, with the namespaces it needs alone.
    pub(crate) fn handle_text(&mut self, text: &[u8]) -> Vec<Vec<u8>> {
        let mut text = text;
        let mut messages = Vec::new();
        while let Some(message) = self.next(&mut text) {
            messages.push(message);
        }
        messages
    }

    /// Takes from the front of `text` up to the end of the next element, or all of it.
    pub(crate) fn next(&mut self, text: &mut &[u8]) -> Option<Vec<u8>> {
        let mut joined = mem::take(&mut self.pending);
        let kept = joined.len();
        let input: &[u8] = if joined.is_empty() {
            text
        } else {
            joined.extend_from_slice(text);
            joined.as_slice()
        };
        let element = input.trim_ascii_start();
        let blank = input.len().saturating_sub(element.len());
        let Some(end) = element_end(element) else {
            self.pending = element.to_vec();
            *text = &[];
            return None;
        };
        let message = write_alone(element.get(..end).unwrap_or_default());
        let taken = (blank + end).saturating_sub(kept);
        *text = text.get(taken..).unwrap_or_default();
        Some(message)
    }

    pub(crate) fn kept_bytes(&self) -> usize {
        self.pending.capacity()
    }
}

/// Behind the first element, if that is whole.
fn element_end(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        let tag = memchr(b'<', rest)?;
        let rest = rest.get(tag..)?;
        at += tag;
        if rest.starts_with(b"<![CDATA[") {
            at += memmem::find(rest, b"]]>")? + 3;
            continue;
        }
        if rest.starts_with(b"</") {
            at += memchr(b'>', rest)? + 1;
            depth = depth.saturating_sub(1);
        } else {
            let end = tag_end(rest)?;
            at += end;
            let is_empty = rest.get(..end)?.ends_with(b"/>");
            depth += usize::from(!is_empty);
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Behind the `>` of a start tag; one in an attribute does not count.
fn tag_end(text: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.iter().enumerate() {
        match (quote, *byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'\'' | b'"') => quote = Some(*byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// The declarations that the stream has made around it so far.
fn write_alone(element: &[u8]) -> Vec<u8> {
    let tag = element
        .get(..tag_end(element).unwrap_or(0))
        .unwrap_or_default();
    let is_name = |byte: &u8| !byte.is_ascii_whitespace() && !b"/>".contains(byte);
    let name_end = 1 + tag.iter().skip(1).take_while(|byte| is_name(byte)).count();
    let (name, rest) = element.split_at_checked(name_end).unwrap_or((element, b""));
    let mut alone = Vec::with_capacity(element.len() + 64);
    alone.extend_from_slice(name);
    if name.starts_with(b"<stream:") && !declares(tag, b"xmlns:stream") {
        alone.extend_from_slice(b" xmlns:stream='http://etherx.jabber.org/streams'");
    }
    if !declares(tag, b"xmlns") {
        alone.extend_from_slice(b" xmlns='jabber:client'");
    }
    alone.extend_from_slice(rest);
    alone
}

/// Whether a start tag has this attribute; what looks like it in the value of another does not count.
fn declares(tag: &[u8], wanted: &[u8]) -> bool {
    let mut quote = None;
    for (at, byte) in tag.iter().enumerate() {
        match (quote, *byte) {
            (None, b'\'' | b'"') => quote = Some(*byte),
            (Some(open), byte) if open == byte => quote = None,
            (None, byte) if byte.is_ascii_whitespace() => {
                let rest = tag.get(at + 1..).unwrap_or_default();
                let behind = rest.strip_prefix(wanted).and_then(<[u8]>::first);
                if behind.is_some_and(|byte| *byte == b'=' || byte.is_ascii_whitespace()) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        let mut splitter = Splitter::default();
        let whole = splitter.handle_text(text.as_bytes());
        let mut single = Vec::new();
        let mut splitter = Splitter::default();
        for byte in text.bytes() {
            single.extend(splitter.handle_text(&[byte]));
        }
        assert_eq!(whole, single);
        assert_eq!(splitter.pending, b"");
        let text = |message| String::from_utf8(message).unwrap();
        whole.into_iter().map(text).collect()
    }

    #[test]
    fn each_element_stands_alone() {
        assert_eq!(
            split(
                "<open xmlns='u'/><stream:features><a xmlns='b'><c/></a></stream:features>\n<r xmlns=\"s\"/>"
            ),
            [
                "<open xmlns='u'/>",
                "<stream:features xmlns:stream='http://etherx.jabber.org/streams' \
                 xmlns='jabber:client'><a xmlns='b'><c/></a></stream:features>",
                "<r xmlns=\"s\"/>",
            ]
        );
        assert_eq!(
            split("<message\tid='1'><body>a>b</body></message><iq/>"),
            [
                "<message xmlns='jabber:client'\tid='1'><body>a>b</body></message>",
                "<iq xmlns='jabber:client'/>",
            ]
        );
    }

    #[test]
    fn what_looks_like_a_tag_is_none() {
        for inner in [
            "<a b='>' c=\"/>'\">d</a>",
            "<![CDATA[</message><]]>",
            "<a xmlns:stream='x' b=' xmlns=\"y\"'/>",
        ] {
            let message = format!("<message to=\" xmlns='x'\">{inner}</message>");
            let alone = message.replacen("<message", "<message xmlns='jabber:client'", 1);
            assert_eq!(split(&message.repeat(2)), [alone.as_str(), alone.as_str()]);
        }
    }
}
