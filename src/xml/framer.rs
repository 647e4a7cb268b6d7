//! Cuts a stream of bytes into its root, its elements and its end (RFC 6120 section 4).
//!
//! The pieces that the network delivers have no meaning: the frames and the errors are the same however the
//! bytes are cut. What is whole is parsed where it lies; only an unfinished element is kept here, and an idle
//! framer keeps nothing.

use crate::base::limits::STANZA_BYTES_MAX;
use crate::base::limits::STRANGER_STANZA_BYTES_MAX;
use crate::base::limits::XML_DECLARATION_BYTES_MAX;
use crate::base::limits::XML_DEPTH_MAX;
use crate::xml::Element;
use crate::xml::HOME_NAMESPACE;
use crate::xml::Node;
use crate::xml::XmlError;
use crate::xml::chars;
use crate::xml::declaration;
use crate::xml::node::RawAttribute;
use crate::xml::scope::Scope;
use crate::xml::tree::Progress;
use crate::xml::tree::Tree;

/// What a peer may send at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct FramerLimits {
    /// Of one element or of the stream header.
    pub(crate) bytes_max: usize,
    /// Of nested elements; a stanza itself has 1.
    pub(crate) depth_max: usize,
}

impl FramerLimits {
    /// Before the login.
    pub(crate) const STRANGER: Self = Self {
        bytes_max: STRANGER_STANZA_BYTES_MAX,
        depth_max: XML_DEPTH_MAX,
    };

    /// After the login.
    pub(crate) const CLIENT: Self = Self {
        bytes_max: STANZA_BYTES_MAX,
        depth_max: XML_DEPTH_MAX,
    };
}

/// One step of a stream.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    Open(StreamHeader),
    Element(Element),
    /// The end tag of the root.
    Close,
}

/// The start tag of the root.
#[derive(Clone, Debug)]
pub(crate) struct StreamHeader {
    tag: Element,
    default_namespace: Box<str>,
}

impl StreamHeader {
    /// An element that stands for the start tag of a stream of `jabber:client` (RFC 7395 section 3.3.2).
    pub(crate) fn framed(tag: Element) -> Self {
        Self {
            tag,
            default_namespace: HOME_NAMESPACE.into(),
        }
    }

    /// The root without its content: name, namespace and attributes.
    pub(crate) fn root(&self) -> Node<'_> {
        self.tag.root()
    }

    /// The namespace of the stream's content (RFC 6120 section 4.8.2).
    pub(crate) fn default_namespace(&self) -> &str {
        &self.default_namespace
    }
}

/// The parser of one direction of one stream.
#[derive(Debug)]
pub(crate) struct Framer {
    limits: FramerLimits,
    state: State,
    scope: Scope,
    /// The name of the root as it was spelled: the end tag has to repeat it.
    root: Box<str>,
    pending: Option<Box<Pending>>,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Framer>() <= 144);

#[derive(Clone, Copy, Debug)]
enum State {
    /// Nothing has come; an XML declaration may.
    Start,
    /// As `Start`, but what was sent to keep the old stream alive may still come.
    Restarted,
    /// The root's start tag is next.
    Prolog,
    Open,
    /// The root was an empty element: its end is yet to be told.
    OpenedAndClosed,
    Closed,
    Failed(XmlError),
}

/// An unfinished token between elements, or an unfinished element.
#[derive(Debug)]
struct Pending {
    bytes: Vec<u8>,
    tree: Tree,
}

/// What complete bytes turned out to be.
enum Token {
    Declaration,
    Frame(Frame),
}

impl Framer {
    pub(crate) fn new(limits: FramerLimits) -> Self {
        Self {
            limits,
            state: State::Start,
            scope: Scope::EMPTY,
            root: Box::default(),
            pending: None,
        }
    }

    /// Other limits, for what arrives from now on.
    pub(crate) fn set_limits(&mut self, limits: FramerLimits) {
        self.limits = limits;
    }

