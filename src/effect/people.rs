//! People as user search finds them (XEP-0055): by what they tell of themselves in their vCards.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::fold::fold;
use crate::base::jid::BareJid;
use crate::base::search_limits::PERSON_TEXT_BYTES_MAX;
use crate::stanza::ns;
use crate::xml::Element;
use crate::xml::Node;

/// What can be searched for, and is told of who is found (XEP-0055 section 6.2), with its label.
pub(crate) const FIELDS: [(&str, &str); 4] = [
    ("first", "Given name"),
    ("last", "Family name"),
    ("nick", "Nickname"),
    ("email", "E-mail address"),
];

/// The texts of the fields, in their order.
pub(crate) type Texts = [Box<str>; 4];

/// vCards by account as the tail has them; `None`: removed.
pub(crate) type Cards = BTreeMap<BareJid, Option<Arc<[u8]>>>;

/// Who was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Person {
    pub(crate) jid: BareJid,
    pub(crate) texts: Texts,
}

impl Person {
    /// `None`: this is no vCard.
    pub(crate) fn parse(jid: &BareJid, vcard: &[u8]) -> Option<Self> {
        let vcard = Element::parse(vcard).ok()?;
        let vcard = vcard.root();
        let part = |of: Option<Node<'_>>, name| {
            let text = of.and_then(|of| of.child_text(name, ns::VCARD));
            let text = text.unwrap_or_default();
            let text = text.trim();
            Box::from(
                text.split_at(text.floor_char_boundary(PERSON_TEXT_BYTES_MAX))
                    .0,
            )
        };
        let name = vcard.child("N", ns::VCARD);
        let (first, last): (Box<str>, Box<str>) = (part(name, "GIVEN"), part(name, "FAMILY"));
        let is_nameless = first.is_empty() && last.is_empty();
        // Many clients write the whole name alone.
        let first = if is_nameless {
            part(Some(vcard), "FN")
        } else {
            first
        };
        let nick = part(Some(vcard), "NICKNAME");
        let email = part(vcard.child("EMAIL", ns::VCARD), "USERID");
        Some(Self {
            jid: jid.clone(),
            texts: [first, last, nick, email],
        })
    }
}

/// What is looked for.
#[derive(Clone, Debug)]
pub(crate) struct PeopleSearch {
    /// Folded; empty: whatever it is.
    pub(crate) texts: Texts,
    /// Whether it was asked with a data form, and is to be answered with one.
    pub(crate) is_form: bool,
}

impl PeopleSearch {
    /// All that is looked for has to occur; a nickname may be the name in the address as well.
    pub(crate) fn matches(&self, person: &Person) -> bool {
        let own = person.jid.local().unwrap_or_default();
        let mut fields = FIELDS.iter().zip(self.texts.iter().zip(&person.texts));
        fields.all(|((name, _), (wanted, text))| {
            let is_in = |text: &str| fold(text).contains(&**wanted);
            is_in(text) || (*name == "nick" && is_in(own))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = "<vCard xmlns='vcard-temp'><FN>Ann Example</FN><N><GIVEN>\u{c4}nne</GIVEN>\
                        <FAMILY>Example</FAMILY></N><NICKNAME>Annie</NICKNAME>\
                        <EMAIL><USERID>ann@mail.test</USERID></EMAIL></vCard>";

    fn is_found(texts: [&str; 4]) -> bool {
        let jid = BareJid::parse("ann17@test").unwrap();
        let person = Person::parse(&jid, CARD.as_bytes()).unwrap();
        let search = PeopleSearch {
            texts: texts.map(Into::into),
            is_form: false,
        };
        search.matches(&person)
    }

    #[test]
    fn all_that_is_asked_for_has_to_occur_in_its_field() {
        assert!(is_found(["anne", "", "", ""]));
        assert!(is_found(["ann", "exam", "ni", "mail"]));
        assert!(is_found(["", "", "ann17", ""]));
        assert!(!is_found(["anne", "other", "", ""]));
        assert!(!is_found(["example", "", "", ""]));
    }

    #[test]
    fn a_whole_name_is_a_given_name_where_there_is_no_other() {
        let jid = BareJid::parse("bob@test").unwrap();
        let card = "<vCard xmlns='vcard-temp'><FN>Bob B.</FN></vCard>";
        let person = Person::parse(&jid, card.as_bytes()).unwrap();
        assert_eq!(&*person.texts[0], "Bob B.");
    }

    #[test]
    fn long_texts_are_cut() {
        let jid = BareJid::parse("bob@test").unwrap();
        let name = "\u{e4}".repeat(300);
        let card = format!("<vCard xmlns='vcard-temp'><NICKNAME> {name}</NICKNAME></vCard>");
        let person = Person::parse(&jid, card.as_bytes()).unwrap();
        assert!(person.texts[2].len() <= PERSON_TEXT_BYTES_MAX);
    }
}
