//! Words that are looked for in messages (XEP-0431).
//!
//! A message is found when all words occur in its bodies and subjects, each anywhere, in a longer word too: in
//! many languages words are not parted, or grow together. Words are what stands between spaces; no character
//! means anything special (XEP-0431 section 3.2). What counts as the same letter says `base::fold`.

use memchr::memmem::Finder;

use crate::base::fold::fold;
use crate::base::search_limits::SEARCH_TEXT_BYTES_MAX;
use crate::base::search_limits::SEARCH_TEXT_WORDS_MAX;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::stanza::outgoing::parse_payload;

/// Folded, at least one.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    finders: Vec<Finder<'static>>,
}

impl Words {
    /// `None`: nothing is looked for.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, StanzaError> {
        let many = || StanzaError::new(Condition::NotAcceptable);
        if text.len() > SEARCH_TEXT_BYTES_MAX {
            let why = format!("at most {SEARCH_TEXT_BYTES_MAX} bytes can be searched for");
            return Err(many().with_text(why));
        }
        let folded = fold(text);
        let words = folded.split_whitespace().map(Finder::new);
        let finders: Vec<Finder<'static>> = words.map(Finder::into_owned).collect();
        if finders.len() > SEARCH_TEXT_WORDS_MAX {
            let why = format!("at most {SEARCH_TEXT_WORDS_MAX} words can be searched for");
            return Err(many().with_text(why));
        }
        Ok((!finders.is_empty()).then_some(Self { finders }))
    }

    /// Whether a message with this payload is found.
    pub(crate) fn are_in(&self, payload: &[u8]) -> bool {
        self.may_be_in(payload) && self.are_in_texts(payload)
    }

    /// Most messages have not got the words anywhere, which is told without parsing them.
    fn may_be_in(&self, payload: &[u8]) -> bool {
        let Ok(payload) = std::str::from_utf8(payload) else {
            return false;
        };
        // What is escaped looks different.
        payload.contains('&') || payload.contains("<!") || self.are_all_in(&fold(payload))
    }

    fn are_in_texts(&self, payload: &[u8]) -> bool {
        let Some(message) = parse_payload(payload) else {
            return false;
        };
        let mut texts = String::new();
        for child in message.root().children() {
            if child.ns() == ns::CLIENT && matches!(child.name(), "body" | "subject") {
                texts.push_str(&fold(&child.text()));
                texts.push('\n');
            }
        }
        self.are_all_in(&texts)
    }

    fn are_all_in(&self, folded: &str) -> bool {
        let mut finders = self.finders.iter();
        finders.all(|finder| finder.find(folded.as_bytes()).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(text: &str, payload: &str) -> bool {
        let words = Words::parse(text).unwrap().unwrap();
        words.are_in(payload.as_bytes())
    }

    #[test]
    fn all_words_have_to_occur_in_any_order_and_case() {
        let payload = "<body>See you at the Old Harbour</body><active xmlns='x'/>";
        assert!(finds("harbour YOU", payload));
        assert!(finds("harb", payload));
        assert!(!finds("harbour tomorrow", payload));
        assert!(!finds("youat", payload));
    }

    #[test]
    fn bodies_in_all_languages_and_subjects_are_looked_at() {
        let payload = "<subject>Plans</subject><body>Hello</body><body xml:lang='de'>Hallo</body>";
        assert!(finds("plans hallo hello", payload));
    }

    #[test]
    fn markup_and_the_texts_of_others_are_not_found() {
        let payload =
            "<body>no</body><x xmlns='secret:extension' word='here'><body>there</body></x>";
        for word in ["body", "secret", "extension", "here", "there"] {
            assert!(!finds(word, payload), "{word}");
        }
    }

    #[test]
    fn what_is_escaped_is_found_as_it_is_read() {
        assert!(finds("Q&A", "<body>a Q&amp;A</body>"));
        assert!(finds("a<b", "<body>a&lt;b</body>"));
        assert!(finds("hauser", "<body>H&#xe4;user</body>"));
        assert!(finds("<b>", "<body><![CDATA[<b>]]></body>"));
        assert!(!finds("amp", "<body>a Q&amp;A</body>"));
    }

    #[test]
    fn blanks_and_accents_alone_are_nothing_to_look_for() {
        for text in ["", "  \n", "\u{301}"] {
            assert!(Words::parse(text).unwrap().is_none(), "{text:?}");
        }
    }

    #[test]
    fn too_much_to_look_for_is_refused() {
        for text in ["a".repeat(1_025), "a ".repeat(17)] {
            let refused = Words::parse(&text).unwrap_err();
            assert_eq!(refused.condition, Condition::NotAcceptable);
        }
        assert!(Words::parse(&"a ".repeat(16)).is_ok());
    }
}
