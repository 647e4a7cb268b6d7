//! A document of any length, read a piece at a time: the caller says what it wants whole.
//!
//! After a start tag the caller either enters the element, and gets its children one by one, or takes all
//! of it. So a file of many gigabytes needs no more memory than its largest piece, and namespaces that its
//! outer elements declare hold in what is inside of them.
//!
//! The subset of XML is that of a stream, but comments and processing instructions between elements are
//! passed over: people edit files by hand.

use crate::xml::Element;
use crate::xml::XmlError;
use crate::xml::chars;
use crate::xml::declaration;
use crate::xml::node::RawAttribute;
use crate::xml::scope::Scope;
use crate::xml::tree::Progress;
use crate::xml::tree::Tree;

/// What came next.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    /// Nothing yet: more bytes are needed.
    More,
    /// A start tag; [`Document::enter`], [`Document::pass`] or [`Document::take`] says what becomes of it.
    Start(Element),
    /// The end of the element that was entered last.
    End,
    /// The end of the root, and of the file.
    Finished,
}

/// The limits of a document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DocumentLimits {
    /// Of one piece: an element that is taken whole, a tag, a comment.
    pub(crate) bytes_max: usize,
    /// Of elements inside of each other.
    pub(crate) depth_max: usize,
}

/// The reader of one document. [`Document::feed`] it whenever it says [`Piece::More`].
#[derive(Debug)]
pub(crate) struct Document {
    limits: DocumentLimits,
    bytes: Vec<u8>,
    /// What is before was read.
    at: usize,
    /// The line of what is at `at`, from 1.
    line: u64,
    open: Vec<Open>,
    /// The start tag that was given last: where it ends, and what it is called and declares.
    tag: Option<Tag>,
    /// The element that is taken, as far as it is here.
    tree: Option<Tree>,
    is_begun: bool,
    has_root: bool,
    is_fed: bool,
}

/// An element that was entered.
#[derive(Debug)]
struct Open {
    name: Box<str>,
    scope: Scope,
    /// It has no end tag of its own.
    is_empty: bool,
    /// Nobody wants what is inside, text included.
    is_passed: bool,
}

#[derive(Debug)]
struct Tag {
    bytes: usize,
    open: Open,
}

/// What begins with `<!` or `<?`, and its end.
const ASIDES: [(&[u8], &[u8]); 3] = [(b"<!--", b"-->"), (b"<?", b"?>"), (b"<![CDATA[", b"]]>")];

impl Document {
    pub(crate) fn new(limits: DocumentLimits) -> Self {
        Self {
            limits,
            bytes: Vec::new(),
            at: 0,
            line: 1,
            open: Vec::new(),
            tag: None,
            tree: None,
            is_begun: false,
            has_root: false,
            is_fed: false,
        }
    }

