//! Files of accounts, one included by another, as one stream of elements.

use std::fs;
use std::fs::File;
use std::io::Read as _;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;
use std::rc::Rc;

use crate::base::limits::IMPORT_INCLUDES_MAX;
use crate::base::limits::IMPORT_PIECE_BYTES_MAX;
use crate::base::limits::XML_DEPTH_MAX;
use crate::server::portable::complaint::ImportError;
use crate::server::portable::complaint::Mistake;
use crate::server::portable::complaint::Place;
use crate::xml::Document;
use crate::xml::DocumentLimits;
use crate::xml::Element;
use crate::xml::Node;
use crate::xml::Piece;
use crate::xml::XmlError;

const LIMITS: DocumentLimits = DocumentLimits {
    bytes_max: IMPORT_PIECE_BYTES_MAX,
    depth_max: XML_DEPTH_MAX,
};

/// Bytes that are read from a file in one go.
const READ_BYTES: usize = 64 << 10;

/// What came next, whichever file it is in.
#[derive(Debug)]
pub(super) enum Next {
    Start(Element),
    End,
    Finished,
}

/// The files that are open, the including ones first.
pub(super) struct Source {
    files: Vec<Opened>,
    /// Read so far, of all files.
    pub(super) read_bytes: u64,
    /// Of the files that were opened so far.
    pub(super) known_bytes: u64,
}

struct Opened {
    path: Rc<PathBuf>,
    file: File,
    document: Document,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let mut source = Self {
            files: Vec::new(),
            read_bytes: 0,
            known_bytes: 0,
        };
        source.push(path.to_owned())?;
        Ok(source)
    }

    fn push(&mut self, path: PathBuf) -> Result<(), ImportError> {
        let opened = fs::metadata(&path).and_then(|meta| {
            let file = meta.is_file().then(|| File::open(&path)).transpose()?;
            Ok((file, meta.len()))
        });
        match opened {
            Ok((Some(file), bytes)) => {
                self.known_bytes = self.known_bytes.saturating_add(bytes);
                let (path, document) = (Rc::new(path), Document::new(LIMITS));
                self.files.push(Opened {
                    path,
                    file,
                    document,
                });
                Ok(())
            }
            Ok((None, _)) => Err(ImportError::NotAFile { path }),
            Err(error) => Err(ImportError::File { path, error }),
        }
    }

    /// Where the reading is.
    pub(super) fn place(&self) -> Place {
        match self.files.last() {
            Some(top) => Place {
                path: Rc::clone(&top.path),
                line: top.document.line(),
            },
            None => Place {
                path: Rc::default(),
                line: 0,
            },
        }
    }

    pub(super) fn wrong<T>(&self, mistake: Mistake) -> Result<T, ImportError> {
        let at = self.place();
        Err(ImportError::Mistake { at, mistake })
    }

    pub(super) fn next(&mut self) -> Result<Next, ImportError> {
        loop {
            match self.on_top(Document::next)? {
                Piece::Start(tag) => return Ok(Next::Start(tag)),
                Piece::End => return Ok(Next::End),
                Piece::More => self.fill()?,
                // What includes it goes on.
                Piece::Finished => {
                    if self.files.len() == 1 {
                        return Ok(Next::Finished);
                    }
                    self.files.pop();
                }
            }
        }
    }

    /// Goes into the element that was begun.
    pub(super) fn enter(&mut self) -> Result<(), ImportError> {
        self.on_top(Document::enter)
    }

    /// All of the element that was begun.
    pub(super) fn take(&mut self) -> Result<Element, ImportError> {
        loop {
            match self.on_top(Document::take)? {
                Some(element) => return Ok(element),
                None => self.fill()?,
            }
        }
    }

    /// Leaves out the element that was begun, however long it is.
    pub(super) fn skip(&mut self) -> Result<(), ImportError> {
        let depth = self.on_top(|document| Ok(document.depth()))?;
        loop {
            self.on_top(Document::pass)?;
            loop {
                match self.next()? {
                    Next::Start(_) => break,
                    Next::End if self.on_top(|document| Ok(document.depth()))? > depth => {}
                    Next::End | Next::Finished => return Ok(()),
                }
            }
        }
    }

    /// The element that was begun stands for the root of another file, which comes next.
    ///
    /// Only files beside or below: what comes from elsewhere must not choose which files are read.
    pub(super) fn include(&mut self, tag: Node<'_>) -> Result<(), ImportError> {
        let href = tag.attr("href").unwrap_or_default().into_owned();
        let is_plain =
            tag.attr("parse").is_none_or(|parse| parse == "xml") && tag.attr("xpointer").is_none();
        let below = relative(&href).filter(|_| is_plain);
        let Some(below) = below else {
            return self.wrong(Mistake::BadInclude { href });
        };
        if self.files.len() >= IMPORT_INCLUDES_MAX {
            return self.wrong(Mistake::TooManyIncludes);
        }
        self.skip()?;
        let here = self.place().path;
        self.push(here.with_file_name("").join(below))
    }

    fn on_top<T>(
        &mut self,
        act: impl FnOnce(&mut Document) -> Result<T, XmlError>,
    ) -> Result<T, ImportError> {
        let result = match self.files.last_mut() {
            Some(top) => act(&mut top.document),
            None => Err(XmlError::Malformed),
        };
        result.map_err(|error| ImportError::Xml {
            at: self.place(),
            error,
        })
    }

    fn fill(&mut self) -> Result<(), ImportError> {
        let Some(top) = self.files.last_mut() else {
            return Ok(());
        };
        let mut bytes = vec![0; READ_BYTES];
        let count = top.file.read(&mut bytes).map_err(|error| {
            let path = PathBuf::clone(&top.path);
            ImportError::File { path, error }
        })?;
        bytes.truncate(count);
        top.document.feed(&bytes);
        let count = u64::try_from(count).unwrap_or(0);
        self.read_bytes = self.read_bytes.saturating_add(count);
        Ok(())
    }
}

/// A relative URI reference to a file beside or below (RFC 3986 section 4.2).
fn relative(href: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(href.len());
    let mut rest = href.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'%' => {
                let (digits, tail) = rest.split_at_checked(2)?;
                let digits = std::str::from_utf8(digits).ok()?;
                // A number may have a sign elsewhere.
                digits
                    .bytes()
                    .all(|digit| digit.is_ascii_hexdigit())
                    .then_some(())?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = tail;
            }
            b'#' | b'?' => return None,
            byte => bytes.push(*byte),
        }
    }
    let first = href.split('/').next()?;
    let path = PathBuf::from(String::from_utf8(bytes).ok()?);
    let is_inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    let is_file = path.file_name().is_some() && !first.contains(':');
    (is_file && path.components().all(is_inside)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_beside_and_below_are_included_and_no_others() {
        for (href, path) in [
            ("a.xml", Some("a.xml")),
            ("a.example/b%25%C3%A9.xml", Some("a.example/b%\u{e9}.xml")),
            ("./a.xml", Some("./a.xml")),
            ("", None),
            ("..", None),
            ("../a.xml", None),
            ("%2e%2e/a.xml", None),
            ("/etc/passwd", None),
            ("%2Fetc/passwd", None),
            ("file:///etc/passwd", None),
            ("a.xml#b", None),
            ("%zz", None),
            ("%+1", None),
        ] {
            assert_eq!(relative(href).as_deref(), path.map(Path::new), "{href}");
        }
    }
}