    /// Begins anew with a stream header, as after TLS or SASL (RFC 6120 section 4.3.3). What is unfinished is
    /// forgotten.
    pub(crate) fn restart(&mut self) {
        *self = Self::new(self.limits);
        self.state = State::Restarted;
    }

    /// How many bytes of an unfinished element are kept.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.pending
            .as_ref()
            .map_or(0, |pending| pending.bytes.len())
    }

    /// Memory of an unfinished element: its bytes, and what is known of them.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| {
            size_of::<Pending>() + pending.bytes.capacity() + pending.tree.heap_bytes()
        })
    }

    /// How many of these the next call looks at again.
    #[cfg(test)]
    pub(super) fn bytes_to_see_again(&self) -> usize {
        let unseen = |pending: &Pending| pending.bytes.len() - pending.tree.seen();
        self.pending.as_deref().map_or(0, unseen)
    }

    /// Takes bytes off the front of `input` up to the end of the next frame, or all of them.
    ///
    /// `None` means that all was taken and more is needed. After an error there is only that error.
    pub(crate) fn next(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, XmlError> {
        let result = self.next_frame(input);
        if let Err(error) = result {
            self.pending = None;
            self.state = State::Failed(error);
        }
        result
    }

    fn next_frame(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, XmlError> {
        match self.state {
            State::Failed(error) => return Err(error),
            State::OpenedAndClosed => {
                self.state = State::Closed;
                return Ok(Some(Frame::Close));
            }
            _ => {}
        }
        loop {
            let token = match self.pending.take() {
                Some(pending) => self.go_on(pending, input)?,
                None => self.begin(input)?,
            };
            match token {
                Some(Token::Frame(frame)) => return Ok(Some(frame)),
                // More may be in the input behind it.
                Some(Token::Declaration) => {}
                None => return Ok(None),
            }
        }
    }

    /// Reads a token that starts in `input`.
    fn begin(&mut self, input: &mut &[u8]) -> Result<Option<Token>, XmlError> {
        if !matches!(self.state, State::Start) {
            *input = trim_start(input);
        }
        if input.is_empty() {
            return Ok(None);
        }
        let window = clip(input, self.limits.bytes_max);
        let mut tree = Tree::new(self.limits.depth_max);
        if let Some((token, end)) = self.read_token(&mut tree, window)? {
            *input = input.get(end..).unwrap_or_default();
            return Ok(Some(token));
        }
        self.check_room(window.len())?;
        self.pending = Some(Box::new(Pending {
            bytes: window.to_vec(),
            tree,
        }));
        *input = &[];
        Ok(None)
    }

    /// Reads on in a token whose first bytes are kept.
    fn go_on(
        &mut self,
        mut pending: Box<Pending>,
        input: &mut &[u8],
    ) -> Result<Option<Token>, XmlError> {
        let kept = pending.bytes.len();
        let room = self.limits.bytes_max.saturating_sub(kept);
        pending.bytes.extend_from_slice(clip(input, room));
        let Pending { bytes, tree } = &mut *pending;
        if let Some((token, end)) = self.read_token(tree, bytes)? {
            *input = input.get(end.saturating_sub(kept)..).unwrap_or_default();
            return Ok(Some(token));
        }
        self.check_room(bytes.len())?;
        self.pending = Some(pending);
        *input = &[];
        Ok(None)
    }

    /// An unfinished token that fills its limit will not be finished within it.
    fn check_room(&self, length: usize) -> Result<(), XmlError> {
        if length < self.limits.bytes_max {
            return Ok(());
        }
        Err(XmlError::TooLarge {
            bytes_max: self.limits.bytes_max,
        })
    }

    /// Reads the token at the start of `bytes`; with it comes where it ends.
    fn read_token(
        &mut self,
        tree: &mut Tree,
        bytes: &[u8],
    ) -> Result<Option<(Token, usize)>, XmlError> {
        match (self.state, bytes) {
            (State::Closed, _) => Err(XmlError::Closed),
            (State::Start | State::Restarted | State::Open, [b'<']) => Ok(None),
            (State::Start | State::Restarted, [b'<', b'?', ..]) => self.read_declaration(bytes),
            (State::Start, [first, ..]) if chars::is_space(*first) => {
                // Whitespace before the root is fine, an XML declaration behind it is not.
                self.state = State::Prolog;
                Ok(Some((Token::Declaration, 1)))
            }
            (State::Start | State::Restarted | State::Prolog, [b'<', ..]) => {
                self.read_root(tree, bytes)
            }
            (State::Open, [b'<', b'/', ..]) => self.read_close(bytes),
            (State::Open, [b'<', ..]) => self.read_element(tree, bytes),
            (State::Open, _) => Err(XmlError::StrayText),
            _ => Err(XmlError::Malformed),
        }
    }

    fn read_declaration(&mut self, bytes: &[u8]) -> Result<Option<(Token, usize)>, XmlError> {
        let window = clip(bytes, XML_DECLARATION_BYTES_MAX);
        let Some(end) = memchr::memmem::find(window, b"?>") else {
            return if window.len() < XML_DECLARATION_BYTES_MAX {
                Ok(None)
            } else {
                Err(XmlError::Malformed)
            };
        };
        declaration::check(window.get(2..end).unwrap_or_default())?;
        self.state = State::Prolog;
        Ok(Some((Token::Declaration, end + 2)))
    }

    fn read_root(
        &mut self,
        tree: &mut Tree,
        bytes: &[u8],
    ) -> Result<Option<(Token, usize)>, XmlError> {
        if matches!(bytes, [b'<']) {
            return Ok(None);
        }
        if matches!(bytes, [_, b'!' | b'?', ..]) {
            return Err(XmlError::Restricted);
        }
        if tree.advance_tag(bytes, &Scope::EMPTY)? == Progress::Incomplete {
            return Ok(None);
        }
        let tag = Element::assemble(tree, bytes)?;
        let root = tag.root();
        for attribute in root.raw_attributes().filter(RawAttribute::is_declaration) {
            self.scope
                .bind(attribute.declared_prefix(), &attribute.decoded());
        }
        self.root = root.full_name().into();
        self.state = if tag.bytes().ends_with(b"/>") {
            State::OpenedAndClosed
        } else {
            State::Open
        };
        let default_namespace = self.scope.default_namespace().into();
        let end = tree.at();
        let header = StreamHeader {
            tag,
            default_namespace,
        };
        Ok(Some((Token::Frame(Frame::Open(header)), end)))
    }

    fn read_element(
        &mut self,
        tree: &mut Tree,
        bytes: &[u8],
    ) -> Result<Option<(Token, usize)>, XmlError> {
        if tree.advance(bytes, &self.scope)? == Progress::Incomplete {
            return Ok(None);
        }
        let element = Element::finish(tree, bytes, &self.scope, self.limits.bytes_max)?;
        Ok(Some((Token::Frame(Frame::Element(element)), tree.at())))
    }

    fn read_close(&mut self, bytes: &[u8]) -> Result<Option<(Token, usize)>, XmlError> {
        let Some(end) = memchr::memchr(b'>', bytes) else {
            // The name, and some whitespace: whoever sends more than that is not closing a stream.
            return if bytes.len() < self.root.len() + XML_DECLARATION_BYTES_MAX {
                Ok(None)
            } else {
                Err(XmlError::Malformed)
            };
        };
        let tag = bytes.get(2..end).unwrap_or_default();
        let spaces = tag
            .strip_prefix(self.root.as_bytes())
            .ok_or(XmlError::Malformed)?;
        if !spaces.iter().all(|byte| chars::is_space(*byte)) {
            return Err(XmlError::Malformed);
        }
        self.state = State::Closed;
        Ok(Some((Token::Frame(Frame::Close), end + 1)))
    }
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    let spaces = bytes
        .iter()
        .take_while(|byte| chars::is_space(**byte))
        .count();
    bytes.get(spaces..).unwrap_or_default()
}

fn clip(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(..length).unwrap_or(bytes)
}
