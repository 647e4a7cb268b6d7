//! User search (XEP-0055): where the settings allow it, users of this server find each other.
//!
//! Who has no vCard is not found: whoever publishes one tells everybody (XEP-0054). What is looked for may stand
//! anywhere in a field (`base::fold` has what counts as the same letter); a `*` before or after it changes nothing.

use crate::base::fold::fold;
use crate::base::search_limits::PERSON_TEXT_BYTES_MAX;
use crate::effect::people::FIELDS;
use crate::effect::people::PeopleSearch;
use crate::effect::people::Person;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::query::Query;
use crate::effect::query::Question;
use crate::effect::request::Request;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::StanzaError;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Node;
use crate::xml::Writer;

const INSTRUCTIONS: &str = "Fill in one field or more.";

/// Section 2.1: what can be searched for, for clients of both kinds.
pub(super) fn form(request: &Request) -> Proposal {
    let form = Form {
        instructions: Some(INSTRUCTIONS.into()),
        ..Form::with_type(FormKind::Form, ns::SEARCH)
    };
    let form = FIELDS.iter().fold(form, |form, (name, label)| {
        form.with(Field::new(name, FieldKind::TextSingle).with_label(label))
    });
    let mut writer = Writer::new();
    writer.start_ns("query", ns::SEARCH);
    writer.leaf("instructions", INSTRUCTIONS);
    for (name, _) in FIELDS {
        writer.start(name).end();
    }
    form.write(&mut writer);
    writer.end();
    Proposal::answer(request.stanza.result(&request.from, writer.finish()))
}

pub(super) fn search(request: &Request, query: Node<'_>) -> Result<Proposal, Stop> {
    let form = Form::parse_in(query)?;
    let bad = |why| StanzaError::new(Condition::NotAcceptable).with_text(why);
    let text = |name: &str| {
        let text = match &form {
            Some(form) => form.value(name).unwrap_or_default().to_owned(),
            None => query
                .child_text(name, ns::SEARCH)
                .unwrap_or_default()
                .into(),
        };
        let text = text.trim().trim_matches('*');
        if text.len() > PERSON_TEXT_BYTES_MAX {
            return Err(bad("this is too long to be searched for"));
        }
        Ok(fold(text).into_boxed_str())
    };
    let texts = FIELDS.map(|(name, _)| text(name));
    let [first, last, nick, email] = texts;
    let search = PeopleSearch {
        texts: [first?, last?, nick?, email?],
        is_form: form.is_some(),
    };
    let to = request.stanza.to.clone();
    let query = Query {
        iq: request.stanza.id.clone().unwrap_or_default(),
        from: to.unwrap_or_else(|| request.from.bare().to_jid()),
        question: Question::People {
            search: search.clone(),
        },
    };
    // Nobody is shown everybody. Section 2.2 has an empty result where nobody is found, and no error for that.
    if search.texts.iter().all(|text| text.is_empty()) {
        return Ok(Proposal::answer(answer(&query, &search, &[])));
    }
    Ok(Proposal::ask(query))
}

/// Who was found, in the manner of the request.
pub(super) fn answer(query: &Query, search: &PeopleSearch, people: &[Person]) -> Outgoing {
    let mut writer = Writer::new();
    writer.start_ns("query", ns::SEARCH);
    if search.is_form {
        let extra = table(people);
        Form::with_type(FormKind::Result, ns::SEARCH).write_with(&mut writer, &extra);
    } else {
        for person in people {
            writer.start("item").attr("jid", person.jid.as_str());
            for ((name, _), text) in FIELDS.iter().zip(&person.texts) {
                writer.leaf(name, text);
            }
            writer.end();
        }
    }
    writer.end();
    query.answer(IqType::Result, writer.finish())
}

fn table(people: &[Person]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.start("reported");
    let jid = ("jid", "Address", "jid-single");
    let texts = FIELDS.map(|(name, label)| (name, label, "text-single"));
    for (name, label, kind) in [jid].into_iter().chain(texts) {
        writer.start("field").attr("var", name);
        writer.attr("label", label).attr("type", kind).end();
    }
    writer.end();
    for person in people {
        let texts = FIELDS.iter().map(|(name, _)| *name).zip(&person.texts);
        let texts = texts.map(|(name, text)| (name, &**text));
        writer.start("item");
        for (name, value) in [("jid", person.jid.as_str())].into_iter().chain(texts) {
            writer.start("field").attr("var", name);
            writer.leaf("value", value).end();
        }
        writer.end();
    }
    writer.finish()
}