    /// The next bytes of the document; none: that was all.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.is_fed |= bytes.is_empty();
        self.bytes.extend_from_slice(bytes);
    }

    /// Where the document is read, for complaints.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// How many elements are open.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// The next tag. A start tag that nobody has dealt with is given again.
    pub(crate) fn next(&mut self) -> Result<Piece, XmlError> {
        loop {
            if self.open.last().is_some_and(|open| open.is_empty) {
                self.open.pop();
                return Ok(Piece::End);
            }
            self.skip_text()?;
            match self.rest() {
                [] if self.is_fed && self.has_root && self.open.is_empty() => {
                    return Ok(Piece::Finished);
                }
                [] | [b'<'] => return self.more(),
                [b'<', b'!' | b'?', ..] => {
                    if !self.skip_aside()? {
                        return self.more();
                    }
                }
                [b'<', b'/', ..] => return self.read_end(),
                _ => return self.read_start(),
            }
        }
    }

    /// Goes into the element whose start tag came last; its children are next.
    pub(crate) fn enter(&mut self) -> Result<(), XmlError> {
        self.go_in(false)
    }

    /// As [`Document::enter`] for what is not wanted: text inside is passed over too.
    pub(crate) fn pass(&mut self) -> Result<(), XmlError> {
        self.go_in(true)
    }

    fn go_in(&mut self, is_passed: bool) -> Result<(), XmlError> {
        let Some(Tag { bytes, mut open }) = self.tag.take() else {
            return Err(XmlError::Malformed);
        };
        if self.open.len() >= self.limits.depth_max {
            let depth_max = self.limits.depth_max;
            return Err(XmlError::TooDeep { depth_max });
        }
        open.is_passed = is_passed;
        self.open.push(open);
        self.consume(bytes);
        Ok(())
    }

    /// All of the element whose start tag came last; `None`: more bytes are needed.
    pub(crate) fn take(&mut self) -> Result<Option<Element>, XmlError> {
        let mut tree = self
            .tree
            .take()
            .unwrap_or_else(|| Tree::new(self.limits.depth_max));
        let outside = Scope::EMPTY;
        let scope = self.open.last().map_or(&outside, |open| &open.scope);
        let bytes = self.bytes.get(self.at..).unwrap_or_default();
        if tree.advance(bytes, scope)? == Progress::Incomplete {
            self.more()?;
            self.tree = Some(tree);
            return Ok(None);
        }
        let bytes_max = self.limits.bytes_max;
        let end = tree.at();
        if end > bytes_max {
            return Err(XmlError::TooLarge { bytes_max });
        }
        let element = Element::finish(&mut tree, bytes, scope, bytes_max)?;
        self.tag = None;
        self.consume(end);
        Ok(Some(element))
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn consume(&mut self, count: usize) {
        let read = self.rest().get(..count).unwrap_or_default();
        let lines = memchr::memchr_iter(b'\n', read).count();
        self.line = self
            .line
            .saturating_add(u64::try_from(lines).unwrap_or(u64::MAX));
        self.at = self.at.saturating_add(count).min(self.bytes.len());
    }

    /// What is here is not all of a piece.
    fn more(&self) -> Result<Piece, XmlError> {
        let bytes_max = self.limits.bytes_max;
        if self.rest().len() > bytes_max {
            return Err(XmlError::TooLarge { bytes_max });
        }
        if self.is_fed {
            return Err(XmlError::Malformed);
        }
        Ok(Piece::More)
    }

    /// Whitespace between elements; any text inside of what is passed over.
    fn skip_text(&mut self) -> Result<(), XmlError> {
        let is_passed = self.open.last().is_some_and(|open| open.is_passed);
        let is_skipped = |byte: &u8| *byte != b'<' && (is_passed || chars::is_space(*byte));
        let rest = self.rest();
        let count = rest.iter().take_while(|byte| is_skipped(byte)).count();
        self.consume(count);
        match self.rest() {
            [] | [b'<', ..] => Ok(()),
            _ => Err(XmlError::StrayText),
        }
    }

    /// A comment, an instruction, text in another spelling; `false`: more bytes are needed.
    fn skip_aside(&mut self) -> Result<bool, XmlError> {
        let rest = self.rest();
        let is_passed = self.open.last().is_some_and(|open| open.is_passed);
        let Some((start, end)) = ASIDES.iter().find(|(start, _)| rest.starts_with(start)) else {
            let may_be = ASIDES.iter().any(|(start, _)| start.starts_with(rest));
            // A document type, which may define entities, is never wanted.
            return if may_be {
                Ok(false)
            } else {
                Err(XmlError::Restricted)
            };
        };
        if start.len() > 4 && !is_passed {
            return Err(XmlError::StrayText);
        }
        let inside = rest.get(start.len()..).unwrap_or_default();
        let Some(found) = memchr::memmem::find(inside, end) else {
            return Ok(false);
        };
        if !self.is_begun && rest.starts_with(b"<?xml") {
            declaration::check(inside.get(..found).unwrap_or_default())?;
        }
        self.is_begun = true;
        self.consume(start.len().saturating_add(found).saturating_add(end.len()));
        Ok(true)
    }

    fn read_end(&mut self) -> Result<Piece, XmlError> {
        let Some(end) = memchr::memchr(b'>', self.rest()) else {
            return self.more();
        };
        let tag = self.rest().get(2..end).unwrap_or_default();
        let open = self.open.last().ok_or(XmlError::Malformed)?;
        let spaces = tag
            .strip_prefix(open.name.as_bytes())
            .ok_or(XmlError::Malformed)?;
        if !spaces.iter().all(|byte| chars::is_space(*byte)) {
            return Err(XmlError::Malformed);
        }
        self.open.pop();
        self.consume(end.saturating_add(1));
        Ok(Piece::End)
    }

    fn read_start(&mut self) -> Result<Piece, XmlError> {
        if self.open.is_empty() && self.has_root && self.tag.is_none() {
            return Err(XmlError::Closed);
        }
        let mut tree = Tree::new(self.limits.depth_max);
        let outside = Scope::EMPTY;
        let scope = self.open.last().map_or(&outside, |open| &open.scope);
        if tree.advance_tag(self.rest(), scope)? == Progress::Incomplete {
            return self.more();
        }
        let tag = Element::assemble(&mut tree, self.rest())?;
        let (root, mut scope) = (tag.root(), scope.clone());
        for attribute in root.raw_attributes().filter(RawAttribute::is_declaration) {
            scope.rebind(attribute.declared_prefix(), &attribute.decoded());
        }
        let open = Open {
            name: root.full_name().into(),
            scope,
            is_empty: tag.bytes().ends_with(b"/>"),
            is_passed: false,
        };
        let bytes = tree.at();
        self.tag = Some(Tag { bytes, open });
        (self.is_begun, self.has_root) = (true, true);
        Ok(Piece::Start(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: DocumentLimits = DocumentLimits {
        bytes_max: 200,
        depth_max: 8,
    };

    /// Enters `a`, passes over `p`, takes everything else; what it saw, whatever the cuts.
    fn read(text: &str, cut: usize) -> Result<Vec<String>, (u64, XmlError)> {
        let mut document = Document::new(LIMITS);
        let mut chunks = text.as_bytes().chunks(cut);
        let mut seen = Vec::new();
        loop {
            let result = document.next().and_then(|piece| {
                Ok(match piece {
                    Piece::Start(tag) if tag.root().name() == "a" => {
                        seen.push(format!("+{}", tag.root().ns()));
                        document.enter()?;
                        true
                    }
                    Piece::Start(tag) if tag.root().name() == "p" => {
                        document.pass()?;
                        true
                    }
                    Piece::Start(_) => match document.take()? {
                        Some(element) => {
                            seen.push(element.as_str().to_owned());
                            true
                        }
                        None => false,
                    },
                    Piece::End => {
                        seen.push("-".to_owned());
                        true
                    }
                    Piece::Finished => return Ok(true),
                    Piece::More => false,
                })
            });
            match result {
                Ok(true) if document.is_fed && document.rest().is_empty() => {
                    if document.depth() == 0 {
                        return Ok(seen);
                    }
                }
                Ok(true) => {}
                Ok(false) => document.feed(chunks.next().unwrap_or_default()),
                Err(error) => return Err((document.line(), error)),
            }
        }
    }

    #[test]
    fn pieces_are_the_same_however_the_bytes_are_cut() {
        let text = "<?xml version='1.0'?>\n<!-- by hand -->\n<a xmlns='urn:x' xmlns:y='urn:y'>\n <b/>\
                    <y:c>t</y:c><!-- <d> --><p>text<![CDATA[<r>]]></p><a xmlns='urn:z'><e/></a>\n</a>\n";
        for cut in 1..text.len() {
            assert_eq!(
                read(text, cut).unwrap(),
                [
                    "+urn:x",
                    "<b xmlns='urn:x'/>",
                    "<y:c xmlns:y='urn:y'>t</y:c>",
                    "-",
                    "+urn:z",
                    "<e xmlns='urn:z'/>",
                    "-",
                    "-",
                ],
                "{cut}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let long = format!("<a>\n<b>{}</b></a>", "x".repeat(300));
        let deep = "<a>".repeat(9);
        for (text, line, error) in [
            ("<a>\n\nx</a>", 3, XmlError::StrayText),
            ("<a>\n<b/>\n</c>", 3, XmlError::Malformed),
            ("<a>\n<b>", 2, XmlError::Malformed),
            ("<a>\n", 2, XmlError::Malformed),
            ("", 1, XmlError::Malformed),
            (
                "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>",
                1,
                XmlError::Restricted,
            ),
            ("<a/>\n<a/>", 2, XmlError::Closed),
            (&long, 2, XmlError::TooLarge { bytes_max: 200 }),
            (&deep, 1, XmlError::TooDeep { depth_max: 8 }),
        ] {
            for cut in [1, 7, 1_000] {
                assert_eq!(read(text, cut), Err((line, error)), "{text} {cut}");
            }
        }
    }
}
